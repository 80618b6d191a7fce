"""Where the primary of a replicated database is: a file that its supervisor replaces and every client reads again.

The file is one JSON object with ``generation`` (grows with every change of the primary), ``host``, ``port`` and, on
the same machine, ``unix_socket``; what else stands in it belongs to whoever supervises the servers.
"""

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit.db.failures import DatabaseUnavailable


@dataclass(frozen=True, slots=True)
class PrimaryAddress:
    """Where the primary listens; ``unix_socket`` is used in place of host and port when it is there."""

    generation: int
    host: str
    port: int
    unix_socket: str | None


class TopologyFile:
    """Reads the file again whenever it was replaced; safe for threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._address: PrimaryAddress | None = None

    def address(self) -> PrimaryAddress:
        """Return the present address. Raises DatabaseUnavailable when the file is not there or not readable."""
        try:
            status = self.path.stat()
            mark = (status.st_ino, status.st_mtime_ns, status.st_size)
            with self._lock:
                if self._address is None or mark != self._seen:
                    self._address = _address_of(read_topology(self.path))
                    self._seen = mark
                return self._address
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DatabaseUnavailable(
                f"the topology file {self.path} cannot be read: it is written by `quanwang cluster up`, which must run"
            ) from error


def read_topology(path: Path) -> dict[str, Any]:
    """Return the whole object of the file. Raises OSError, ValueError."""
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise TypeError("a topology is one JSON object")
    return found


def write_topology(path: Path, document: Mapping[str, Any]) -> None:
    """Replace the file in one step, and only return when the new one would survive a power cut."""
    staging = path.with_name(f"{path.name}.new")
    with staging.open("w", encoding="utf-8") as file:
        file.write(json.dumps(dict(document), indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    staging.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _address_of(document: Mapping[str, Any]) -> PrimaryAddress:
    socket = document.get("unix_socket")
    return PrimaryAddress(
        int(document["generation"]),
        str(document["host"]),
        int(document["port"]),
        None if socket is None else str(socket),
    )
