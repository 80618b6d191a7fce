"""Structured logs: one JSON object a line. Names that sound like secrets never show their value."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

SECRET_WORDS: Final = ("secret", "password", "token", "authorization", "api_key", "cookie", "private")
HIDDEN: Final = "[hidden]"
MAX_VALUE_LENGTH: Final = 2_000
MAX_FILE_BYTES: Final = 20_000_000
KEPT_FILES: Final = 3


class Logger:
    """Logs an event with named values: ``log.info("wave committed", dispatch_id=7, offers=200)``."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, **values: object) -> None:
        """Something for developers."""
        self._log(logging.DEBUG, event, None, values)

    def info(self, event: str, **values: object) -> None:
        """Something normal that operators follow."""
        self._log(logging.INFO, event, None, values)

    def warning(self, event: str, *, exception: BaseException | None = None, **values: object) -> None:
        """Something that heals by itself."""
        self._log(logging.WARNING, event, exception, values)

    def error(self, event: str, *, exception: BaseException | None = None, **values: object) -> None:
        """Something that somebody must look at; ``exception`` adds its trace."""
        self._log(logging.ERROR, event, exception, values)

    def _log(self, level: int, event: str, exception: BaseException | None, values: dict[str, object]) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, event, exc_info=exception, extra={"values": values})


def logger_of(name: str) -> Logger:
    """Return the logger of a module; write ``log = logger_of(__name__)`` at its top."""
    return Logger(name)


class JsonLines(logging.Formatter):
    """Formats a record as one JSON line: time, level, process, event, values, trace."""

    def __init__(self, process_name: str) -> None:
        super().__init__()
        self._process_name = process_name

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without a line end."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "process": self._process_name,
            "logger": record.name,
            "event": record.getMessage(),
        }
        line.update(shown(getattr(record, "values", {})))
        if record.exc_info and record.exc_info[1] is not None:
            line["trace"] = "".join(traceback.format_exception(record.exc_info[1]))[-4 * MAX_VALUE_LENGTH :]
        return json.dumps(line, ensure_ascii=False, default=str)


def shown(values: dict[str, object]) -> dict[str, object]:
    """Return the values as they may be written: secrets hidden, long texts cut."""
    result: dict[str, object] = {}
    for name, value in values.items():
        if any(word in name.lower() for word in SECRET_WORDS):
            result[name] = HIDDEN
        elif isinstance(value, dict):
            result[name] = shown(value)
        elif isinstance(value, str) and len(value) > MAX_VALUE_LENGTH:
            result[name] = value[:MAX_VALUE_LENGTH] + "..."
        else:
            result[name] = value
    return result


def configure_logging(process_name: str, level: str = "INFO", file: Path | None = None) -> None:
    """Send all logs of this process to stderr as JSON lines, and to ``file`` (rotated at 20 MB) when given."""
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(RotatingFileHandler(file, maxBytes=MAX_FILE_BYTES, backupCount=KEPT_FILES, encoding="utf-8"))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    for handler in handlers:
        handler.setFormatter(JsonLines(process_name))
        root.addHandler(handler)
    root.setLevel(level)
