"""Engines and connection settings: what SQLite and MySQL need so that they promise the same things."""

import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pymysql
from pymysql.cursors import RE_INSERT_VALUES, Cursor
from sqlalchemy import Connection, create_engine, event, exc
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.pool import NullPool

from kit.clock import elapsed_s, pause
from kit.db.failures import DatabaseUnavailable
from kit.db.topology import TopologyFile
from kit.errors import InvalidInput

SQLITE_BUSY_TIMEOUT_MS: Final = 10_000
MYSQL_CONNECT_TIMEOUT_S: Final = 3
MYSQL_LOCK_WAIT_S: Final = 5
IDLE_BEFORE_CHECK_S: Final = 1.0
MAX_STATEMENT_BYTES: Final = 6 * 1024 * 1024
"""Below the 16 MB that a server takes in one packet by default."""


class WideCursor(Cursor):
    """A cursor that sends a multi-row INSERT as one statement: kit.db bounds the rows, not the driver.

    Most parameters are whole numbers, which need no escaping; to ask the driver for each of them would take a third of
    the time of a batch of orders.
    """

    def execute(self, query: Any, args: Any = None) -> int:
        """Send a statement with its parameters put in."""
        if type(args) is dict:
            query, args = query % self._literals(args), None
        return super().execute(query, args)

    def executemany(self, query: str, args: Any) -> int | None:
        """Send ``INSERT ... VALUES (...)`` once for all rows; any other statement once a row."""
        found = RE_INSERT_VALUES.match(query) if args and type(args[0]) is dict else None
        if found is None:
            return super().executemany(query, args)
        values = found.group(2).rstrip()
        rows = ",".join([values % self._literals(row) for row in args])
        # Encoded here, strictly: the driver would let half of a surrogate pair pass.
        statement = (found.group(1) % () + rows + (found.group(3) or "") % ()).encode()
        return super().execute(statement)  # type: ignore[arg-type]  # the driver takes bytes as well

    def _literals(self, row: dict[str, Any]) -> dict[str, Any]:
        escape = self.connection.escape
        # A whole number formats itself; type, not isinstance, for a bool does not.
        return {name: value if type(value) is int else escape(value) for name, value in row.items()}


TOPOLOGY_PARAMETER: Final = "topology"
"""``mysql+pymysql://user:password@/name?topology=/absolute/file``: the address is what the file says now."""


def describe(url: str) -> str:
    """Name a database for sentences: never with a user or password."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return str(parsed.database)
    if TOPOLOGY_PARAMETER in parsed.query:
        return f"{parsed.database} of the topology {parsed.query[TOPOLOGY_PARAMETER]}"
    place = parsed.host or parsed.query.get("unix_socket") or "localhost"
    port = f":{parsed.port}" if parsed.port else ""
    return f"{parsed.database} at {place}{port}"


def folder_of(url: str) -> Path | None:
    """Return the folder of a SQLite file, None for a database on a server."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database).absolute().parent


def topology_of(url: str) -> TopologyFile | None:
    """Return the file that says where the primary is, None for a fixed address. Raises InvalidInput."""
    parsed = make_url(url)
    path = parsed.query.get(TOPOLOGY_PARAMETER)
    if path is None or parsed.get_backend_name() == "sqlite":
        return None
    if not isinstance(path, str) or not Path(path).is_absolute():
        raise InvalidInput("QUANWANG_DATABASE_URL", path, "must name its topology file by one absolute path")
    return TopologyFile(Path(path))


def free_bytes(folder: Path) -> int:
    """Return how much this user may still write there."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


def sqlite_writer(url: str) -> Engine:
    """The one writing connection of this process: threads wait for it in turn, other processes by busy timeout."""
    engine = _sqlite(url, pool_size=1, pool_timeout_s=SQLITE_BUSY_TIMEOUT_MS / 1000, read_only=False)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def sqlite_reader(url: str, pool_size: int, pool_timeout_s: float) -> Engine:
    """Connections that read a snapshot beside the writer, and cannot write."""
    engine = _sqlite(url, pool_size=pool_size, pool_timeout_s=pool_timeout_s, read_only=True)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _sqlite(url: str, *, pool_size: int, pool_timeout_s: float, read_only: bool) -> Engine:
    parsed = make_url(url).set(drivername="sqlite+pysqlite")
    if not parsed.database or parsed.database == ":memory:":
        raise InvalidInput("QUANWANG_DATABASE_URL", "sqlite://", "must name a file: sqlite:////absolute/path")
    engine = create_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=pool_timeout_s,
        pool_use_lifo=True,
        connect_args={"check_same_thread": False, "timeout": SQLITE_BUSY_TIMEOUT_MS / 1000},
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        # The driver must not begin transactions by itself: "begin" above does.
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout={SQLITE_BUSY_TIMEOUT_MS}",
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-32768",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")
        _use_write_ahead_log(connection)
        if read_only:
            connection.execute("PRAGMA query_only=ON")

    return engine


def _use_write_ahead_log(connection: Any) -> None:
    """Switch the file to WAL; SQLite does not honour the busy timeout when several do this to a new file at once."""
    deadline_s = elapsed_s() + SQLITE_BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or elapsed_s() > deadline_s:
                raise
            pause(0.01)


def mysql_pool(url: str, pool_size: int, pool_timeout_s: float, statement_timeout_s: int) -> Engine:
    """A bounded pool of MySQL or MariaDB connections at READ COMMITTED."""
    engine = create_engine(
        _mysql_url(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=pool_timeout_s,
        pool_recycle=1_800,
        pool_use_lifo=True,
        # Database ends every transaction itself before it gives a connection back: no second ROLLBACK is needed.
        pool_reset_on_return=None,
        connect_args=_mysql_arguments(statement_timeout_s),
    )
    _follow_topology(engine, topology_of(url))
    _check_after_idling(engine)
    _work_at_read_committed(engine)
    return engine


def mysql_apart(url: str, statement_timeout_s: int) -> Engine:
    """Connections outside the pool, one a use: for the rare statement that must not wait for the pool."""
    engine = create_engine(_mysql_url(url), poolclass=NullPool, connect_args=_mysql_arguments(statement_timeout_s))
    _follow_topology(engine, topology_of(url))
    _work_at_read_committed(engine)
    return engine


def _mysql_url(url: str) -> URL:
    # One dialect name for MySQL and MariaDB, so that one set of statements is compiled for both.
    return make_url(url).set(drivername="mysql+pymysql").difference_update_query([TOPOLOGY_PARAMETER])


def _mysql_arguments(statement_timeout_s: int) -> Mapping[str, Any]:
    session_settings = (
        # Not by name: MySQL 8 and MariaDB call the isolation variable differently.
        "SET SESSION sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO',"
        f" innodb_lock_wait_timeout={MYSQL_LOCK_WAIT_S}"
    )
    return {
        "connect_timeout": MYSQL_CONNECT_TIMEOUT_S,
        "read_timeout": statement_timeout_s,
        "write_timeout": statement_timeout_s,
        "charset": "utf8mb4",
        "collation": "utf8mb4_bin",
        "cursorclass": WideCursor,
        "init_command": session_settings,
        "autocommit": False,
    }


def _work_at_read_committed(engine: Engine) -> None:
    """REPEATABLE READ loses updates here: after a duplicate key a plain SELECT would not see the other's row."""

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")


def _follow_topology(engine: Engine, topology: TopologyFile | None) -> None:
    """Connect to the primary that the file names, and use no connection any more that an older file led to."""
    if topology is None:
        return

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, record: Any, _arguments: object, parameters: dict[str, Any]) -> None:
        address = topology.address()
        for name in ("host", "port", "unix_socket"):
            parameters.pop(name, None)
        if address.unix_socket is not None:
            parameters["unix_socket"] = address.unix_socket
        else:
            parameters.update(host=address.host, port=address.port)
        if record is not None:
            record.info["generation"] = address.generation

    @event.listens_for(engine, "checkout")
    def _checkout(_connection: object, record: Any, _proxy: object) -> None:
        try:
            generation = topology.address().generation
        except DatabaseUnavailable:
            # What stands already is as good as before; only new connections need the file.
            return
        if record.info.get("generation") != generation:
            raise exc.DisconnectionError("the primary moved since this connection was opened")


def _check_after_idling(engine: Engine) -> None:
    """Ping a connection that lay idle before it is used: a server restart must not fail the first request after it."""

    @event.listens_for(engine, "checkin")
    def _checkin(_connection: object, record: Any) -> None:
        record.info["idle_since_s"] = elapsed_s()

    @event.listens_for(engine, "checkout")
    def _checkout(connection: Any, record: Any, _proxy: object) -> None:
        idle_since_s = record.info.get("idle_since_s")
        if idle_since_s is None or elapsed_s() - idle_since_s < IDLE_BEFORE_CHECK_S:
            return
        try:
            connection.ping(reconnect=False)
        except (pymysql.err.MySQLError, OSError) as error:
            raise exc.DisconnectionError("the idle connection was closed by the server") from error


def begin_snapshot(connection: Connection) -> None:
    """Begin a read-only transaction with one snapshot."""
    connection.begin()
    if connection.dialect.name == "mysql":
        # Allowed because the driver has only switched autocommit off: the transaction starts with the next statement.
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
