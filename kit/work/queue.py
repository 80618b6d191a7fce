"""Claim, hold, and the ways a claim ends. Every function is a handful of statements for the whole batch."""

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    bindparam,
    case,
    delete,
    or_,
    select,
    update,
)

from kit.db import Session, bulk_update, claim_rows, lock_rows
from kit.errors import Conflict
from kit.work.tables import DEAD, LEASED, LOST, MAX_ERROR_LENGTH, PENDING, work_table

MAX_CLAIM: Final = 256

_work = work_table.c


class LeaseLost(Conflict):
    """Somebody else took the work over: roll back, nothing of the late worker may stay."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long failed work waits: ``first_ms`` after the first failure, twice as long each time, never more than
    ``longest_ms``; the random part takes up to half of it away.
    """

    first_ms: int = 500
    longest_ms: int = 300_000

    def __post_init__(self) -> None:
        if not 1 <= self.first_ms <= self.longest_ms:
            raise ValueError(f"Backoff: first_ms {self.first_ms} is outside 1..longest_ms {self.longest_ms}")

    def longest_after(self, failures: int) -> int:
        """Return the longest pause in milliseconds after the ``failures``-th failure in a row."""
        return min(self.longest_ms, self.first_ms << min(failures - 1, 32))


DEFAULT_BACKOFF: Final = Backoff()


@dataclass(frozen=True, slots=True)
class Claimed:
    """A work row that this worker holds until ``lease_until_ms``; ``attempt`` is its fencing number.

    ``lost``: the worker before stopped or froze with it; it may be what stopped it.
    """

    id: int
    kind: str
    subject_id: int
    attempt: int
    failures: int
    due_at_ms: int
    lease_until_ms: int
    payload: Mapping[str, Any]
    created_at_ms: int
    lost: bool = False


def claim(session: Session, kinds: Sequence[str], limit: int, now_ms: int, lease_ms: int) -> list[Claimed]:
    """Take up to ``limit`` (at most 256) due rows of the kinds, the first kind first, the longest due first.

    Call it in a transaction of its own and commit before working. Rows whose lease is over are taken too, and count as
    failed once more. Two workers never get the same row; they do not wait for each other (on MySQL and MariaDB).
    """
    if not 1 <= limit <= MAX_CLAIM:
        raise ValueError(f"claim: limit {limit} is outside 1..{MAX_CLAIM}")
    found: list[Row[Any]] = []
    for kind in kinds:
        if len(found) < limit:
            found += _due(session, kind, limit - len(found), now_ms)
    if not found:
        return []
    lease_until_ms = now_ms + lease_ms
    session.execute(
        update(work_table)
        .where(_work.id.in_([row.id for row in found]))
        .ordered_values(
            (_work.failures, case((_work.state == LEASED, _work.failures + 1), else_=_work.failures)),
            (_work.last_error, case((_work.state == LEASED, LOST), else_=_work.last_error)),
            (_work.state, LEASED),
            (_work.attempt, _work.attempt + 1),
            (_work.ready_at_ms, lease_until_ms),
        )
    )
    return [_claimed(row, lease_until_ms) for row in found]


_LOOKED_AT: Final = 2
"""So many times the rows wanted are looked for: those that another worker takes at this moment are left out."""

_OF_KIND: Final = (_work.kind == bindparam("of_kind"), _work.ready_at_ms <= bindparam("at_ms"))
_DUE_IDS: Final = (
    select(_work.id)
    # Without the hint a small table is read whole.
    .with_hint(work_table, "FORCE INDEX (ix_work_ready)", "mysql")
    .where(*_OF_KIND)
    .order_by(_work.ready_at_ms)
    .limit(bindparam("at_most"))
)
_DUE: Final = (
    select(
        _work.id,
        _work.kind,
        _work.subject_id,
        _work.state,
        _work.attempt,
        _work.failures,
        _work.due_at_ms,
        _work.payload,
        _work.last_error,
        _work.created_at_ms,
    )
    .with_hint(work_table, "FORCE INDEX (PRIMARY)", "mysql")
    .where(_work.id.in_(bindparam("ids", expanding=True)), *_OF_KIND)
    .order_by(_work.ready_at_ms)
)


def _due(session: Session, kind: str, limit: int, now_ms: int) -> Sequence[Row[Any]]:
    """Look without a lock, then lock by id alone.

    A locking scan of the index also locks, for a moment, the row behind its end: the first one of the next kind, which
    that kind's worker then leaves out, and finds 250 ms later.
    """
    which = {"of_kind": kind, "at_ms": now_ms}
    due = session.execute(_DUE_IDS, {**which, "at_most": limit * _LOOKED_AT}).scalars().all()
    found: list[Row[Any]] = []
    while due and (wanted := limit - len(found)) > 0:
        # No more than wanted, for whatever is read here is locked.
        found += claim_rows(session, _DUE, {**which, "ids": due[:wanted]}).all()
        due = due[wanted:]
    return found


def _claimed(row: Row[Any], lease_until_ms: int) -> Claimed:
    return Claimed(
        id=row.id,
        kind=row.kind,
        subject_id=row.subject_id,
        attempt=row.attempt + 1,
        failures=row.failures + (row.state == LEASED),
        due_at_ms=row.due_at_ms,
        lease_until_ms=lease_until_ms,
        payload=json.loads(row.payload),
        created_at_ms=row.created_at_ms,
        lost=row.state == LEASED or row.last_error == LOST,
    )


def hold(session: Session, claims: Sequence[Claimed]) -> list[Claimed]:
    """Lock the rows of the claims until the commit; return, in id order, the claims that are still ours.

    The first call inside the transaction of the effect. A claim whose lease ran out is still ours unless somebody else
    took it.
    """
    return [claimed for claimed, _again_at_ms in _lock_ours(session, claims)]


def _lock_ours(session: Session, claims: Sequence[Claimed]) -> list[tuple[Claimed, int | None]]:
    """The claims that are still ours, locked, each with the time at which it was asked for again."""
    if not claims:
        return []
    by_id = {claimed.id: claimed for claimed in claims}
    rows = lock_rows(
        session,
        select(_work.id, _work.attempt, _work.again_at_ms)
        .where(_work.id.in_(sorted(by_id)), _work.state == LEASED)
        .order_by(_work.id),
    )
    return [(by_id[row.id], row.again_at_ms) for row in rows if still_ours(by_id[row.id], row.attempt)]


def still_ours(claimed: Claimed, attempt: int) -> bool:
    """The fence: a row belongs to the claim with its present fencing number, and to no other."""
    return claimed.attempt == attempt


def complete(session: Session, claims: Sequence[Claimed]) -> None:
    """End the claims: the work is done. Raises LeaseLost when one of them is not ours any more: roll back.

    Work that was asked for again while it was leased becomes pending instead of being deleted.
    """
    if not claims:
        return
    ours = _ours(claims)
    deleted = session.execute(delete(work_table).where(ours, _work.again_at_ms.is_(None))).rowcount
    if deleted == len(claims):
        return
    again = session.execute(
        update(work_table)
        .where(ours)
        .ordered_values(
            (_work.due_at_ms, _work.again_at_ms),
            (_work.ready_at_ms, _work.again_at_ms),
            (_work.again_at_ms, None),
            (_work.failures, 0),
            (_work.last_error, None),
            (_work.state, PENDING),
        )
    ).rowcount
    _all_met(deleted + again, claims)


def reschedule(session: Session, claims: Sequence[Claimed], due_at_ms: int | Mapping[int, int]) -> None:
    """End the claims: done for now, due again at one time, or at a time for each claim by ``claimed.id``.

    Clears the failures. Asked for again in between: the earlier time counts. Raises LeaseLost: roll back.
    """
    if not claims:
        return
    times = {due_at_ms} if isinstance(due_at_ms, int) else {due_at_ms[claimed.id] for claimed in claims}
    if isinstance(due_at_ms, int) or len(times) == 1:
        due: Any = times.pop()
    else:
        due = case({claimed.id: due_at_ms[claimed.id] for claimed in claims}, value=_work.id)
    earliest = case((_work.again_at_ms < due, _work.again_at_ms), else_=due)
    met = session.execute(
        update(work_table)
        .where(_ours(claims))
        .ordered_values(
            (_work.due_at_ms, earliest),
            (_work.ready_at_ms, _work.due_at_ms if session.dialect.name == "mysql" else earliest),
            (_work.again_at_ms, None),
            (_work.failures, 0),
            (_work.last_error, None),
            (_work.state, PENDING),
        )
    ).rowcount
    _all_met(met, claims)


def release(session: Session, claims: Sequence[Claimed], due_at_ms: int) -> int:
    """Give the claims back unworked, due at ``due_at_ms``, not counted as failures; return how many were still ours."""
    if not claims:
        return 0
    earliest = case((_work.again_at_ms < due_at_ms, _work.again_at_ms), else_=due_at_ms)
    return session.execute(
        update(work_table)
        .where(_ours(claims))
        .ordered_values((_work.ready_at_ms, earliest), (_work.again_at_ms, None), (_work.state, PENDING))
    ).rowcount


def extend(session: Session, claims: Sequence[Claimed], now_ms: int, lease_ms: int) -> int:
    """Move the end of the leases to ``now_ms + lease_ms``; return how many claims are still ours."""
    if not claims:
        return 0
    return session.execute(update(work_table).where(_ours(claims)).values(ready_at_ms=now_ms + lease_ms)).rowcount


def fail(
    session: Session,
    claims: Sequence[Claimed],
    error: str,
    now_ms: int,
    max_attempts: int,
    *,
    backoff: Backoff = DEFAULT_BACKOFF,
    jitter: Callable[[], float] = random.random,
) -> int:
    """End the claims as failed: due again after a growing random pause, dead after ``max_attempts`` failures in a row.

    Claims that are not ours any more are left alone. Returns how many became dead. The pause is that of ``backoff``
    (0.5 s, 1 s, 2 s, ... 5 minutes) times 0.5..1.0. What would be dead but was asked for again meanwhile gets its new
    chance instead.
    """
    rows = [
        _failed_row(claimed, again_at_ms, error, now_ms, max_attempts, backoff, jitter)
        for claimed, again_at_ms in _lock_ours(session, claims)
    ]
    bulk_update(session, work_table, "id", rows)
    return sum(row["state"] == DEAD for row in rows)


def _failed_row(
    claimed: Claimed,
    again_at_ms: int | None,
    error: str,
    now_ms: int,
    max_attempts: int,
    backoff: Backoff,
    jitter: Callable[[], float],
) -> dict[str, Any]:
    row = {"id": claimed.id, "again_at_ms": None, "last_error": error[:MAX_ERROR_LENGTH]}
    failures = claimed.failures + 1
    if failures < max_attempts:
        pause_ms = int(backoff.longest_after(failures) * (0.5 + 0.5 * jitter()))
        return row | {"ready_at_ms": now_ms + pause_ms, "failures": failures, "state": PENDING}
    if again_at_ms is not None:
        return row | {"ready_at_ms": again_at_ms, "failures": 0, "state": PENDING}
    return row | {"ready_at_ms": None, "failures": failures, "state": DEAD}


def _ours(claims: Iterable[Claimed]) -> ColumnElement[bool]:
    """Rows still leased under the claims' fencing numbers; mostly all numbers of a batch are equal."""
    by_attempt: dict[int, list[int]] = {}
    for claimed in claims:
        by_attempt.setdefault(claimed.attempt, []).append(claimed.id)
    met = [and_(_work.attempt == attempt, _work.id.in_(sorted(ids))) for attempt, ids in sorted(by_attempt.items())]
    return and_(_work.state == LEASED, or_(*met))


def _all_met(met: int, claims: Sequence[Claimed]) -> None:
    if met != len(claims):
        raise LeaseLost(
            f"{len(claims) - met} of {len(claims)} works of kind {claims[0].kind} were taken over by another worker:"
            " this transaction is rolled back"
        )
