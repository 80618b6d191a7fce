"""Reads back everything that a dispatch left behind."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Row, func, select

from kit.db import Session
from kit.errors import TooLarge
from marketplace.dispatch import wave_repository
from marketplace.dispatch.dispatch_repository import dispatch_row, policies_by_id
from marketplace.dispatch.errors import DispatchNotFound
from marketplace.dispatch.packing import PackedChunk
from marketplace.dispatch.recorded import DispatchRecord, RecordedEvent, RecordedWave, RecordedYes
from marketplace.dispatch.tables import acceptance, assignment, dispatch, dispatch_event, wave
from marketplace.dispatch.views import Tier

MAX_CHUNKS: Final = 5_000
MAX_LINES: Final = 20_000
"""So many acceptances, and so many events."""


class TooMuchToReplay(TooLarge):
    """The dispatch has more waves, acceptances or events than are replayed in one go."""

    def __init__(self, dispatch_id: int, count: int, what: str, most: int) -> None:
        super().__init__(
            f"Dispatch {dispatch_id} has {count:,} {what}; at most {most:,} are replayed in one go, so it cannot be."
        )


def read_record(session: Session, *, dispatch_id: int, owner: str | None = None) -> DispatchRecord:
    """Return what is kept of one dispatch. Raises DispatchNotFound, TooMuchToReplay."""
    found = session.execute(select(dispatch).where(dispatch.c.id == dispatch_id)).first()
    if found is None or (owner is not None and found.owner != owner):
        raise DispatchNotFound(dispatch_id)
    for table, what, most in (
        (wave, "wave chunks", MAX_CHUNKS),
        (acceptance, "acceptances", MAX_LINES),
        (dispatch_event, "events", MAX_LINES),
    ):
        count = session.execute(
            select(func.count()).select_from(table).where(table.c.dispatch_id == dispatch_id)
        ).scalar_one()
        if count > most:
            raise TooMuchToReplay(dispatch_id, count, what, most)
    row = dispatch_row(found)
    stored = policies_by_id(session, [row.policy_id])[row.policy_id]
    first = wave_repository.frozen_queries(session, {dispatch_id: 1}).get(dispatch_id)
    assigned = row.state.assigned
    return DispatchRecord(
        dispatch_id=dispatch_id,
        policy=stored.policy,
        policy_version=stored.version,
        created_at_ms=row.created_at_ms,
        expires_at_ms=row.state.expires_at_ms,
        confirmed_reach=row.state.confirmed_reach,
        closed_at_ms=row.closed_at_ms,
        stage=row.state.stage,
        notified_full=row.state.notified_full,
        notified_partial=row.state.notified_partial,
        assigned_user_id=None if assigned is None else assigned.user_id,
        first_full_count=None if first is None else first.full_count,
        first_partial_count=None if first is None else first.partial_count,
        waves=tuple(_waves(session, dispatch_id)),
        yes=tuple(_yes(session, dispatch_id)),
        events=tuple(_events(session, dispatch_id)),
    )


def _waves(session: Session, dispatch_id: int) -> list[RecordedWave]:
    rows = session.execute(select(wave).where(wave.c.dispatch_id == dispatch_id).order_by(wave.c.number, wave.c.chunk))
    return [_wave(list(chunks)) for _, chunks in groupby(rows, key=lambda row: row.number)]


def _wave(rows: Sequence[Row[Any]]) -> RecordedWave:
    first = rows[0]
    return RecordedWave(
        number=first.number,
        order_version=first.order_version,
        sent_at_ms=first.sent_at_ms,
        expires_at_ms=first.expires_at_ms,
        full_count=first.full_count,
        partial_count=first.partial_count,
        chunks=tuple((_tier(row), _packed(row)) for row in rows),
    )


def _tier(row: Row[Any]) -> Tier:
    return "full" if row.tier == "full" else "partial"


def _packed(row: Row[Any]) -> PackedChunk:
    return PackedChunk(row.size, row.smallest_user_id, row.largest_user_id, row.user_ids, row.scores, row.ties)


def _yes(session: Session, dispatch_id: int) -> list[RecordedYes]:
    """Whoever was selected since left the queue then; who withdrew or was released left it when his row changed."""
    chosen = select(assignment.c.user_id, assignment.c.selected_at_ms).where(assignment.c.dispatch_id == dispatch_id)
    selections: dict[int, list[int]] = {}
    for user_id, at_ms in session.execute(chosen.order_by(assignment.c.token)):
        selections.setdefault(user_id, []).append(at_ms)
    rows = session.execute(
        select(acceptance).where(acceptance.c.dispatch_id == dispatch_id).order_by(acceptance.c.arrival)
    )
    return [
        RecordedYes(
            row.user_id,
            row.accepted_at_ms,
            None if row.state == "accepted" else _left_at_ms(row, selections.get(row.user_id, [])),
            row.state,
        )
        for row in rows
    ]


def _left_at_ms(row: Row[Any], selected_at_ms: Sequence[int]) -> int:
    since = [at_ms for at_ms in selected_at_ms if at_ms >= row.accepted_at_ms]
    return since[0] if since else int(row.changed_at_ms)


def _events(session: Session, dispatch_id: int) -> list[RecordedEvent]:
    rows = session.execute(
        select(dispatch_event)
        .where(dispatch_event.c.dispatch_id == dispatch_id)
        .order_by(dispatch_event.c.at_ms, dispatch_event.c.id)
    )
    return [RecordedEvent(row.at_ms, row.kind, row.user_id) for row in rows]
