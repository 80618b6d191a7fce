"""Rows of acceptances, declines and assignments."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BindParameter, Row, Select, and_, bindparam, case, func, or_, select, update

from kit.db import Session, add_to_counters, insert_if_absent, insert_many, lock_rows
from marketplace.dispatch.dispatch_repository import IN_AT_MOST
from marketplace.dispatch.tables import acceptance, arrival_counter, assignment, decline

MAX_POSITION: Final = 1_000
"""Places behind it are not counted: nobody waits for number 1,001."""


@dataclass(frozen=True, slots=True)
class StoredAcceptance:
    """A user's yes. ``state``: accepted | selected | withdrawn | released | lapsed | failed.

    ``arrival`` orders the queue of a dispatch: it grows in the order in which acceptances were committed.
    """

    acceptance_id: int
    dispatch_id: int
    user_id: int
    tier: str
    wave_id: int
    state: str
    arrival: int
    accepted_at_ms: int


def take_arrivals(session: Session, dispatch_ids: Sequence[int]) -> list[int]:
    """Return the next arrival of each dispatch, growing where one is named again; the caller shares their locks.

    Others who accept for one of them wait until the commit.
    """
    before = add_to_counters(session, arrival_counter, "dispatch_id", "arrivals", Counter(dispatch_ids))
    arrivals = []
    for dispatch_id in dispatch_ids:
        before[dispatch_id] += 1
        arrivals.append(before[dispatch_id])
    return arrivals


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
                "arrival": row.arrival,
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
            found[row.dispatch_id, row.user_id] = stored_acceptance(row)
    return found


def lock_acceptance(session: Session, dispatch_id: int, user_id: int) -> StoredAcceptance | None:
    """Return the acceptance and lock it until the commit."""
    statement = select(acceptance).where(acceptance.c.dispatch_id == dispatch_id, acceptance.c.user_id == user_id)
    row = lock_rows(session, statement).first()
    return None if row is None else stored_acceptance(row)


def move_acceptance(
    session: Session, dispatch_id: int, user_id: int, *, from_state: str, to_state: str, now_ms: int
) -> bool:
    """Change the state if it is still ``from_state``; True when it was."""
    changes = {"state": to_state, "changed_at_ms": now_ms}
    return _change(session, dispatch_id, user_id, from_state, changes)


def renew_acceptance(session: Session, dispatch_id: int, user_id: int, *, arrival: int, now_ms: int) -> bool:
    """Let a withdrawn yes wait again, at the end of the queue; False when it is withdrawn no longer."""
    changes = {"state": "accepted", "arrival": arrival, "accepted_at_ms": now_ms, "changed_at_ms": now_ms}
    return _change(session, dispatch_id, user_id, "withdrawn", changes)


def _change(session: Session, dispatch_id: int, user_id: int, from_state: str, changes: Mapping[str, Any]) -> bool:
    theirs = and_(acceptance.c.dispatch_id == dispatch_id, acceptance.c.user_id == user_id)
    return (
        session.execute(update(acceptance).where(theirs, acceptance.c.state == from_state).values(**changes)).rowcount
        == 1
    )


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
    arrival: BindParameter[int] = bindparam("arrival")
    ahead = (
        select(acceptance.c.id)
        .where(
            acceptance.c.dispatch_id == dispatch_id,
            acceptance.c.state == "accepted",
            acceptance.c.arrival <= arrival,
        )
        .limit(MAX_POSITION + 1)
        .subquery()
    )
    return select(func.count()).select_from(ahead)


_PLACES: Final = _places()


def position(session: Session, row: StoredAcceptance) -> int | None:
    """Return the place in the queue from 1; None above 1,000 or when it does not wait."""
    if row.state != "accepted":
        return None
    place = session.execute(_PLACES, {"dispatch_id": row.dispatch_id, "arrival": row.arrival}).scalar_one()
    return place if place <= MAX_POSITION else None


def positions(session: Session, rows: Sequence[StoredAcceptance]) -> dict[tuple[int, int], int]:
    """Return the places of many at once; those above 1,000 and those who do not wait are missing."""
    if len(rows) == 1:
        place = position(session, rows[0])
        return {} if place is None else {(rows[0].dispatch_id, rows[0].user_id): place}
    found: dict[tuple[int, int], int] = {}
    asked: dict[int, dict[int, int]] = {}
    for row in rows:
        if row.state == "accepted":
            asked.setdefault(row.dispatch_id, {})[row.user_id] = row.arrival
    busy = [dispatch_id for dispatch_id, users in asked.items() if len(users) > _BUSY]
    for dispatch_id in busy:
        found.update(_places_between(session, dispatch_id, list(asked[dispatch_id].values())))
    quiet = sorted(set(asked) - set(busy))
    for start in range(0, len(quiet), IN_AT_MOST):
        found.update(_places_of(session, quiet[start : start + IN_AT_MOST]))
    return {
        (dispatch_id, user_id): found[dispatch_id, user_id]
        for dispatch_id, users in asked.items()
        for user_id in users
        if (dispatch_id, user_id) in found
    }


def _places_between(session: Session, dispatch_id: int, arrivals: Sequence[int]) -> dict[tuple[int, int], int]:
    """Return the places of those who wait from the first to the last of these arrivals.

    Those in front of them are counted by the database, which is many times quicker than to read them.
    """
    first, last = min(arrivals), max(arrivals)
    ahead: int = session.execute(_PLACES, {"dispatch_id": dispatch_id, "arrival": first - 1}).scalar_one()
    waiting = session.execute(
        select(acceptance.c.user_id)
        .where(
            acceptance.c.dispatch_id == dispatch_id,
            acceptance.c.state == "accepted",
            acceptance.c.arrival.between(first, last),
        )
        .order_by(acceptance.c.arrival)
        .limit(max(0, MAX_POSITION - ahead))
    ).scalars()
    return {(dispatch_id, user_id): place for place, user_id in enumerate(waiting, start=ahead + 1)}


_BUSY: Final = 20
_MOST_ROWS: Final = 100_000


def _places_of(session: Session, dispatch_ids: Sequence[int]) -> dict[tuple[int, int], int]:
    statement = (
        select(acceptance.c.dispatch_id, acceptance.c.user_id)
        .where(acceptance.c.dispatch_id.in_(dispatch_ids), acceptance.c.state == "accepted")
        .order_by(acceptance.c.dispatch_id, acceptance.c.arrival)
        .limit(_MOST_ROWS)
    )
    places: dict[tuple[int, int], int] = {}
    before: tuple[int, int] = (0, 0)
    for dispatch_id, user_id in session.execute(statement):
        before = (dispatch_id, before[1] + 1 if before[0] == dispatch_id else 1)
        if before[1] <= MAX_POSITION:
            places[dispatch_id, user_id] = before[1]
    return places


def first_acceptances(session: Session, dispatch_id: int, *, limit: int) -> list[StoredAcceptance]:
    """Return the acceptances of a dispatch in the order of arrival; of too many, those that wait are kept first."""
    waits = (acceptance.c.state == "accepted").desc()
    statement = (
        select(acceptance)
        .where(acceptance.c.dispatch_id == dispatch_id)
        .order_by(waits, acceptance.c.arrival)
        .limit(limit)
    )
    kept = [stored_acceptance(row) for row in session.execute(statement)]
    return sorted(kept, key=lambda row: row.arrival)


@dataclass(frozen=True, slots=True)
class AcceptanceCounts:
    """How many accepted and did not withdraw, the selected one included, and how many of them wait to be chosen."""

    accepted: int = 0
    waiting: int = 0


def count_acceptances(session: Session, dispatch_ids: Sequence[int]) -> dict[int, AcceptanceCounts]:
    """Count the acceptances of each dispatch (at most 1,000 of them); those without any are missing."""
    statement = (
        select(
            acceptance.c.dispatch_id,
            func.sum(case((acceptance.c.state != "withdrawn", 1), else_=0)),
            func.sum(case((acceptance.c.state == "accepted", 1), else_=0)),
        )
        .where(acceptance.c.dispatch_id.in_(dispatch_ids))
        .group_by(acceptance.c.dispatch_id)
    )
    return {row[0]: AcceptanceCounts(int(row[1]), int(row[2])) for row in session.execute(statement)}


def insert_decline(session: Session, dispatch_id: int, user_id: int, reason: str | None, now_ms: int) -> bool:
    """Keep a no; False when it was there already."""
    row = {"dispatch_id": dispatch_id, "user_id": user_id, "reason": reason, "declined_at_ms": now_ms}
    return insert_if_absent(session, decline, [row]) == 1


def declines_since(session: Session, since_ms: int, limit: int) -> list[tuple[int, int]]:
    """Return (user, when) of the newest ``limit`` declines at or after ``since_ms``."""
    statement = (
        select(decline.c.user_id, decline.c.declined_at_ms)
        .where(decline.c.declined_at_ms >= since_ms)
        .order_by(decline.c.declined_at_ms.desc())
        .limit(limit)
    )
    return [(user_id, declined_at_ms) for user_id, declined_at_ms in session.execute(statement)]


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


def stored_acceptance(row: Row[Any]) -> StoredAcceptance:
    """Read a row of the acceptance table."""
    return StoredAcceptance(
        row.id, row.dispatch_id, row.user_id, row.tier, row.wave_id, row.state, row.arrival, row.accepted_at_ms
    )
