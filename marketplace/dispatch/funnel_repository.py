"""The story of one dispatch in numbers (funnel) and in lines (timeline)."""

import json
from typing import Any, Final

from sqlalchemy import Row, func, select

from kit.db import Session
from marketplace.dispatch import acceptance_repository, wave_repository
from marketplace.dispatch.acceptance_repository import AcceptanceCounts
from marketplace.dispatch.errors import DispatchNotFound
from marketplace.dispatch.ports import MatchTiming
from marketplace.dispatch.tables import acceptance, assignment, decline, dispatch, dispatch_event, wave
from marketplace.dispatch.views import Funnel, TimelineLine

MAX_LINES: Final = 1_000
"""A timeline shows the first so many lines of each source."""


def funnel(session: Session, *, dispatch_id: int, owner: str | None = None) -> Funnel:
    """Return how many users came through each stage and how long each stage took. Raises DispatchNotFound."""
    row = _dispatch(session, dispatch_id, owner)
    frozen = wave_repository.frozen_queries(session, {dispatch_id: row.order_version}).get(dispatch_id)
    certificate = {} if frozen is None else frozen.certificate
    first_yes = session.execute(
        select(func.min(acceptance.c.accepted_at_ms)).where(acceptance.c.dispatch_id == dispatch_id)
    ).scalar_one()
    counts = acceptance_repository.count_acceptances(session, [dispatch_id]).get(dispatch_id, AcceptanceCounts())
    declined = session.execute(
        select(func.count()).select_from(decline).where(decline.c.dispatch_id == dispatch_id)
    ).scalar_one()
    selected = session.execute(
        select(func.count(), func.min(assignment.c.selected_at_ms)).where(assignment.c.dispatch_id == dispatch_id)
    ).one()
    delivered = session.execute(
        select(func.sum(wave.c.size), func.max(wave.c.delivered_at_ms - wave.c.sent_at_ms)).where(
            wave.c.dispatch_id == dispatch_id, wave.c.delivered_at_ms.is_not(None)
        )
    ).one()
    return Funnel(
        dispatch_id=dispatch_id,
        population=certificate.get("population"),
        dimension_counts={} if frozen is None else frozen.dimension_counts,
        full=None if frozen is None else frozen.full_count,
        partial=None if frozen is None else frozen.partial_count,
        notified_full=row.notified_full,
        notified_partial=row.notified_partial,
        delivered=int(delivered[0] or 0),
        accepted=counts.accepted,
        declined=declined,
        assigned=selected[0],
        stage_ms=_stages(row, delivered[1], first_yes, selected[1]),
        certificate=certificate,
        timing=_first_timing(session, dispatch_id),
    )


def timeline(session: Session, *, dispatch_id: int, owner: str | None = None) -> list[TimelineLine]:
    """Return what happened, in order of time: at most 1,000 lines of each kind of source. Raises DispatchNotFound."""
    row = _dispatch(session, dispatch_id, owner)
    lines = [TimelineLine(row.created_at_ms, "submitted", row.owner, None, None)]
    waves = (
        select(wave.c.number, wave.c.tier, wave.c.size, wave.c.sent_at_ms)
        .where(wave.c.dispatch_id == dispatch_id)
        .order_by(wave.c.id)
        .limit(MAX_LINES)
    )
    lines += [
        TimelineLine(each.sent_at_ms, "wave", "system", None, f"{each.number} {each.tier} {each.size}")
        for each in session.execute(waves)
    ]
    yes = (
        select(acceptance.c.user_id, acceptance.c.accepted_at_ms, acceptance.c.state, acceptance.c.changed_at_ms)
        .where(acceptance.c.dispatch_id == dispatch_id)
        .order_by(acceptance.c.id)
        .limit(MAX_LINES)
    )
    for each in session.execute(yes):
        who = f"user {each.user_id}"
        lines.append(TimelineLine(each.accepted_at_ms, "accepted", who, each.user_id, None))
        if each.state in ("withdrawn", "released"):
            lines.append(TimelineLine(each.changed_at_ms, each.state, who, each.user_id, None))
    no = select(decline).where(decline.c.dispatch_id == dispatch_id).limit(MAX_LINES)
    lines += [
        TimelineLine(each.declined_at_ms, "declined", f"user {each.user_id}", each.user_id, each.reason)
        for each in session.execute(no)
    ]
    events = (
        select(dispatch_event)
        .where(dispatch_event.c.dispatch_id == dispatch_id)
        .order_by(dispatch_event.c.at_ms, dispatch_event.c.id)
        .limit(MAX_LINES)
    )
    lines += [
        TimelineLine(each.at_ms, each.kind, each.actor, each.user_id, each.detail) for each in session.execute(events)
    ]
    return sorted(lines, key=lambda line: (line.at_ms, line.kind == "wave"))


def _first_timing(session: Session, dispatch_id: int) -> MatchTiming | None:
    first = select(wave.c.timing).where(wave.c.dispatch_id == dispatch_id).order_by(wave.c.id).limit(1)
    text = session.execute(first).scalar_one_or_none()
    if text is None:
        return None
    document = json.loads(text)
    shards = tuple((shard, took_us) for shard, took_us in document.pop("shards_us"))
    return MatchTiming(**document, shards_us=shards)


def _dispatch(session: Session, dispatch_id: int, owner: str | None) -> Row[Any]:
    row = session.execute(select(dispatch).where(dispatch.c.id == dispatch_id)).first()
    if row is None or (owner is not None and row.owner != owner):
        raise DispatchNotFound(dispatch_id)
    return row


def _stages(
    row: Row[Any], delivery_ms: int | None, accepted_at_ms: int | None, selected_at_ms: int | None
) -> dict[str, int]:
    """Durations in milliseconds of the stages that happened."""
    stages: dict[str, int] = {}
    first, partial, closed = row.first_wave_at_ms, row.partial_at_ms, row.closed_at_ms
    if first is not None:
        stages["queued"] = first - row.created_at_ms
    if delivery_ms is not None:
        stages["delivery"] = delivery_ms
    ends = [at_ms for at_ms in (selected_at_ms, closed) if at_ms is not None]
    if first is not None and (partial is not None or ends):
        stages["full"] = max(0, (partial if partial is not None else min(ends)) - first)
    if partial is not None and ends:
        stages["partial"] = max(0, min(ends) - partial)
    if accepted_at_ms is not None:
        stages["to_first_acceptance"] = accepted_at_ms - row.created_at_ms
    if selected_at_ms is not None:
        stages["to_assignment"] = selected_at_ms - row.created_at_ms
    return stages
