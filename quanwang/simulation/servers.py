"""Private stores for simulations: in memory where the machine has a memory file system, gone with their process."""

import contextlib
import getpass
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from kit.db import Database
from kit.errors import Conflict, Unavailable
from kit.redis import RedisUnavailable, connect
from kit.redis.embedded import command_for
from quanwang.migrations import migrate
from quanwang.processes.children import PARENT_ID_VARIABLE

MEMORY_FOLDER: Final = Path("/dev/shm")  # noqa: S108  # a folder of our own is made in it
LEAST_MEMORY_BYTES: Final = 256 * 1024 * 1024
READY_S: Final = 60.0
PLACES: Final = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"


class ServerNotStarted(Unavailable):
    """A private server of the simulation ended or did not answer in time."""


class MariaDbMissing(Unavailable):
    """No MariaDB server is installed on this machine."""


class DatabaseInUse(Conflict):
    """The database holds orders or people: the simulation empties every table for every seed."""


@contextlib.contextmanager
def working_folder(*, in_memory: bool) -> Iterator[Path]:
    """Make a private folder with a short path (sockets live in it), and remove it at the end."""
    memory = in_memory and os.access(MEMORY_FOLDER, os.W_OK)
    memory = memory and shutil.disk_usage(MEMORY_FOLDER).free > LEAST_MEMORY_BYTES
    folder = Path(tempfile.mkdtemp(prefix="qw-sim-", dir=MEMORY_FOLDER if memory else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def private_redis(folder: Path) -> Iterator[str]:
    """Run a Redis server in the folder while the block lasts; give its URL."""
    socket = folder / "redis.sock"
    url = f"unix://{socket}"
    client = connect(url, attempts=1)

    def answers() -> bool:
        try:
            client.ping()
        except RedisUnavailable:
            return False
        return True

    with _server(command_for(folder / "redis", socket), folder / "redis.log", answers):
        yield url
    client.close()


@contextlib.contextmanager
def private_mariadb(folder: Path, databases: int) -> Iterator[list[str]]:
    """Run a MariaDB server in the folder while the block lasts: on a unix socket, without fsync.

    Gives the URLs of so many empty databases. Raises MariaDbMissing, ServerNotStarted.
    """
    names = [f"simulation_{number}" for number in range(databases)]
    socket = folder / "maria.sock"
    urls = [f"mysql+pymysql://root@/{name}?unix_socket={socket}" for name in names]
    prepare = folder / "prepare.sql"
    prepare.write_text(
        "".join(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;\n" for name in names)
    )
    owner = [f"--user={getpass.getuser()}", f"--datadir={folder / 'database'}"]
    install = [_program("mariadb-install-db"), "--no-defaults", *owner, "--skip-test-db"]
    install.append("--auth-root-authentication-method=normal")
    subprocess.run(install, check=True, capture_output=True, timeout=120)  # noqa: S603  # our own arguments
    command = [
        _program("mariadbd"),
        "--no-defaults",
        *owner,
        f"--socket={socket}",
        f"--pid-file={folder / 'mariadb.pid'}",
        f"--init-file={prepare}",
        "--skip-networking",
        "--innodb-buffer-pool-size=64M",
        "--innodb-log-file-size=32M",
        "--performance-schema=OFF",
        # What survives a power cut is tested elsewhere; here the server itself never dies.
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-doublewrite=0",
    ]
    last = Database(urls[-1], pool_size=1, retry_window_s=0)

    def answers() -> bool:
        try:
            last.ping()
        except Unavailable:
            return False
        return True

    with _server(command, folder / "mariadb.log", answers):
        last.dispose()
        yield urls


def prepare_own(folder: Path) -> str:
    """Make an embedded database in the folder; return its URL."""
    url = f"sqlite:///{folder / 'simulation.sqlite3'}"
    migrate(url)
    return url


def prepare_given(url: str) -> str:
    """Bring a given database to this version's tables. Raises DatabaseInUse unless it is empty."""
    from quanwang.simulation.schema_repository import holds_something

    database = Database(url, pool_size=2)
    try:
        migrate(url)
        with database.read() as session:
            if holds_something(session):
                raise DatabaseInUse(
                    f"the database {database.where} holds orders, people or settings, and a simulation empties its"
                    " tables for every seed: give an empty one, or leave --database out"
                )
    finally:
        database.dispose()
    return url


@contextlib.contextmanager
def _server(command: list[str], log: Path, answers: Callable[[], bool]) -> Iterator[None]:
    # Bound to this process by the kernel: it ends with it, whatever this process dies of.
    environment = {**os.environ, PARENT_ID_VARIABLE: str(os.getpid())}
    attached = [sys.executable, "-m", "quanwang.processes.attached", *command]
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  # our own command
            attached, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
    try:
        end_s = time.monotonic() + READY_S
        while not answers():
            if process.poll() is not None or time.monotonic() > end_s:
                tail = log.read_text(errors="replace")[-500:]
                raise ServerNotStarted(f"the private server {Path(command[0]).name} did not start: {tail}")
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{PLACES}")
    if found is None:
        raise MariaDbMissing(
            f"{name} is not installed: install the package mariadb-server, or give a server with --database"
        )
    return found
