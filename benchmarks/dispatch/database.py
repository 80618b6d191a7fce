"""A private MariaDB of the benchmark, as durable as production: every commit is flushed, the binary log with it."""

import getpass
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pymysql

from benchmarks.timing import now_s, wait_s
from kit.db.mariadb_server import find_program, install
from kit.errors import Unavailable
from quanwang.processes.children import Child

NAME: Final = "quanwang"
READY_WAIT_S: Final = 60.0
BUFFER_BYTES: Final = 1_500 * 1024 * 1024
"""InnoDB's cache: a million profiles and the run's orders fit, as they would on a server of its own."""


class DatabaseNotStarted(Unavailable):
    """The private MariaDB did not come up."""


@contextmanager
def private_database(folder: Path) -> Iterator[tuple[str, int]]:
    """Run a server in ``folder``, kept there between runs; yields its URL and its process id."""
    data, door = folder / "data", folder / "m.sock"
    if not (data / "mysql").is_dir():
        install(data)
    child = Child("mariadb", command(folder), folder / "server.log", {})
    child.start()
    try:
        _wait_for(door, child)
        with pymysql.connect(unix_socket=str(door), user=getpass.getuser(), autocommit=True) as connection:
            connection.cursor().execute(
                f"CREATE DATABASE IF NOT EXISTS {NAME} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
            )
        assert child.process_id is not None
        yield f"mysql+pymysql://{getpass.getuser()}@/{NAME}?unix_socket={door}", child.process_id
    finally:
        child.ask_to_stop()
        child.wait_stopped(READY_WAIT_S)


def command(folder: Path) -> list[str]:
    """The command of the server; without a standby, so without semi-synchronous replication."""
    return [
        find_program("mariadbd"),
        "--no-defaults",
        f"--user={getpass.getuser()}",
        f"--datadir={folder / 'data'}",
        f"--socket={folder / 'm.sock'}",
        f"--pid-file={folder / 'server.pid'}",
        "--skip-networking",
        "--character-set-server=utf8mb4",
        "--collation-server=utf8mb4_bin",
        f"--innodb-buffer-pool-size={BUFFER_BYTES}",
        "--innodb-log-file-size=512M",
        "--max-connections=300",
        "--performance-schema=OFF",
        "--innodb-flush-log-at-trx-commit=1",
        "--log-bin=binary",
        "--sync-binlog=1",
        "--binlog-format=ROW",
        "--server-id=1",
        "--expire-logs-days=1",
    ]


def _wait_for(door: Path, child: Child) -> None:
    end_s = now_s() + READY_WAIT_S
    while not _listens(door):
        if child.process_id is None or now_s() > end_s:
            raise DatabaseNotStarted(f"the private MariaDB did not start; its log ends: {child.last_lines()}")
        wait_s(0.05)


def _listens(door: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(door)) == 0
