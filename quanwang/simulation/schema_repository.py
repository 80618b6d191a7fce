"""Empties the tables between two seeds."""

from kit.db import Session
from quanwang.migrations.tables import metadata


def empty_tables(session: Session) -> None:
    """Delete every row of every table; the schema stays."""
    for table in reversed(metadata.sorted_tables):
        session.execute(table.delete())


def holds_something(session: Session) -> bool:
    """Whether any table has a row."""
    return any(session.execute(table.select().limit(1)).first() is not None for table in metadata.sorted_tables)
