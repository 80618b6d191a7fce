"""What can go wrong with a database, as named errors of one sentence each."""

import sqlite3
from typing import Final

import pymysql
from sqlalchemy import exc

from kit.errors import QuanwangError, Unavailable


class DatabaseUnavailable(Unavailable):
    """The server is away or broke the connection; nothing of this transaction was kept."""


class DatabaseBusy(Unavailable):
    """All connections are in use, or locks were held by others for too long; nothing was kept."""


class LockConflict(DatabaseBusy):
    """A deadlock, a lock timeout or a stale read: the same transaction may succeed when tried again."""


class DatabaseNotWritable(Unavailable):
    """The database can be read but not written."""


class DatabaseReadOnly(DatabaseNotWritable):
    """The server is a standby, or was made one: the primary is elsewhere, and the same transaction succeeds there."""


class DatabaseAccessRefused(Unavailable):
    """The server is there and refuses this user, password or database name."""


class DiskFull(Unavailable):
    """The disk of the database is full; nothing of this transaction was kept."""


class CommitOutcomeUnknown(Unavailable):
    """The connection broke while the commit was under way: it may or may not have been kept.

    Never retried by the database layer. The caller re-reads by its own key (idempotency key, unique external id).
    """


MYSQL_LOCK_CODES: Final = frozenset({1213, 1205, 1020, 3572})
MYSQL_FULL_CODES: Final = frozenset({1021, 1114, 1026, 3})
MYSQL_READ_ONLY_CODES: Final = frozenset({1290, 1792, 1836, 3100})
MYSQL_REFUSED_CODES: Final = frozenset({1044, 1045, 1049, 1142, 1698})
MYSQL_AWAY_CODES: Final = frozenset({1040, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1203, 1317, 1927})
MYSQL_AWAY_CODES_OF_CLIENT: Final = frozenset({0, 2002, 2003, 2006, 2013, 2014, 2055})

SQLITE_BUSY_CODES: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def translate(error: BaseException, where: str) -> QuanwangError | None:
    """Return the named error for a database failure, or None when it is not the database's condition.

    ``where`` names the database in sentences, without a password. Constraint violations and wrong statements are
    errors of our code and stay what they are.
    """
    if isinstance(error, exc.TimeoutError):
        return DatabaseBusy(
            f"all database connections to {where} are in use: try again in a few seconds, or raise"
            " QUANWANG_DATABASE_POOL_SIZE"
        )
    original: BaseException | None = error.orig if isinstance(error, exc.DBAPIError) else error
    if isinstance(original, sqlite3.Error):
        return _of_sqlite(original, where)
    if isinstance(original, pymysql.err.MySQLError):
        return _of_mysql(original, where)
    if isinstance(original, OSError) and isinstance(error, exc.DBAPIError):
        return DatabaseUnavailable(f"the connection to the database {where} broke: it is tried again by itself")
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return DatabaseUnavailable(f"the connection to the database {where} broke: it is tried again by itself")
    return None


def _of_mysql(error: pymysql.err.MySQLError, where: str) -> QuanwangError | None:
    code = error.args[0] if error.args and isinstance(error.args[0], int) else -1
    if code in MYSQL_LOCK_CODES:
        return LockConflict(f"the database {where} is busy with the same rows: try again")
    if code in MYSQL_FULL_CODES:
        return DiskFull(f"the disk of the database {where} is full: free space there; nothing was changed")
    if code in MYSQL_READ_ONLY_CODES:
        return DatabaseReadOnly(f"the database {where} is read-only: connect to the primary server")
    if code in MYSQL_REFUSED_CODES:
        return DatabaseAccessRefused(
            f"the database {where} refuses this user, password or database name: check QUANWANG_DATABASE_URL"
        )
    of_client = code in MYSQL_AWAY_CODES_OF_CLIENT and not isinstance(error, pymysql.ProgrammingError)
    if of_client or code in MYSQL_AWAY_CODES:
        return DatabaseUnavailable(f"the database {where} does not answer: check that the server runs")
    return None


def _of_sqlite(error: sqlite3.Error, where: str) -> QuanwangError | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    primary = code & 0xFF
    if primary in SQLITE_BUSY_CODES:
        return LockConflict(f"the database {where} is locked by another process: try again")
    if primary == sqlite3.SQLITE_FULL:
        return DiskFull(f"the disk of the database {where} is full: free space there; nothing was changed")
    if primary == sqlite3.SQLITE_IOERR:
        return DiskFull(f"the disk of the database {where} cannot be written or read: check its space and health")
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return DatabaseNotWritable(f"the database {where} cannot be written: check the rights of the file and folder")
    if primary == sqlite3.SQLITE_CANTOPEN:
        return DatabaseNotWritable(f"the database {where} cannot be opened: its folder must exist and be writable")
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return DatabaseNotWritable(f"the database {where} is damaged or no SQLite file: restore it, or use --reset")
    return None
