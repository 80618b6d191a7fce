"""A channel into a file: one JSON object a line, for demonstrations and for programs that pass messages on."""

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import orjson

from kit.errors import InvalidInput
from kit.folders import not_writable
from marketplace.channels.ports import Message, Outcome
from marketplace.channels.tables import MAX_ADDRESS

MAX_FILE_BYTES: Final = 20_000_000


class LogFileChannel:
    """Appends to a file that any number of processes share; above 20 MB it is moved to ``<name>.1``."""

    name = "log"

    def __init__(self, path: Path) -> None:
        self._path = path

    def check_address(self, address: str) -> str:
        """Return the address: any short printable text. Raises InvalidInput."""
        if not 1 <= len(address) <= MAX_ADDRESS or not address.isprintable() or address != address.strip():
            raise InvalidInput(
                "address", address, f"must be 1 to {MAX_ADDRESS} printable characters without spaces around them"
            )
        return address

    def send(self, messages: Sequence[Message], now_ms: int) -> Sequence[Outcome]:
        """Append the messages and wait until they are on the disk. Raises DataFolderNotWritable."""
        lines = b"".join(orjson.dumps({"at_ms": now_ms, **_document(message)}) + b"\n" for message in messages)
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._path.with_name(f"{self._path.name}.lock").open("a") as guard:
                fcntl.flock(guard, fcntl.LOCK_EX)
                if self._path.exists() and self._path.stat().st_size > MAX_FILE_BYTES:
                    self._path.replace(self._path.with_name(f"{self._path.name}.1"))
                with self._path.open("ab") as file:
                    file.write(lines)
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            raise not_writable(self._path.parent, error) from error
        return [Outcome() for _ in messages]


def _document(message: Message) -> dict[str, object]:
    return {
        "message_id": message.message_id,
        "kind": message.kind.value,
        "user_id": message.user_id,
        "dispatch_id": message.dispatch_id,
        "address": message.address,
        "subject": message.subject,
        "text": message.text,
    }
