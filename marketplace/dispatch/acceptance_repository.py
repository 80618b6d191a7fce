"""Rows of acceptances, declines and assignments."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BindParameter, Row, Select, and_, bindparam, func, or_, select, update

from kit.db import Session, insert_if_absent, insert_many, lock_rows
from marketplace.dispatch.dispatch_repository import IN_AT_MOST
from marketplace.dispatch.tables import acceptance, assignment, decline

MAX_POSITION: Final = 1_000
"""Places behind it are not counted: nobody waits for number 1,001."""


@dataclass(frozen=True, slots=True)
class StoredAcceptance:
    """A user's yes. ``state``: accepted | selected | withdrawn | released | lapsed | failed."""

    acceptance_id: int
    dispatch_id: int
    user_id: int
    tier: str
    wave_id: int
    state: str
    accepted_at_ms: int


def insert_acceptances(session: Session, rows: Sequence[StoredAcceptance]) -> int:
    """Insert those whose (dispatch, user) is free; return how many were."""
    return insert_if_absent(
        session,
        acceptance,
        [
            {
                "id": row.acceptance_id,
                "dispatch_id": row.dispatch_id,
                "user_id": row.user_id,
                "tier": row.tier,
                "wave_id": row.wave_id,
                "state": row.state,
                "accepted_at_ms": row.accepted_at_ms,
                "changed_at_ms": row.accepted_at_ms,
            }
            for row in rows
        ],
    )


def read_acceptances(session: Session, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], StoredAcceptance]:
    """Return the acceptances of (dispatch, user) pairs."""
    found: dict[tuple[int, int], StoredAcceptance] = {}
    for start in range(0, len(pairs), 200):
        matches = [
            and_(acceptance.c.dispatch_id == dispatch_id, acceptance.c.user_id == user_id)
            for dispatch_id, user_id in pairs[start : start + 200]
        ]
        for row in session.execute(select(acceptance).where(or_(*matches))):
            found[row.dispatch_id, row.user_id] = _stored(row)
    return found


def lock_acceptance(session: Session, dispatch_id: int, user_id: int) -> StoredAcceptance | None:
    """Return the acceptance and lock it until the commit."""
    statement = select(acceptance).where(acceptance.c.dispatch_id == dispatch_id, acceptance.c.user_id == user_id)
    row = lock_rows(session, statement).first()
    return None if row is None else _stored(row)


def move_acceptance(
    session: Session, dispatch_id: int, user_id: int, *, from_state: str, to_state: str, now_ms: int
) -> bool:
    """Change the state if it is still ``from_state``; True when it was. A renewed yes goes to the end of the queue."""
    changes: dict[str, Any] = {"state": to_state, "changed_at_ms": now_ms}
    if to_state == "accepted":
        changes["accepted_at_ms"] = now_ms
    result = session.execute(
        update(acceptance)
        .where(
            acceptance.c.dispatch_id == dispatch_id,
            acceptance.c.user_id == user_id,
            acceptance.c.state == from_state,
        )
        .values(**changes)
    )
    return result.rowcount == 1


def select_acceptances(session: Session, acceptance_ids: Sequence[int], now_ms: int) -> None:
    """Mark at most 1,000 waiting acceptances as selected; the caller holds the locks of their dispatches."""
    met = session.execute(
        update(acceptance)
        .where(acceptance.c.id.in_(acceptance_ids), acceptance.c.state == "accepted")
        .values(state="selected", changed_at_ms=now_ms)
    ).rowcount
    if met != len(acceptance_ids):
        raise RuntimeError(f"{met} of {len(acceptance_ids)} acceptances still waited under their locks")


def release_waiting(session: Session, dispatch_ids: Sequence[int], now_ms: int) -> None:
    """Free everybody who waits for these dispatches."""
    session.execute(
        update(acceptance)
        .where(acceptance.c.dispatch_id.in_(dispatch_ids), acceptance.c.state == "accepted")
        .values(state="released", changed_at_ms=now_ms)
    )


def _places() -> Select[Any]:
    """Counts those who wait up to one acceptance; built once, because a busy order asks it for every yes."""
    dispatch_id: BindParameter[int] = bindparam("dispatch_id")
    at_ms: BindParameter[int] = bindparam("at_ms")
    before = or_(
        acceptance.c.accepted_at_ms < at_ms,
        and_(acceptance.c.accepted_at_ms == at_ms, acceptance.c.id <= bindparam("acceptance_id")),
    )
    ahead = (
        select(acceptance.c.id)
        .where(acceptance.c.dispatch_id == dispatch_id, acceptance.c.state == "accepted", before)
        .limit(MAX_POSITION + 1)
        .subquery()
    )
    return select(func.count()).select_from(ahead)


_PLACES: Final = _places()


def position(session: Session, row: StoredAcceptance) -> int | None:
    """Return the place in the queue from 1; None above 1,000 or when it does not wait."""
    if row.state != "accepted":
        return None
    bound = {"dispatch_id": row.dispatch_id, "at_ms": row.accepted_at_ms, "acceptance_id": row.acceptance_id}
    place = session.execute(_PLACES, bound).scalar_one()
    return place if place <= MAX_POSITION else None


def positions(session: Session, rows: Sequence[StoredAcceptance]) -> dict[tuple[int, int], int]:
    """Return the places of many at once; those above 1,000 and those who do not wait are missing."""
    if len(rows) == 1:
        place = position(session, rows[0])
        return {} if place is None else {(rows[0].dispatch_id, rows[0].user_id): place}
    found: dict[tuple[int, int], int] = {}
    asked: dict[int, set[int]] = {}
    for row in rows:
        if row.state == "accepted":
            asked.setdefault(row.dispatch_id, set()).add(row.user_id)
    busy = [dispatch_id for dispatch_id, users in asked.items() if len(users) > _BUSY]
    for dispatch_id in busy:
        queue = queue_of(session, dispatch_id, limit=MAX_POSITION)
        waiting = [row.user_id for row in queue if row.state == "accepted"]
        found.update({(dispatch_id, user_id): place for place, user_id in enumerate(waiting, start=1)})
    quiet = sorted(set(asked) - set(busy))
    for start in range(0, len(quiet), IN_AT_MOST):
        found.update(_places_of(session, quiet[start : start + IN_AT_MOST]))
    return {
        (dispatch_id, user_id): found[dispatch_id, user_id]
        for dispatch_id, users in asked.items()
        for user_id in users
        if (dispatch_id, user_id) in found
    }


_BUSY: Final = 20
_MOST_ROWS: Final = 100_000


def _places_of(session: Session, dispatch_ids: Sequence[int]) -> dict[tuple[int, int], int]:
    statement = (
        select(acceptance.c.dispatch_id, acceptance.c.user_id)
        .where(acceptance.c.dispatch_id.in_(dispatch_ids), acceptance.c.state == "accepted")
        .order_by(acceptance.c.dispatch_id, acceptance.c.accepted_at_ms, acceptance.c.id)
        .limit(_MOST_ROWS)
    )
    places: dict[tuple[int, int], int] = {}
    before: tuple[int, int] = (0, 0)
    for dispatch_id, user_id in session.execute(statement):
        before = (dispatch_id, before[1] + 1 if before[0] == dispatch_id else 1)
        if before[1] <= MAX_POSITION:
            places[dispatch_id, user_id] = before[1]
    return places


def queue_of(session: Session, dispatch_id: int, *, limit: int) -> list[StoredAcceptance]:
    """Return the acceptances of a dispatch, those that wait first and in the order of the queue."""
    waits = (acceptance.c.state == "accepted").desc()
    statement = (
        select(acceptance)
        .where(acceptance.c.dispatch_id == dispatch_id)
        .order_by(waits, acceptance.c.accepted_at_ms, acceptance.c.id)
        .limit(limit)
    )
    return [_stored(row) for row in session.execute(statement)]


def insert_decline(session: Session, dispatch_id: int, user_id: int, reason: str | None, now_ms: int) -> bool:
    """Keep a no; False when it was there already."""
    row = {"dispatch_id": dispatch_id, "user_id": user_id, "reason": reason, "declined_at_ms": now_ms}
    return insert_if_absent(session, decline, [row]) == 1


@dataclass(frozen=True, slots=True)
class NewAssignment:
    """An assignment to be written."""

    assignment_id: int
    dispatch_id: int
    user_id: int
    token: int
    hold_until_ms: int | None
    selected_at_ms: int


def insert_assignments(session: Session, rows: Sequence[NewAssignment]) -> None:
    """Write active assignments; a second active one of a dispatch breaks the unique key."""
    insert_many(
        session,
        assignment,
        [
            {
                "id": row.assignment_id,
                "dispatch_id": row.dispatch_id,
                "active_dispatch_id": row.dispatch_id,
                "user_id": row.user_id,
                "token": row.token,
                "state": "active" if row.hold_until_ms is not None else "confirmed",
                "reason": None,
                "selected_at_ms": row.selected_at_ms,
                "hold_until_ms": row.hold_until_ms,
                "confirmed_at_ms": None if row.hold_until_ms is not None else row.selected_at_ms,
                "ended_at_ms": None,
            }
            for row in rows
        ],
    )


def confirm_assignment(session: Session, dispatch_id: int, token: int, now_ms: int) -> bool:
    """Mark the active assignment with this token as confirmed."""
    result = session.execute(
        update(assignment)
        .where(assignment.c.active_dispatch_id == dispatch_id, assignment.c.token == token)
        .values(state="confirmed", confirmed_at_ms=now_ms)
    )
    return result.rowcount == 1


def end_assignment(
    session: Session, dispatch_id: int, token: int, *, state: str, reason: str | None, now_ms: int
) -> bool:
    """End the active assignment with this token."""
    result = session.execute(
        update(assignment)
        .where(assignment.c.active_dispatch_id == dispatch_id, assignment.c.token == token)
        .values(active_dispatch_id=None, state=state, reason=reason, ended_at_ms=now_ms)
    )
    return result.rowcount == 1


def _stored(row: Row[Any]) -> StoredAcceptance:
    return StoredAcceptance(row.id, row.dispatch_id, row.user_id, row.tier, row.wave_id, row.state, row.accepted_at_ms)
