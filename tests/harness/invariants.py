"""What must hold in the database after every test, whatever the test did.

A feature adds its own from its tests' conftest or a module that it imports::

    @invariant("nobody is notified twice", tables=["wave"])
    def nobody_is_told_twice(session: Session) -> list[str]:
        return [one sentence for each violation]

A test that plants a bug on purpose carries ``@pytest.mark.plants_a_bug`` and calls :func:`violations` itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, or_, select

from kit.db import Database, Session, metadata
from kit.work import work_table
from kit.work.tables import DEAD, LEASED, PENDING

Check = Callable[[Session], list[str]]


@dataclass(frozen=True)
class Invariant:
    """A check that returns one sentence for each violation; runs when all ``tables`` are known."""

    name: str
    tables: Sequence[str]
    check: Check


REGISTRY: dict[str, Invariant] = {}


def invariant(name: str, *, tables: Sequence[str]) -> Callable[[Check], Check]:
    """Register a check under a sentence that says what must hold."""

    def register(check: Check) -> Check:
        REGISTRY[name] = Invariant(name, tables, check)
        return check

    return register


def violations(database: Database) -> list[str]:
    """Run every check whose tables are known; return what is wrong."""
    found: list[str] = []
    with database.read() as session:
        for each in REGISTRY.values():
            if all(table in metadata.tables for table in each.tables):
                found += [f"{each.name}: {sentence}" for sentence in each.check(session)]
    return found


@invariant("a work row's state, lease and failures agree", tables=["work"])
def work_rows_are_consistent(session: Session) -> list[str]:
    row = work_table.c
    wrong = or_(
        row.state.not_in([PENDING, LEASED, DEAD]),
        and_(row.state == DEAD, row.ready_at_ms.is_not(None)),
        and_(row.state != DEAD, row.ready_at_ms.is_(None)),
        and_(row.state == LEASED, row.attempt < 1),
        and_(row.state != LEASED, row.again_at_ms.is_not(None)),
        and_(row.state == DEAD, row.failures < 1),
        row.failures < 0,
    )
    query = select(row.id, row.kind, row.state, row.attempt, row.failures).where(wrong).limit(5)
    return [f"{dict(found._mapping)}" for found in session.execute(query)]
