"""One database: bounded connections, transactions, retries, and sentences for what goes wrong."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Literal, TypeVar

from sqlalchemy import Connection, MetaData, exc
from sqlalchemy.engine import Engine, make_url

from kit.clock import elapsed_s, pause
from kit.db import connections, durability
from kit.db.failures import (
    CommitOutcomeUnknown,
    DatabaseReadOnly,
    DatabaseUnavailable,
    DiskFull,
    LockConflict,
    translate,
)
from kit.errors import InvalidInput

Session = Connection
"""An open transaction; use cases take it as their first argument and never commit it."""

Dialect = Literal["mysql", "sqlite"]
T = TypeVar("T")

MAX_CONFLICT_ATTEMPTS: Final = 10
MAX_CONFLICT_S: Final = 10.0
FIRST_CONFLICT_PAUSE_S: Final = 0.005
MAX_CONFLICT_PAUSE_S: Final = 0.4
RECONNECT_PAUSE_S: Final = 0.15
MAX_UNKNOWN_OUTCOMES: Final = 3
RETRY_WINDOW_S: Final = 2.0
FAILOVER_WINDOW_S: Final = 10.0
"""A standby takes over within it; longer nobody waits for an answer."""

LEAST_FREE_BYTES: Final = 4 * 1024 * 1024
"""A batch of orders and its write-ahead log fit; below, writes begin to fail one after the other."""

FULL_HOLDS_S: Final = 5.0


class NestedTransaction(RuntimeError):
    """Our own code opened a transaction inside a transaction of the same thread: it would wait for itself."""


class Database:
    """A database by URL: ``sqlite:///<absolute path>``, ``mysql+pymysql://user:password@host/name``, or
    ``mysql+pymysql://user:password@/name?topology=<absolute path>`` for the primary that a topology file names.

    ``pool_size`` bounds the connections of this process, ``pool_timeout_s`` the wait for one, ``statement_timeout_s``
    the wait for an answer of the server, ``retry_window_s`` how long :meth:`run` tries to reach a server that is away
    (by default 10 s with a topology, where a standby takes over, else 2 s). Construction connects to nothing.
    """

    def __init__(
        self,
        url: str,
        pool_size: int = 12,
        *,
        pool_timeout_s: float = 5.0,
        statement_timeout_s: int = 15,
        retry_window_s: float | None = None,
    ) -> None:
        self.dialect: Dialect = _dialect_of(url)
        self.where = connections.describe(url)
        moves = connections.topology_of(url) is not None
        window_s = FAILOVER_WINDOW_S if moves else RETRY_WINDOW_S
        self._retry_window_s = window_s if retry_window_s is None else retry_window_s
        self._local = threading.local()
        self._random = random.Random()
        self._full_at_s: float | None = None
        self._folder = connections.folder_of(url)
        if self.dialect == "sqlite":
            self._writer: Engine = connections.sqlite_writer(url)
            self._reader: Engine = connections.sqlite_reader(url, pool_size, pool_timeout_s)
            self._apart: Engine | None = None
        else:
            self._writer = connections.mysql_pool(url, pool_size, pool_timeout_s, statement_timeout_s)
            self._reader = self._writer
            self._apart = connections.mysql_apart(url, statement_timeout_s)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a transaction that may write; commit on normal exit, roll back on any exception.

        Locks: SQLite takes the one write lock at once; MySQL works at READ COMMITTED. Raises DatabaseUnavailable,
        DatabaseBusy, LockConflict, DatabaseNotWritable, DiskFull or CommitOutcomeUnknown. No retry: see :meth:`run`.
        """
        with self._alone_in_thread(), self._session(self._writer) as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a read-only transaction: all its statements see one snapshot, and it waits for no writer."""
        with self._session(self._reader, read_only=True) as session:
            yield session

    @contextmanager
    def transaction_apart(self) -> Iterator[Session]:
        """Open a transaction on a connection of its own, beside one that this thread has open; MySQL only."""
        if self._apart is None:
            raise NestedTransaction("SQLite has one writer: there is no transaction beside an open one")
        with self._session(self._apart) as session:
            yield session

    @property
    def open_session(self) -> Session | None:
        """The writing transaction that this thread has open, if any."""
        session: Session | None = getattr(self._local, "session", None)
        return session

    def run(self, function: Callable[[Session], T]) -> T:
        """Run ``function`` in a transaction, again from the start after a lock conflict, a lost connection, or when the
        server turned out to be a standby.

        ``function`` must have no effect but on its session: it may run several times. Bounded: 10 lock conflicts or
        10 s of them, with growing random pauses; ``retry_window_s`` for a server that is away. CommitOutcomeUnknown is
        never retried: see :meth:`run_idempotent`.
        """
        started_s = elapsed_s()
        conflicts = 0
        while True:
            try:
                with self.transaction() as session:
                    return function(session)
            except LockConflict:
                conflicts += 1
                if conflicts >= MAX_CONFLICT_ATTEMPTS or elapsed_s() - started_s > MAX_CONFLICT_S:
                    raise
                ceiling_s = min(MAX_CONFLICT_PAUSE_S, FIRST_CONFLICT_PAUSE_S * 2**conflicts)
                pause(self._random.uniform(0.1, 1.0) * ceiling_s)
            except (DatabaseUnavailable, DatabaseReadOnly):
                if elapsed_s() - started_s >= self._retry_window_s:
                    raise
                pause(self._random.uniform(0.5, 1.5) * RECONNECT_PAUSE_S)

    def run_idempotent(self, function: Callable[[Session], T]) -> T:
        """As :meth:`run`, and again, at most three times, when the answer of a commit was lost.

        Only for a function whose second run finds what the first one kept and then changes nothing more.
        """
        for _ in range(MAX_UNKNOWN_OUTCOMES):
            try:
                return self.run(function)
            except CommitOutcomeUnknown:
                pause(self._random.uniform(0.5, 1.5) * RECONNECT_PAUSE_S)
        return self.run(function)

    def ping(self) -> None:
        """Ask the database for an answer. Raises the named error when there is none."""
        with self.read() as session:
            session.exec_driver_sql("SELECT 1").scalar_one()

    def check_writable(self) -> None:
        """Say whether a write may succeed, without writing. Raises DiskFull.

        A SQLite file needs free space beside it. Apart from that, a write that found the disk full speaks for
        FULL_HOLDS_S: no longer, for somebody must be let try again; nor less when another one succeeds, for those that
        change a row in its place always do.
        """
        if self._folder is not None and connections.free_bytes(self._folder) < LEAST_FREE_BYTES:
            raise DiskFull(f"the disk of the database {self.where} is full: free space there; nothing can be stored")
        full_at_s = self._full_at_s
        if full_at_s is not None and elapsed_s() - full_at_s < FULL_HOLDS_S:
            raise DiskFull(f"the disk of the database {self.where} is full: free space there; nothing can be stored")

    def create_schema(self, tables: MetaData) -> None:
        """Create the tables that are missing, without migrations: for tests and tools of one feature."""
        with self._alone_in_thread(), self._session(self._writer) as session:
            tables.create_all(session)

    def durability_warnings(self) -> list[str]:
        """Return one sentence for each server setting under which an acknowledged write could be lost."""
        with self.read() as session:
            if self.dialect == "sqlite":
                return durability.sqlite_durability_warnings(session)
            return durability.mysql_durability_warnings(session)

    def dispose(self) -> None:
        """Close all connections that are not in use; the database can be used again afterwards."""
        for engine in (self._writer, self._reader, self._apart):
            if engine is not None:
                engine.dispose()

    @contextmanager
    def _alone_in_thread(self) -> Iterator[None]:
        if getattr(self._local, "busy", False):
            raise NestedTransaction("a transaction is already open in this thread: hand its session down instead")
        self._local.busy = True
        try:
            yield
        finally:
            self._local.busy = False
            self._local.session = None

    @contextmanager
    def _session(self, engine: Engine, *, read_only: bool = False) -> Iterator[Session]:
        try:
            with self._connected(engine, read_only=read_only) as connection:
                if engine is self._writer and not read_only:
                    # Only the thread's own write transaction is remembered, not one apart from it.
                    self._local.session = connection
                try:
                    yield connection
                except BaseException:
                    _roll_back(connection)
                    raise
                if read_only:
                    connection.rollback()
                else:
                    self._commit(connection)
        except (exc.SQLAlchemyError, OSError) as error:
            named = translate(error, self.where)
            if named is None:
                raise
            if isinstance(named, DiskFull):
                self._full_at_s = elapsed_s()
            if isinstance(named, DatabaseReadOnly):
                # Every connection of the pool leads to the same standby; new ones find the primary.
                engine.dispose()
            raise named from error

    @contextmanager
    def _connected(self, engine: Engine, *, read_only: bool) -> Iterator[Connection]:
        connection = engine.connect()
        try:
            if read_only:
                connection = _begin_snapshot(engine, connection)
            else:
                connection.begin()
            yield connection
        finally:
            connection.close()

    def _commit(self, connection: Connection) -> None:
        try:
            connection.commit()
        except exc.DBAPIError as error:
            named = translate(error, self.where)
            if isinstance(named, DatabaseUnavailable):
                raise CommitOutcomeUnknown(
                    f"the connection to the database {self.where} broke during the commit: it may have been kept;"
                    " look before doing it again"
                ) from error
            _roll_back(connection)
            raise


def _begin_snapshot(engine: Engine, connection: Connection) -> Connection:
    """Begin on ``connection``, or on a new one when the server closed it while it lay in the pool."""
    try:
        connections.begin_snapshot(connection)
    except exc.DBAPIError as error:
        if not error.connection_invalidated:
            raise
        connection.close()
        connection = engine.connect()
        connections.begin_snapshot(connection)
    return connection


def _roll_back(connection: Connection) -> None:
    try:
        connection.rollback()
    except (exc.SQLAlchemyError, OSError):
        # The connection is gone and with it the transaction; the first error is the one to tell.
        connection.invalidate()


def _dialect_of(url: str) -> Dialect:
    try:
        name = make_url(url).get_backend_name()
    except exc.ArgumentError as error:
        raise InvalidInput("QUANWANG_DATABASE_URL", "(not shown)", "is no database URL") from error
    if name == "sqlite":
        return "sqlite"
    if name in ("mysql", "mariadb"):
        return "mysql"
    raise InvalidInput("QUANWANG_DATABASE_URL", name, "must start with sqlite:// or mysql+pymysql://")
