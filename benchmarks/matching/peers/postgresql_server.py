"""A private PostgreSQL: in a folder of its own, on a socket in it, ended by its process id."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

INSTALLED_UNDER = Path("/usr/lib/postgresql")
USER = "quanwang"
READY_WITHIN_S = 30.0
STOPPED_WITHIN_S = 20.0
UNPRIVILEGED = ("postgres", "nobody")

SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "1GB",
    "work_mem": "256MB",
    "maintenance_work_mem": "1GB",
    "effective_cache_size": "4GB",
    "random_page_cost": "1.1",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "jit": "off",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "4GB",
    "autovacuum": "off",
}
"""All in memory, one worker a query, no compilation of queries that take a millisecond, nothing in the background."""


class PostgreSqlFailed(RuntimeError):
    """The server could not be made or did not start."""


def find_programs() -> Path | None:
    """The folder with initdb and postgres, on the PATH or where Debian keeps them; the newest; or None."""
    on_path = shutil.which("initdb")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    if INSTALLED_UNDER.is_dir():
        by_version = sorted(INSTALLED_UNDER.iterdir(), key=lambda folder: (len(folder.name), folder.name))
        candidates += [folder / "bin" for folder in reversed(by_version)]
    return next((c for c in candidates if (c / "initdb").is_file() and (c / "postgres").is_file()), None)


class PrivateServer:
    """A running server; ``folder`` holds its data and its socket."""

    def __init__(self, programs: Path) -> None:
        """Make and start it. Raises PostgreSqlFailed with what it said."""
        self.folder = Path(tempfile.mkdtemp(prefix="quanwang-pg-"))
        # PostgreSQL refuses to run as root.
        self._user = _unprivileged() if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self.folder, self._user)
        self._running: subprocess.Popen[bytes] | None = None
        try:
            self._start(programs)
        except BaseException:
            self.stop()
            raise

    def _start(self, programs: Path) -> None:
        cluster = self.folder / "cluster"
        making = [
            str(programs / "initdb"),
            "-D",
            str(cluster),
            "-A",
            "trust",
            "-U",
            USER,
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
        ]
        try:
            made = subprocess.run(making, cwd=self.folder, user=self._user, capture_output=True, text=True, check=False)
        except OSError as error:
            raise PostgreSqlFailed(
                f"{error.filename} cannot be run as {self._user or 'this user'}: {error.strerror}"
            ) from error
        if made.returncode:
            raise PostgreSqlFailed(f"initdb failed: {made.stderr.strip() or made.stdout.strip()}")
        command = [str(programs / "postgres"), "-D", str(cluster), "-k", str(self.folder)]
        for name, value in SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("wb") as log:
            self._running = subprocess.Popen(command, cwd=self.folder, user=self._user, stdout=log, stderr=log)
        lock = cluster / "postmaster.pid"
        deadline = time.monotonic() + READY_WITHIN_S
        # The server writes its state as the last line of its lock file.
        while not (lock.is_file() and lock.read_text(errors="replace").rstrip().endswith("\nready")):
            if self._running.poll() is not None or time.monotonic() > deadline:
                raise PostgreSqlFailed(f"postgres did not start: {(self.folder / 'log').read_text(errors='replace')}")
            time.sleep(0.05)

    @property
    def pid(self) -> int | None:
        """The server's process id, None when it did not start."""
        return None if self._running is None else self._running.pid

    def stop(self) -> None:
        """End the server by its process id and remove its folder."""
        if self._running is not None and self._running.poll() is None:
            self._running.send_signal(signal.SIGINT)
            try:
                self._running.wait(STOPPED_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._running.kill()
                self._running.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _unprivileged() -> str:
    for name in UNPRIVILEGED:
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise PostgreSqlFailed("as root, a user 'postgres' or 'nobody' is needed to run PostgreSQL as")
