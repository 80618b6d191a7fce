"""A private MariaDB server: own data folder, own unix socket, no network."""

import contextlib
import fcntl
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pymysql

from tests.harness import folder as session_folder

READY_TIMEOUT_S = 60.0
MISSING = "mariadbd is not installed: bin/test installs it (package mariadb-server)"


class MariaServer:
    """One server in ``folder``. ``durable`` keeps fsync and the binary log on, as in production."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self.folder = folder
        self.socket = folder / "m.sock"
        self._durable = durable

    @property
    def pid(self) -> int:
        return int((self.folder / "pid").read_text())

    def create(self) -> None:
        """Make the data folder: about two seconds."""
        self.folder.mkdir(parents=True)
        subprocess.run(
            [
                _program("mariadb-install-db"),
                "--no-defaults",
                f"--datadir={self.folder / 'data'}",
                f"--user={getpass.getuser()}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )

    def start(self) -> None:
        """Start and wait until it answers."""
        pid = session_folder.spawn(self._command(), self.folder / "server.log")
        (self.folder / "pid").write_text(str(pid))
        session_folder.register(pid)
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        while not self._listens():
            if not session_folder.runs(pid) or time.monotonic() > deadline_s:
                tail = (self.folder / "server.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"the private MariaDB did not start: {tail}")
            time.sleep(0.05)
        self.connect().close()

    def _listens(self) -> bool:
        # Not by the driver: it leaves the socket of a refused connection open, which is a warning, which is an error.
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    def _command(self) -> list[str]:
        command = [
            _program("mariadbd"),
            "--no-defaults",
            f"--user={getpass.getuser()}",
            f"--datadir={self.folder / 'data'}",
            f"--socket={self.socket}",
            f"--pid-file={self.folder / 'server.pid'}",
            "--skip-networking",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_bin",
            "--innodb-buffer-pool-size=128M",
            "--innodb-log-file-size=64M",
            "--max-connections=300",
            "--performance-schema=OFF",
        ]
        if self._durable:
            command += ["--log-bin=binary", "--sync-binlog=1", "--server-id=1"]
            return [*command, "--innodb-flush-log-at-trx-commit=1"]
        return [*command, "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0"]

    def send(self, how: signal.Signals) -> None:
        """Send a signal: SIGKILL for a crash, SIGSTOP for a server that hangs, SIGCONT for one that goes on."""
        os.kill(self.pid, how)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the server and wait for its end."""
        pid = self.pid
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        deadline_s = time.monotonic() + 30
        while session_folder.runs(pid):
            if time.monotonic() > deadline_s:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        session_folder.unregister(pid)

    def connect(self) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """A plain connection as root."""
        return pymysql.connect(unix_socket=str(self.socket), user="root", charset="utf8mb4", autocommit=True)

    def url(self, name: str) -> str:
        """The URL of a database of this server."""
        return f"mysql+pymysql://root@/{name}?unix_socket={self.socket}"

    def create_database(self, name: str) -> str:
        """Make an empty database, in place of one that is there; return its URL."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        return self.url(name)


def shared_server() -> MariaServer:
    """The functional server of this test session; the first worker that asks starts it."""
    server = MariaServer(session_folder.current() / "mariadb")
    with _only_one(session_folder.current() / "mariadb.lock"):
        if not (server.folder / "ready").exists():
            server.create()
            server.start()
            (server.folder / "ready").touch()
    return server


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _program(name: str) -> str:
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin:/usr/local/sbin")
    if found is None:
        raise RuntimeError(MISSING)
    return found
