"""A primary and its standby as an administrator sees them: what they say of themselves, and the steps of a failover."""

import getpass
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pymysql
from pymysql.cursors import DictCursor

from kit.clock import elapsed_s, pause
from kit.db.mariadb_server import find_program
from kit.errors import Unavailable

CONNECT_TIMEOUT_S: Final = 1
ANSWER_TIMEOUT_S: Final = 1
STEP_TIMEOUT_S: Final = 20
DUMP_TIMEOUT_S: Final = 3_600
RECONNECT_PERIOD_S: Final = 1


class ServerSilent(Unavailable):
    """A server does not answer its administrator."""


class NotDrained(Unavailable):
    """A standby did not apply in time what it had received; it was not promoted."""


class CopyFailed(Unavailable):
    """The content of the primary could not be copied to a standby."""


@dataclass(frozen=True, order=True, slots=True)
class Position:
    """How far a server is: the number of the newest transaction in the one history, and who wrote it first."""

    sequence: int = 0
    server: int = 0

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Read ``domain-server-sequence``; empty text is the beginning."""
        if not text:
            return cls()
        _domain, server, sequence = text.split(",")[0].split("-")
        return cls(int(sequence), int(server))

    def __str__(self) -> str:
        return f"0-{self.server}-{self.sequence}" if self.sequence else ""


@dataclass(frozen=True, slots=True)
class ReplicaView:
    """How a standby follows. ``received`` is in its relay log; an error is a sentence of the server, or empty."""

    receiving: bool
    connecting: bool
    applying: bool
    received: Position
    source_port: int
    receive_error: str
    apply_error: str
    behind_s: int | None


@dataclass(frozen=True, slots=True)
class ServerView:
    """What a server says. ``written`` is the newest transaction in its own binary log, ``followed`` the newest one that
    it applied as a standby. ``confirming``: commits wait for a standby; ``standbys``: how many confirm now.
    """

    read_only: bool
    confirming: bool
    confirmed: bool
    standbys: int
    written: Position
    followed: Position
    replica: ReplicaView | None

    @property
    def newest(self) -> Position:
        """The newest transaction that this server holds."""
        return max(self.written, self.followed)


class ServerDoor:
    """An administrator's connection over the unix socket, opened when it is needed; one thread at a time.

    Every call raises ServerSilent when the server does not answer within a second (``patient``: 20 s).
    """

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._connection: pymysql.Connection[DictCursor] | None = None

    def look(self) -> ServerView:
        """Ask the server how it is."""
        variables = self._pairs(
            "SHOW GLOBAL VARIABLES WHERE Variable_name IN"
            " ('read_only', 'rpl_semi_sync_master_enabled', 'gtid_binlog_pos', 'gtid_slave_pos')"
        )
        status = self._pairs("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_%'")
        replica = self._ask("SHOW SLAVE STATUS")
        return ServerView(
            read_only=variables["read_only"] == "ON",
            confirming=variables["rpl_semi_sync_master_enabled"] == "ON",
            confirmed=status.get("Rpl_semi_sync_master_status") == "ON",
            standbys=int(status.get("Rpl_semi_sync_master_clients", "0")),
            written=Position.parse(variables["gtid_binlog_pos"]),
            followed=Position.parse(variables["gtid_slave_pos"]),
            replica=_replica_view(replica[0]) if replica else None,
        )

    def open_writes(self) -> None:
        """Let clients write."""
        self._do("SET GLOBAL read_only = OFF")

    def confirm_commits(self, *, on: bool) -> None:
        """Let commits wait for a standby, or release those that wait."""
        self._do(f"SET GLOBAL rpl_semi_sync_master_enabled = {'ON' if on else 'OFF'}")

    def drain(self, *, within_s: float) -> Position:
        """Stop receiving and apply everything received; return the newest transaction. Raises NotDrained."""
        self._do("STOP SLAVE IO_THREAD", patient=True)
        self._do("START SLAVE SQL_THREAD", patient=True)
        end_s = elapsed_s() + within_s
        while True:
            view = self.look()
            if view.replica is None or view.newest >= view.replica.received:
                return view.newest
            if view.replica.apply_error or elapsed_s() > end_s:
                why = (
                    view.replica.apply_error or f"it applied {view.newest} of {view.replica.received} in {within_s:g} s"
                )
                raise NotDrained(f"the standby has received transactions that it did not apply: {why}")
            pause(0.02)

    def stop_following(self) -> None:
        """Be nobody's standby any more."""
        self._do("STOP SLAVE", patient=True)
        self._do("RESET SLAVE ALL", patient=True)

    def follow(self, port: int, user: str, password: str) -> None:
        """Follow the primary at a port of this machine, from the newest transaction that this server holds."""
        self._do("STOP SLAVE", patient=True)
        view = self.look()
        if view.written > view.followed:
            self._do(f"SET GLOBAL gtid_slave_pos = '{view.written}'")
        self._do(
            f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='{user}',"
            f" MASTER_PASSWORD='{password}', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY={RECONNECT_PERIOD_S},"
            " MASTER_HEARTBEAT_PERIOD=1",
            patient=True,
        )
        self._do("START SLAVE", patient=True)

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except (pymysql.err.MySQLError, OSError):
                return

    def _pairs(self, statement: str) -> dict[str, str]:
        return {str(row["Variable_name"]): str(row["Value"]) for row in self._ask(statement)}

    def _do(self, statement: str, *, patient: bool = False) -> None:
        self._ask(statement, patient=patient)

    def _ask(self, statement: str, *, patient: bool = False) -> list[dict[str, Any]]:
        if patient:
            self.close()
        try:
            if self._connection is None:
                self._connection = self._connect(STEP_TIMEOUT_S if patient else ANSWER_TIMEOUT_S)
            with self._connection.cursor() as cursor:
                cursor.execute(statement)
                rows: list[dict[str, Any]] = list(cursor.fetchall())
        except (pymysql.err.MySQLError, OSError) as error:
            self.close()
            raise ServerSilent(f"the database server at {self._socket} does not do what it is told: {error}") from error
        if patient:
            self.close()
        return rows

    def _connect(self, timeout_s: int) -> "pymysql.Connection[DictCursor]":
        return pymysql.connect(
            unix_socket=str(self._socket),
            user=getpass.getuser(),
            charset="utf8mb4",
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=timeout_s,
            write_timeout=timeout_s,
            autocommit=True,
            cursorclass=DictCursor,
        )


def _replica_view(row: Mapping[str, Any]) -> ReplicaView:
    behind = row["Seconds_Behind_Master"]
    return ReplicaView(
        receiving=row["Slave_IO_Running"] == "Yes",
        connecting=row["Slave_IO_Running"] in ("Connecting", "Preparing"),
        applying=row["Slave_SQL_Running"] == "Yes",
        received=Position.parse(str(row["Gtid_IO_Pos"] or "")),
        source_port=int(row["Master_Port"]),
        receive_error=str(row["Last_IO_Error"] or ""),
        apply_error=str(row["Last_SQL_Error"] or ""),
        behind_s=None if behind is None else int(behind),
    )


def copy_content(source: Path, target: Path, database: str) -> None:
    """Copy one database and the position that it stands for, between two servers by their unix sockets.

    The target writes none of it into its own binary log, so that it can follow from there. Raises CopyFailed.
    """
    dump = [
        find_program("mariadb-dump"),
        "--no-defaults",
        f"--socket={source}",
        "--single-transaction",
        "--quick",
        "--gtid",
        "--master-data=1",
        "--hex-blob",
        "--add-drop-database",
        "--default-character-set=utf8mb4",
        "--databases",
        database,
    ]
    load = [
        find_program("mariadb"),
        "--no-defaults",
        f"--socket={target}",
        "--default-character-set=utf8mb4",
        "--init-command=SET SESSION sql_log_bin=0",
        "--max-allowed-packet=64M",
    ]
    with (
        subprocess.Popen(dump, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reading,  # noqa: S603
        subprocess.Popen(load, stdin=reading.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as writing,  # noqa: S603
    ):
        if reading.stdout is not None:
            # So that the reader notices when the writer dies.
            reading.stdout.close()
        try:
            _out, said = writing.communicate(timeout=DUMP_TIMEOUT_S)
            complaint = reading.stderr.read() if reading.stderr is not None else b""
            statuses = reading.wait(STEP_TIMEOUT_S), writing.returncode
        except subprocess.TimeoutExpired as error:
            reading.kill()
            writing.kill()
            raise CopyFailed(f"copying {database} to {target} took longer than {DUMP_TIMEOUT_S} s") from error
    if statuses != (0, 0):
        last = (complaint + said).decode(errors="replace").strip().splitlines()[-1:]
        raise CopyFailed(f"{database} could not be copied to {target}: {' '.join(last)}")
