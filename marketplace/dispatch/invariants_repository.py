"""What must hold in the tables of dispatch at every moment between transactions; each check names what breaks it."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Row, and_, exists, func, or_, select

from kit.db import Session
from kit.work import work_table
from marketplace.dispatch.dispatch_repository import IN_AT_MOST, policies_by_id
from marketplace.dispatch.packing import ID_BYTES, find, unpack_ids
from marketplace.dispatch.states import FINAL, Stage, Step
from marketplace.dispatch.tables import (
    acceptance,
    arrival_counter,
    assignment,
    dispatch,
    frozen_query,
    suppression,
    wave,
)
from marketplace.orders.tables import orders

MAX_FOUND: Final = 100
_FINAL: Final = [stage.value for stage in FINAL]

Check = Callable[[Session], list[str]]


def told_twice(session: Session) -> list[str]:
    """No user is in two chunks of one dispatch, and every chunk is sorted and as long as it says."""
    broken: list[str] = []
    seen: dict[int, set[int]] = {}
    columns = (wave.c.id, wave.c.dispatch_id, wave.c.size, wave.c.user_ids, wave.c.scores, wave.c.ties)
    for row in session.execute(select(*columns).order_by(wave.c.dispatch_id, wave.c.id)):
        user_ids = unpack_ids(row.user_ids)
        if not row.size == len(user_ids) == len(row.scores) // 4 == len(row.ties) // 4:
            broken.append(f"wave {row.id} says {row.size} users and holds {len(user_ids)}")
        if any(later <= earlier for earlier, later in itertools.pairwise(user_ids)):
            broken.append(f"wave {row.id} is not sorted")
        if row.dispatch_id not in seen:
            seen = {row.dispatch_id: set()}
        doubled = seen[row.dispatch_id].intersection(user_ids)
        if doubled:
            broken.append(f"dispatch {row.dispatch_id} told users {sorted(doubled)[:5]} twice")
        seen[row.dispatch_id].update(user_ids)
    return broken[:MAX_FOUND]


def two_assignments(session: Session) -> list[str]:
    """At most one assignment of a dispatch is active, and it is the one that the dispatch names."""
    live = assignment.c.state.in_(["active", "confirmed"])
    doubled = select(assignment.c.dispatch_id).where(live).group_by(assignment.c.dispatch_id).having(func.count() > 1)
    broken = [f"dispatch {each} has two active assignments" for each in session.execute(doubled).scalars()]
    unmarked = select(assignment.c.dispatch_id).where(
        or_(
            and_(live, assignment.c.active_dispatch_id.is_(None)),
            and_(assignment.c.state.not_in(["active", "confirmed"]), assignment.c.active_dispatch_id.is_not(None)),
        )
    )
    broken += [
        f"dispatch {each}: an assignment's state and mark differ" for each in session.execute(unmarked).scalars()
    ]
    other = (
        select(dispatch.c.id)
        .outerjoin(assignment, assignment.c.active_dispatch_id == dispatch.c.id)
        .where(
            or_(
                and_(dispatch.c.assigned_user_id.is_(None), assignment.c.id.is_not(None)),
                and_(dispatch.c.assigned_user_id.is_not(None), assignment.c.id.is_(None)),
                dispatch.c.assigned_user_id != assignment.c.user_id,
                dispatch.c.assigned_token != assignment.c.token,
            )
        )
    )
    broken += [f"dispatch {each} and its assignment differ" for each in session.execute(other).scalars()]
    return broken[:MAX_FOUND]


def forgotten(session: Session) -> list[str]:
    """Every dispatch is over, confirmed, or has a work row that will wake it; never later than its timer."""
    confirmed = and_(dispatch.c.assigned_user_id.is_not(None), dispatch.c.hold_until_ms.is_(None))
    same = and_(work_table.c.kind == "dispatch", work_table.c.subject_id == dispatch.c.id)
    lost = select(dispatch.c.id).where(
        dispatch.c.stage.not_in(_FINAL), ~confirmed, ~exists(select(work_table.c.id).where(same))
    )
    broken = [f"dispatch {each} is open and nothing will ever wake it" for each in session.execute(lost).scalars()]
    late = (
        select(dispatch.c.id)
        .join(work_table, same)
        .where(
            dispatch.c.stage.not_in(_FINAL),
            ~confirmed,
            work_table.c.state == "pending",
            work_table.c.failures == 0,
            # Asked for while it was leased, and given back: ready at that time, whatever was due before.
            work_table.c.due_at_ms > dispatch.c.due_at_ms,
            work_table.c.ready_at_ms > dispatch.c.due_at_ms,
        )
    )
    broken += [f"dispatch {each} is woken later than its timer says" for each in session.execute(late).scalars()]
    orphans = select(orders.c.id).where(~exists(select(dispatch.c.id).where(dispatch.c.order_id == orders.c.id)))
    broken += [f"order {each} was accepted and has no dispatch" for each in session.execute(orphans).scalars()]
    return broken[:MAX_FOUND]


def miscounted(session: Session) -> list[str]:
    """The numbers of a dispatch are those of its waves, and whoever has waves has a frozen query."""
    sums = (
        select(wave.c.dispatch_id, wave.c.tier, func.sum(wave.c.size).label("told"))
        .group_by(wave.c.dispatch_id, wave.c.tier)
        .subquery()
    )
    broken = []
    for tier, column in (("full", dispatch.c.notified_full), ("partial", dispatch.c.notified_partial)):
        told = func.coalesce(sums.c.told, 0)
        same = and_(sums.c.dispatch_id == dispatch.c.id, sums.c.tier == tier)
        wrong = select(dispatch.c.id).outerjoin(sums, same).where(column != told)
        broken += [f"dispatch {each} miscounts its {tier} tier" for each in session.execute(wrong).scalars()]
    unfrozen = select(wave.c.id).where(
        ~exists(
            select(frozen_query.c.dispatch_id).where(
                frozen_query.c.dispatch_id == wave.c.dispatch_id, frozen_query.c.order_version == wave.c.order_version
            )
        )
    )
    broken += [f"wave {each} was sent without a frozen query" for each in session.execute(unfrozen).scalars()]
    return broken[:MAX_FOUND]


def undelivered_for_ever(session: Session) -> list[str]:
    """Every wave chunk was delivered or has a work row that will deliver it."""
    same = and_(work_table.c.kind == "delivery", work_table.c.subject_id == wave.c.id)
    lost = select(wave.c.id).where(wave.c.delivered_at_ms.is_(None), ~exists(select(work_table.c.id).where(same)))
    return [f"wave {each} will never reach its inboxes" for each in session.execute(lost).scalars()][:MAX_FOUND]


def answered_without_offer(session: Session) -> list[str]:
    """Everybody who accepted had been told, by the wave that the acceptance names, and is not the publisher."""
    broken: list[str] = []
    rows = session.execute(
        select(acceptance.c.id, acceptance.c.user_id, acceptance.c.wave_id, dispatch.c.publisher_user_id).join_from(
            acceptance, dispatch, dispatch.c.id == acceptance.c.dispatch_id
        )
    ).all()
    for start in range(0, len(rows), IN_AT_MOST):
        part = rows[start : start + IN_AT_MOST]
        chunks = select(wave.c.id, wave.c.user_ids).where(wave.c.id.in_({row.wave_id for row in part}))
        told = {row.id: unpack_ids(row.user_ids) for row in session.execute(chunks)}
        for row in part:
            if row.wave_id not in told or find(told[row.wave_id], row.user_id) is None:
                broken.append(f"acceptance {row.id} of user {row.user_id} was never offered")
            if row.publisher_user_id == row.user_id:
                broken.append(f"acceptance {row.id} is the publisher's own")
    return broken[:MAX_FOUND]


def stuck_acceptors(session: Session) -> list[str]:
    """Nobody waits for a dispatch that is over, and whoever counts as selected has the active assignment."""
    waiting = (
        select(acceptance.c.id)
        .join(dispatch, dispatch.c.id == acceptance.c.dispatch_id)
        .where(acceptance.c.state == "accepted", dispatch.c.stage.in_(_FINAL))
    )
    broken = [f"acceptance {each} waits for a closed dispatch" for each in session.execute(waiting).scalars()]
    theirs = and_(
        assignment.c.active_dispatch_id == acceptance.c.dispatch_id, assignment.c.user_id == acceptance.c.user_id
    )
    selected = select(acceptance.c.id).where(
        acceptance.c.state == "selected", ~exists(select(assignment.c.id).where(theirs))
    )
    broken += [f"acceptance {each} is selected without an assignment" for each in session.execute(selected).scalars()]
    return broken[:MAX_FOUND]


def confused_queues(session: Session) -> list[str]:
    """No two acceptances of a dispatch arrived at the same place, and none after the last that its counter gave."""
    doubled = (
        select(acceptance.c.dispatch_id, acceptance.c.arrival)
        .group_by(acceptance.c.dispatch_id, acceptance.c.arrival)
        .having(func.count() > 1)
    )
    broken = [f"dispatch {each.dispatch_id} has two arrivals {each.arrival}" for each in session.execute(doubled)]
    ahead = (
        select(acceptance.c.id)
        .outerjoin(arrival_counter, arrival_counter.c.dispatch_id == acceptance.c.dispatch_id)
        .where(acceptance.c.arrival > func.coalesce(arrival_counter.c.arrivals, 0))
    )
    broken += [f"acceptance {each} arrived before its counter" for each in session.execute(ahead).scalars()]
    return broken[:MAX_FOUND]


def missed(session: Session) -> list[str]:
    """Where a tier's waves are over, everybody of the full tier was told or passed over, as far as limits allow."""
    columns = (
        dispatch.c.id,
        dispatch.c.policy_id,
        dispatch.c.full_left,
        dispatch.c.notified_full,
        dispatch.c.notified_partial,
        dispatch.c.set_aside_full,
        dispatch.c.set_aside_partial,
        dispatch.c.confirmed_reach,
    )
    offering = dispatch.c.stage.in_([Stage.OFFERING_FULL.value, Stage.OFFERING_PARTIAL.value])
    over = or_(dispatch.c.stage == Stage.EXHAUSTED.value, and_(offering, dispatch.c.step != Step.WAVE.value))
    rows = session.execute(select(*columns).where(over, dispatch.c.full_left > 0)).all()
    policies = policies_by_id(session, [row.policy_id for row in rows]) if rows else {}
    broken = []
    for row in rows:
        full = row.notified_full + row.set_aside_full
        everybody = full + row.notified_partial + row.set_aside_partial
        limited = full >= policies[row.policy_id].policy.full_limit
        if not limited and (row.confirmed_reach is None or everybody < row.confirmed_reach):
            broken.append(f"dispatch {row.id} missed {row.full_left} users of its full tier")
    return broken[:MAX_FOUND]


def passed_over_wrongly(session: Session) -> list[str]:
    """Who waits for a catch-up, or is suppressed for good, is counted so, once, and was not told."""
    broken: list[str] = []
    rows = session.execute(
        select(suppression, dispatch.c.order_version.label("present"))
        .join(dispatch, dispatch.c.id == suppression.c.dispatch_id)
        .where(suppression.c.state.in_(("waiting", "final")))
    ).all()
    for row in rows:
        if len(row.user_ids) != row.size * ID_BYTES:
            broken.append(f"suppression {row.id} is not as long as it says")
        if row.order_version != row.present and row.state == "waiting":
            broken.append(f"suppression {row.id} waits for an order version that is over")
    present = [row for row in rows if row.order_version == row.present]
    waiting, final = _users_of(present, "waiting"), _users_of(present, "final")
    set_aside = dispatch.c.set_aside_full + dispatch.c.set_aside_partial
    counted = select(dispatch.c.id, set_aside, dispatch.c.suppressed).where(set_aside + dispatch.c.suppressed > 0)
    counts = {row[0]: (row[1], row[2]) for row in session.execute(counted)}
    for dispatch_id in sorted({*waiting, *final, *counts}):
        users = [*waiting.get(dispatch_id, []), *final.get(dispatch_id, [])]
        held = (len(waiting.get(dispatch_id, [])), len(final.get(dispatch_id, [])))
        if held != counts.get(dispatch_id, (0, 0)):
            broken.append(f"dispatch {dispatch_id} miscounts whom it passed over")
        told = _told_of_present_version(session, dispatch_id)
        if len(set(users)) < len(users) or told.intersection(users):
            broken.append(f"dispatch {dispatch_id} passed over somebody whom it told, or twice")
    return broken[:MAX_FOUND]


def _users_of(rows: Sequence[Row[Any]], state: str) -> dict[int, list[int]]:
    users: dict[int, list[int]] = {}
    for row in rows:
        if row.state == state:
            users.setdefault(row.dispatch_id, []).extend(unpack_ids(row.user_ids))
    return users


def _told_of_present_version(session: Session, dispatch_id: int) -> set[int]:
    same = and_(dispatch.c.id == wave.c.dispatch_id, dispatch.c.order_version == wave.c.order_version)
    chunks = select(wave.c.user_ids).join(dispatch, same).where(dispatch.c.id == dispatch_id)
    return {user_id for packed in session.execute(chunks).scalars() for user_id in unpack_ids(packed)}


INVARIANTS: Final[dict[str, Check]] = {
    "nobody is told twice": told_twice,
    "at most one active assignment": two_assignments,
    "no open dispatch is forgotten": forgotten,
    "the counts of a dispatch are those of its waves": miscounted,
    "every wave is delivered or will be": undelivered_for_ever,
    "only told users accept": answered_without_offer,
    "nobody waits for a closed dispatch": stuck_acceptors,
    "every acceptance has an arrival of its own": confused_queues,
    "nobody of the full tier is missed": missed,
    "who is passed over is not told": passed_over_wrongly,
}
