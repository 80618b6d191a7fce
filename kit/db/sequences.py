"""Counters in the database."""

from typing import Final

from sqlalchemy import Table, select, update

from kit.db.columns import big_int, metadata, text_of
from kit.db.database import Session
from kit.db.statements import insert_if_absent

sequence_table: Final = Table(
    "sequence",
    metadata,
    text_of("name", 64, primary_key=True),
    big_int("next_value"),
)


def next_sequence(session: Session, name: str, count: int = 1, *, first: int = 1) -> int:
    """Take ``count`` numbers in a row from the counter ``name``; return the first of them.

    The counter is locked until the commit, so numbers become visible in order and a reader never sees a gap that is
    filled later; a rollback gives the numbers back. Concurrent takers wait for each other: take late in a transaction.
    ``first`` is where a new counter starts.
    """
    if count < 1:
        raise ValueError(f"next_sequence({name!r}): count {count} is below 1")
    step = (
        update(sequence_table)
        .where(sequence_table.c.name == name)
        .values(next_value=sequence_table.c.next_value + count)
    )
    if session.execute(step).rowcount == 0:
        insert_if_absent(session, sequence_table, [{"name": name, "next_value": first}])
        session.execute(step)
    query = select(sequence_table.c.next_value).where(sequence_table.c.name == name)
    current: int = session.execute(query).scalar_one()
    return current - count
