"""Empties the tables between two seeds."""

from sqlalchemy import Table, inspect

from kit.db import Session
from quanwang.migrations.tables import metadata


def empty_tables(session: Session) -> None:
    """Delete every row of every table; the schema stays."""
    for table in reversed(_tables(session)):
        session.execute(table.delete())


def holds_something(session: Session) -> bool:
    """Whether any table has a row."""
    return any(session.execute(table.select().limit(1)).first() is not None for table in _tables(session))


def _tables(session: Session) -> list[Table]:
    """The tables that the database has; this process may know others, such as those of tests."""
    there = set(inspect(session).get_table_names())
    return [table for table in metadata.sorted_tables if table.name in there]
