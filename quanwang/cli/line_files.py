"""Files of JSON lines: read with the place of every line, written whole or not at all."""

import gzip
import os
import signal
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any, Protocol

from kit.errors import InvalidInput, QuanwangError
from kit.json_lines import parse_line
from matching.errors import UnreadableFile

MAX_LINE_BYTES = 4 * 1024 * 1024
"""More than any valid order: 100,000 excluded ids are 1.7 MB. A longer line is refused."""

MAX_SKIPPED_BYTES = 64 * 1024 * 1024
"""A line that is longer still, such as that of /dev/zero, may have no end: the file is refused."""


class LineSource(Protocol):
    """Bytes that can be read by lines of bounded length: a file, compressed or not."""

    def readline(self, size: int = -1, /) -> bytes:
        """Return the next line, at most ``size`` bytes of it; empty at the end."""
        ...


_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_TOO_LONG = b"..."


class UnwritableFile(QuanwangError):
    """A file that cannot be made where it was asked for; the sentence names it and the reason."""


OnBytes = Callable[[int, int], None]
"""Told from time to time how many bytes of how many are read."""


def read_lines(path: Path, on_bytes: OnBytes) -> Iterator[tuple[int, Any]]:
    """Yield (line number from 1, parsed JSON) for every line that is not blank.

    For a line that is no JSON an InvalidInput takes the place of the value. UTF-8, with or without byte order mark, LF
    or CRLF; decompressed when the name ends in ``.gz``. Raises UnreadableFile.
    """
    try:
        with path.open("rb") as raw:
            size = os.fstat(raw.fileno()).st_size
            file: LineSource = gzip.GzipFile(fileobj=raw) if _is_gzip(path) else raw
            for number, line in _numbered(file, path):
                if number % 4_096 == 0:
                    on_bytes(raw.tell(), size)
                content = line.strip()
                if content:
                    yield number, _parsed(content)
            on_bytes(size, size)
    except (OSError, EOFError, zlib.error) as error:  # a cut or damaged gzip file is an EOFError, zlib.error or OSError
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UnreadableFile(f"{path}: cannot be read: {reason}") from error


def _is_gzip(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _numbered(file: LineSource, path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield lines of bounded length; of a longer one only the beginning, which is no JSON. Raises UnreadableFile."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES):
        number += 1
        if number == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            _skip_rest(file, f"{path}:{number}")
            line = _TOO_LONG
        yield number, line


def _skip_rest(file: LineSource, place: str) -> None:
    """Read to the end of a line that is too long."""
    skipped = MAX_LINE_BYTES
    while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
        skipped += len(rest)
        if skipped >= MAX_SKIPPED_BYTES:
            raise UnreadableFile(
                f"{place}: the line is longer than {MAX_SKIPPED_BYTES // 2**20} MiB: this is no file of lines"
            )


def _parsed(content: bytes) -> Any:
    if content == _TOO_LONG:
        return InvalidInput("", "...", f"is longer than {MAX_LINE_BYTES // 2**20} MiB")
    try:
        return parse_line(content)
    except InvalidInput as error:
        return error


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """Give a file to write that appears at ``path``, complete and on disk, only when the block ends well.

    Compressed when the name ends in ``.gz``. A device such as /dev/stdout is written directly. Raises UnwritableFile
    when the folder cannot be written or the disk is full. Ctrl-C and SIGTERM leave nothing behind either.
    """
    if path.is_dir():
        raise UnwritableFile(f"{path}: is a folder; name a file")
    is_device = path.exists() and not path.is_file()
    place = path.resolve() if path.is_symlink() else path
    written = place if is_device else place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        with _removed_when_ended(path, None if is_device else written), written.open("wb") as raw:
            if _is_gzip(path):
                with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
                    yield file
            else:
                yield raw
            raw.flush()
            if not is_device:
                os.fsync(raw.fileno())
        if not is_device:
            written.replace(place)
            _sync_folder(place.parent)
    except OSError as error:
        raise UnwritableFile(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if not is_device:
            written.unlink(missing_ok=True)


@contextmanager
def _removed_when_ended(path: Path, written: Path | None) -> Iterator[None]:
    """Make signals that end the process remove ``written`` first, and say so in one line.

    Not by an exception: a signal may come inside a compiler's callback, where an exception is printed and lost.
    """

    def end(signal_number: int, _frame: FrameType | None) -> None:
        if written is not None:
            written.unlink(missing_ok=True)
        show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # a progress bar hides it
        os.write(sys.stderr.fileno(), f"{show_cursor}quanwang: stopped; {path} was not written\n".encode())
        os._exit(128 + signal_number)

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _sync_folder(folder: Path) -> None:
    """Put the new name itself on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
