"""Lists of dispatches, and one dispatch whole."""

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select

from kit.db import Session
from kit.errors import InvalidInput
from marketplace.dispatch import acceptance_repository, assignment_repository, cursors, wave_repository
from marketplace.dispatch.acceptance_repository import AcceptanceCounts, StoredAcceptance
from marketplace.dispatch.dispatch_repository import policies_by_id
from marketplace.dispatch.errors import DispatchNotFound
from marketplace.dispatch.states import FINAL, Choice, Stage
from marketplace.dispatch.tables import dispatch, frozen_query
from marketplace.dispatch.views import DispatchSummary, DispatchView, Page, QueuedAcceptance, Tier, UnmatchableOrder
from marketplace.orders.tables import orders

ASSIGNED: Final = "assigned"
OPEN: Final = "open"
MAX_ACCEPTANCES: Final = 1_000
MAX_UNMATCHABLE: Final = 20
_STATES: Final = (OPEN, ASSIGNED, *(stage.value for stage in Stage))


def list_dispatches(
    session: Session,
    *,
    owner: str | None = None,
    state: str | None = None,
    search: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[DispatchSummary]:
    """Return dispatches, the newest first. ``owner`` None: everybody's.

    ``state``: a stage, "assigned", or "open" (not over and not assigned). ``search``: an external order id or a
    dispatch id exactly, or a part of the title. Raises InvalidInput for an unknown state, cursor or limit.
    """
    size = cursors.page_size(limit)
    statement = _summaries()
    if owner is not None:
        statement = statement.where(dispatch.c.owner == owner)
    if state is not None:
        statement = statement.where(_in_state(state))
    if search:
        statement = statement.where(_matching(search))
    after = cursors.decode("dispatches", cursor, 1)
    if after is not None:
        statement = statement.where(dispatch.c.id < after[0])
    rows = session.execute(statement.order_by(dispatch.c.id.desc()).limit(size + 1)).all()
    items = _with_queues(session, rows[:size])
    more = cursors.encode("dispatches", items[-1].dispatch_id) if len(rows) > size else None
    return Page(tuple(items), more)


def require_dispatch(session: Session, *, dispatch_id: int, owner: str | None = None) -> None:
    """Raise DispatchNotFound unless the dispatch exists and is ``owner``'s (None: anybody's); reads one column."""
    found = session.execute(select(dispatch.c.owner).where(dispatch.c.id == dispatch_id)).scalar_one_or_none()
    if found is None or (owner is not None and found != owner):
        raise DispatchNotFound(dispatch_id)


def get_dispatch(session: Session, *, dispatch_id: int, owner: str | None = None) -> DispatchView:
    """Return one dispatch whole, with at most 1,000 acceptances. Raises DispatchNotFound, also for somebody else's."""
    columns = (orders.c.description, orders.c.publisher_user_id, orders.c.document, dispatch.c.order_version)
    row = session.execute(
        _summaries().add_columns(*columns, dispatch.c.policy_id).where(dispatch.c.id == dispatch_id)
    ).first()
    if row is None or (owner is not None and row.owner != owner):
        raise DispatchNotFound(dispatch_id)
    stored = policies_by_id(session, [row.policy_id])[row.policy_id]
    frozen = wave_repository.frozen_queries(session, {dispatch_id: row.order_version}).get(dispatch_id)
    acceptances = acceptance_repository.first_acceptances(session, dispatch_id, limit=MAX_ACCEPTANCES)
    assignments = assignment_repository.assignments_of(session, dispatch_id)
    active = [each for each in assignments if each.state in ("active", "confirmed")]
    return DispatchView(
        summary=_with_queues(session, [row])[0],
        description=row.description,
        publisher_user_id=row.publisher_user_id,
        document=json.loads(row.document),
        order_version=row.order_version,
        query_json=None if frozen is None else frozen.query_json,
        policy=stored.policy,
        policy_version=stored.version,
        acceptances=tuple(_queued(acceptances)),
        assignment=active[0] if active else None,
    )


def unmatchable_orders(session: Session, *, publisher_user_id: int) -> list[UnmatchableOrder]:
    """Return the newest 20 orders of a publisher that nobody can be found for, because nothing in them is known."""
    statement = (
        select(
            dispatch.c.id,
            dispatch.c.order_id,
            orders.c.external_id,
            orders.c.title,
            dispatch.c.reason,
            dispatch.c.closed_at_ms,
        )
        .join_from(dispatch, orders, orders.c.id == dispatch.c.order_id)
        .where(dispatch.c.publisher_user_id == publisher_user_id, dispatch.c.stage == Stage.UNMATCHABLE.value)
        .order_by(dispatch.c.id.desc())
        .limit(MAX_UNMATCHABLE)
    )
    return [
        UnmatchableOrder(row.id, row.order_id, row.external_id, row.title, row.reason or "", row.closed_at_ms or 0)
        for row in session.execute(statement)
    ]


def count_by_state(session: Session, *, owner: str | None = None) -> dict[str, int]:
    """Count dispatches by state: every stage, and "assigned" for those that somebody has."""
    taken = dispatch.c.assigned_user_id.is_not(None)
    statement = select(dispatch.c.stage, taken.label("taken"), func.count()).group_by(dispatch.c.stage, taken)
    if owner is not None:
        statement = statement.where(dispatch.c.owner == owner)
    counts = dict.fromkeys(_STATES[1:], 0)
    for stage, is_taken, count in session.execute(statement):
        counts[ASSIGNED if is_taken else stage] += count
    return counts


def _in_state(state: str) -> ColumnElement[bool]:
    if state == ASSIGNED:
        return dispatch.c.assigned_user_id.is_not(None)
    unassigned = dispatch.c.assigned_user_id.is_(None)
    if state == OPEN:
        return and_(dispatch.c.stage.not_in([stage.value for stage in FINAL]), unassigned)
    if state not in _STATES:
        raise InvalidInput("state", state, f"must be one of {', '.join(_STATES)}.")
    return and_(dispatch.c.stage == state, unassigned)


def _matching(search: str) -> ColumnElement[bool]:
    escaped = search.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    matches = [orders.c.external_id == search, func.lower(orders.c.title).like(f"%{escaped}%", escape="\\")]
    if search.isascii() and search.isdigit() and len(search) < 17:
        matches.append(dispatch.c.id == int(search))
    return or_(*matches)


def _summaries() -> Select[Any]:
    same_version = and_(
        frozen_query.c.dispatch_id == dispatch.c.id, frozen_query.c.order_version == dispatch.c.order_version
    )
    return (
        select(
            dispatch.c.id,
            dispatch.c.order_id,
            orders.c.external_id,
            orders.c.title,
            dispatch.c.owner,
            dispatch.c.stage,
            dispatch.c.assigned_user_id,
            dispatch.c.notified_full,
            dispatch.c.notified_partial,
            dispatch.c.waves,
            dispatch.c.created_at_ms,
            dispatch.c.changed_at_ms,
            dispatch.c.due_at_ms,
            dispatch.c.expires_at_ms,
            dispatch.c.closed_at_ms,
            dispatch.c.partial_at_ms,
            dispatch.c.reason,
            frozen_query.c.full_count,
            frozen_query.c.partial_count,
        )
        .join_from(dispatch, orders, orders.c.id == dispatch.c.order_id)
        .outerjoin(frozen_query, same_version)
    )


def _with_queues(session: Session, rows: Sequence[Row[Any]]) -> list[DispatchSummary]:
    counts = acceptance_repository.count_acceptances(session, [row.id for row in rows]) if rows else {}
    return [_summary(row, counts.get(row.id, AcceptanceCounts())) for row in rows]


def _summary(row: Row[Any], counts: AcceptanceCounts) -> DispatchSummary:
    final = Stage(row.stage) in FINAL
    choice = Choice.ACCEPTED if counts.waiting and not final else Choice.NONE
    if row.assigned_user_id is not None:
        choice = Choice.ASSIGNED
    return DispatchSummary(
        dispatch_id=row.id,
        order_id=row.order_id,
        external_id=row.external_id,
        title=row.title,
        owner=row.owner,
        state=ASSIGNED if row.assigned_user_id is not None else row.stage,
        stage=row.stage,
        choice=choice.value,
        tier=_tier(row),
        full_count=row.full_count,
        partial_count=row.partial_count,
        notified_full=row.notified_full,
        notified_partial=row.notified_partial,
        waves=row.waves,
        accepted_count=counts.accepted,
        waiting_count=counts.waiting,
        assigned_user_id=row.assigned_user_id,
        created_at_ms=row.created_at_ms,
        changed_at_ms=row.changed_at_ms,
        due_at_ms=row.due_at_ms,
        expires_at_ms=row.expires_at_ms,
        closed_at_ms=row.closed_at_ms,
        reason=row.reason,
    )


def _tier(row: Row[Any]) -> Tier | None:
    """The tier that the offering has reached."""
    if row.partial_at_ms is not None and row.stage not in (Stage.APPROVED.value, Stage.OFFERING_FULL.value):
        return "partial"
    return "full" if row.waves else None


def _queued(rows: Sequence[StoredAcceptance]) -> list[QueuedAcceptance]:
    place = 0
    views = []
    for row in rows:
        if row.state == "accepted":
            place += 1
        tier: Tier = "full" if row.tier == "full" else "partial"
        position = place if row.state == "accepted" else None
        views.append(QueuedAcceptance(row.user_id, position, row.state, tier, row.accepted_at_ms))
    return views
