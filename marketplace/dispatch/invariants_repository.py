"""What must hold in the tables of dispatch at every moment between transactions; each check names what breaks it."""

import itertools
from collections.abc import Callable
from typing import Final

from sqlalchemy import and_, exists, func, or_, select

from kit.db import Session
from kit.work import work_table
from marketplace.dispatch.dispatch_repository import IN_AT_MOST
from marketplace.dispatch.packing import find, unpack_ids
from marketplace.dispatch.states import FINAL
from marketplace.dispatch.tables import acceptance, arrival_counter, assignment, dispatch, frozen_query, wave
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
            work_table.c.due_at_ms > dispatch.c.due_at_ms,
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


INVARIANTS: Final[dict[str, Check]] = {
    "nobody is told twice": told_twice,
    "at most one active assignment": two_assignments,
    "no open dispatch is forgotten": forgotten,
    "the counts of a dispatch are those of its waves": miscounted,
    "every wave is delivered or will be": undelivered_for_ever,
    "only told users accept": answered_without_offer,
    "nobody waits for a closed dispatch": stuck_acceptors,
    "every acceptance has an arrival of its own": confused_queues,
}
