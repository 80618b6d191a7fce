"""Bring a database to the newest schema: quick when it is there already."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import exc, inspect

from kit.db import Database, DatabaseBusy, Session
from kit.errors import Conflict

HEAD: Final = "0006"
"""The revision that this code was written for; a test says when it is not the newest of versions/."""
LOCK_NAME: Final = "quanwang-migrations"
LOCK_WAIT_S: Final = 60
FOLDER: Final = Path(__file__).parent


class SchemaFromTheFuture(Conflict):
    """The database was used by a newer version of this software."""


def migrate(database_url: str) -> None:
    """Upgrade the database to HEAD. Two processes at once: the second waits for the first.

    On MySQL and MariaDB a failed migration may leave tables of the revision behind: each statement commits there.
    """
    database = Database(database_url, pool_size=2, statement_timeout_s=600)
    try:
        if schema_version(database) == HEAD:
            return
        if database.dialect == "sqlite":
            # The transaction's write lock keeps others out.
            with database.transaction() as session:
                _upgrade(session, database)
            return
        # MySQL commits at every statement of a schema, so a named lock goes round it. It outlives the commit of the
        # version number: given back before, it would let the next process see tables without their version.
        with database.transaction() as guard, _alone(guard), database.transaction_apart() as session:
            _upgrade(session, database)
    finally:
        database.dispose()


def schema_version(database: Database) -> str | None:
    """Return the revision of the database, None when it is empty."""
    with database.read() as session:
        return _version(session)


def _version(session: Session) -> str | None:
    if not inspect(session).has_table("alembic_version"):
        return None
    version: str | None = session.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return version


def _upgrade(session: Session, database: Database) -> None:
    # Imported late: the tools of migrations cost a quarter of a second that most starts do not need.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = session
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise SchemaFromTheFuture(
            f"the database {database.where} has the schema {_version(session)}, which this version does not know:"
            " install the newer version again or use another database"
        ) from error


@contextmanager
def _alone(session: Session) -> Iterator[None]:
    """Hold the named lock of migrations on this connection."""
    if session.exec_driver_sql("SELECT GET_LOCK(%s, %s)", (LOCK_NAME, LOCK_WAIT_S)).scalar() != 1:
        raise DatabaseBusy(f"another process has been migrating the database for {LOCK_WAIT_S} s: look at it")
    try:
        yield
    finally:
        try:
            session.exec_driver_sql("SELECT RELEASE_LOCK(%s)", (LOCK_NAME,))
        except exc.SQLAlchemyError:
            # The connection is lost, and the lock with it; the first error is the one to tell.
            session.invalidate()
