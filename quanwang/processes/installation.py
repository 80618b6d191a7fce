"""What belongs to one data folder while it runs: its lock, its port, its folders."""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from kit.config import Settings
from kit.errors import Conflict, Unavailable
from quanwang.processes.lifeline import is_alive

STALLED_MS: Final = 30_000
LEAST_FREE_BYTES = 200 * 1024 * 1024


class AlreadyRunning(Conflict):
    """Another process runs this data folder."""


class PortTaken(Unavailable):
    """The HTTP port belongs to another program."""


class DiskAlmostFull(Unavailable):
    """There is too little room to start."""


@contextlib.contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """Own the data folder until the block ends. Raises AlreadyRunning with the owner's process id.

    The kernel frees the lock when its owner dies, whatever it dies of.
    """
    path = settings.run_dir / "up.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            file.seek(0)
            owner = file.read().strip() or "unknown"
            raise AlreadyRunning(
                f"the data folder {settings.data_dir} is in use by process {owner}: stop that one (Ctrl-C or"
                f" kill {owner}), or choose another folder with --data-dir"
            ) from error
        file.truncate(0)
        # The lock itself needs no room. Without the number only `quanwang status` knows less, and on a full disk
        # --reset must be able to make room.
        with contextlib.suppress(OSError):
            os.write(file.fileno(), str(os.getpid()).encode())
        try:
            yield
        finally:
            file.truncate(0)


def running_owner(settings: Settings) -> int | None:
    """Return the process id of whoever runs the data folder, or None."""
    try:
        owner = int((settings.run_dir / "up.lock").read_text().strip() or "0")
    except (OSError, ValueError):
        return None
    return owner if owner and is_alive(owner) else None


def check_port(settings: Settings) -> None:
    """Raise PortTaken when the HTTP port cannot be had."""
    bind_port(settings).close()


def bind_port(settings: Settings) -> socket.socket:
    """Return a socket bound to the HTTP port. Raises PortTaken."""
    listener = socket.socket(socket.AF_INET6 if ":" in settings.http_host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    cut_off_stalled(listener, STALLED_MS)
    try:
        listener.bind((settings.http_host, settings.http_port))
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"port {settings.http_port} on {settings.http_host} cannot be had ({error.strerror}): stop the program"
            " that uses it, or choose another one with --port"
        ) from error
    return listener


def cut_off_stalled(listener: socket.socket, after_ms: int) -> None:
    """Let the kernel close connections whose other side takes nothing that is sent for so long (Linux).

    A reader of a live stream that stops reading would otherwise keep its place for ever.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, after_ms)


def remember_address(settings: Settings, host: str, port: int) -> None:
    """Write where the web process of the data folder listens; the newest one counts."""
    path = _address_file(settings)
    staging = path.with_name(f"{path.name}.{os.getpid()}")
    staging.write_text(json.dumps({"host": host, "port": port}), encoding="utf-8")
    staging.replace(path)


def known_address(settings: Settings) -> tuple[str, int]:
    """Return (host, port) of the web process that was started last in the data folder, else those of the settings."""
    try:
        found = json.loads(_address_file(settings).read_text(encoding="utf-8"))
        return str(found["host"]), int(found["port"])
    except (OSError, ValueError, TypeError, KeyError):
        return settings.http_host, settings.http_port


def _address_file(settings: Settings) -> Path:
    return settings.run_dir / "web.address"


def check_disk(settings: Settings) -> None:
    """Raise DiskAlmostFull when the data folder has less than LEAST_FREE_BYTES left."""
    free = shutil.disk_usage(settings.data_dir).free
    if free < LEAST_FREE_BYTES:
        raise DiskAlmostFull(
            f"the disk of {settings.data_dir} has {free // 1024**2} MB left and {LEAST_FREE_BYTES // 1024**2} MB are"
            " needed: free some, or choose another folder with --data-dir"
        )


def remove_contents(settings: Settings) -> None:
    """Remove what an installation wrote into its data folder, and nothing else; the lock file, which is held, stays.

    The compiled kernels stay: they belong to the code, not to the data.
    """
    lock = settings.run_dir / "up.lock"
    for pattern in OWN_PATTERNS:
        for path in settings.data_dir.absolute().glob(pattern):
            if path != lock:
                _remove(path)
    for name in SHARED_FOLDERS:
        with contextlib.suppress(OSError):
            # Only an empty one goes.
            (settings.data_dir.absolute() / name).rmdir()


OWN_PATTERNS: Final = (
    "quanwang.sqlite3*",
    "demonstration.json",
    "demonstration.new",
    "cluster",
    "ray",
    "redis",
    "shards",
    "run/*",
    "keys/*.key",
    "logs/*.log",
    "logs/*.log.[0-9]",
    "logs/*.log.lock",
)
SHARED_FOLDERS: Final = ("keys", "logs")
"""People keep files of their own in folders of these names."""


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
