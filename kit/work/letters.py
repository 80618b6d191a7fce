"""What admins and invariants see of the work: counts, overdue rows, dead letters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, func, select, update

from kit.db import Session, lock_rows
from kit.errors import InvalidInput
from kit.work.tables import DEAD, PENDING, work_table

MAX_PAGE = 1_000

_work = work_table.c


@dataclass(frozen=True, slots=True)
class DeadWork:
    """Work that failed too often and waits for a decision."""

    id: int
    kind: str
    subject_id: int
    failures: int
    last_error: str
    due_at_ms: int
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class WorkCount:
    """How many rows a kind has in one state, and the earliest due time among them.

    ``earliest_ready_at_ms``: of pending rows when the first may be taken (a failed one waits out its pause), of leased
    ones when the first lease ends, of dead ones None.
    """

    kind: str
    state: str
    count: int
    earliest_due_at_ms: int
    earliest_ready_at_ms: int | None = None


def count_work(session: Session) -> list[WorkCount]:
    """Count all work by kind and state."""
    rows = session.execute(
        select(
            _work.kind,
            _work.state,
            func.count().label("total"),
            func.min(_work.due_at_ms).label("earliest"),
            func.min(_work.ready_at_ms).label("ready"),
        )
        .group_by(_work.kind, _work.state)
        .order_by(_work.kind, _work.state)
    )
    return [WorkCount(row.kind, row.state, row.total, row.earliest, row.ready) for row in rows]


def overdue_work(session: Session, now_ms: int, tolerance_ms: int, limit: int = 100) -> list[tuple[int, str, int]]:
    """Return (id, kind, milliseconds overdue) of work that nobody took for ``tolerance_ms``: an invariant says none."""
    rows = session.execute(
        select(_work.id, _work.kind, _work.ready_at_ms)
        .where(_work.ready_at_ms < now_ms - tolerance_ms)
        .order_by(_work.ready_at_ms)
        .limit(_page(limit))
    )
    return [(row.id, row.kind, now_ms - row.ready_at_ms) for row in rows]


def list_dead(
    session: Session, kinds: Sequence[str] | None = None, after_id: int = 0, limit: int = 100
) -> list[DeadWork]:
    """List dead work in id order after ``after_id``."""
    query = select(work_table).where(_work.state == DEAD, _work.id > after_id).order_by(_work.id).limit(_page(limit))
    if kinds is not None:
        query = query.where(_work.kind.in_(list(kinds)))
    return [_dead(row) for row in session.execute(query)]


def lock_dead(session: Session, work_id: int) -> DeadWork | None:
    """Return one dead row and lock it until the commit; None when there is none, or it is dead no longer."""
    row = lock_rows(session, select(work_table).where(_work.id == work_id, _work.state == DEAD)).first()
    return None if row is None else _dead(row)


def dismiss_dead(session: Session, work_id: int) -> bool:
    """Take a dead row away: its work is never done. False when it is dead no longer."""
    return session.execute(delete(work_table).where(_work.id == work_id, _work.state == DEAD)).rowcount == 1


def requeue_dead(
    session: Session, now_ms: int, *, ids: Sequence[int] | None = None, kinds: Sequence[str] | None = None
) -> int:
    """Make dead work pending again, due now, with its failures cleared; return how many.

    ``ids`` (at most 1,000) or ``kinds`` say which; exactly one of them is given.
    """
    if (ids is None) == (kinds is None):
        raise InvalidInput("ids", ids, "or kinds must be given, and not both", show_value=False)
    if ids is not None and len(ids) > MAX_PAGE:
        raise InvalidInput("ids", len(ids), f"is more than {MAX_PAGE} at once")
    which: Any = _work.id.in_(list(ids)) if ids is not None else _work.kind.in_(list(kinds or ()))
    return session.execute(
        update(work_table)
        .where(_work.state == DEAD, which)
        .values(state=PENDING, failures=0, due_at_ms=now_ms, ready_at_ms=now_ms)
    ).rowcount


def _dead(row: Row[Any]) -> DeadWork:
    return DeadWork(
        row.id, row.kind, row.subject_id, row.failures, row.last_error or "", row.due_at_ms, row.created_at_ms
    )


def _page(limit: int) -> int:
    return max(1, min(limit, MAX_PAGE))
