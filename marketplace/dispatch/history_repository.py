"""Reads waves back as they were sent: for delivery, for rebuilding inboxes, for one user's inbox without Redis."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, Select, select

from kit.db import Session
from marketplace.dispatch.dispatch_repository import IN_AT_MOST
from marketplace.dispatch.packing import find, unpack_ids, unpack_numbers
from marketplace.dispatch.ports import InboxEntry, WaveChunk
from marketplace.dispatch.states import FINAL, Stage
from marketplace.dispatch.tables import dispatch, wave
from marketplace.dispatch.views import DispatchLabel
from marketplace.orders.tables import orders

MAX_CHUNKS_A_PAGE: Final = 1_000
MAX_SCANNED_CHUNKS: Final = 20_000
"""One user's inbox is searched this far back when Redis is away."""
_SCAN_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class UserNotice:
    """What one user was told."""

    entry: InboxEntry
    score: int
    tie: int


def read_chunks(session: Session, wave_ids: Sequence[int]) -> list[WaveChunk]:
    """Return these chunks, ascending by event id."""
    statement = _chunks().where(wave.c.id.in_(sorted(wave_ids))).order_by(wave.c.id)
    return [_chunk(row) for row in session.execute(statement)]


def iterate_wave_chunks(session: Session, since_ms: int, after_event_id: int, limit: int) -> list[WaveChunk]:
    """Return up to ``limit`` (at most 1,000) chunks sent at or after ``since_ms``, after an event id, ascending."""
    statement = (
        _chunks()
        .where(wave.c.id > after_event_id, wave.c.sent_at_ms >= since_ms)
        .order_by(wave.c.id)
        .limit(min(limit, MAX_CHUNKS_A_PAGE))
    )
    return [_chunk(row) for row in session.execute(statement)]


def waves_of_user(
    session: Session, user_id: int, *, before_event_id: int | None = None, limit: int
) -> list[UserNotice]:
    """Return what a user was told, newest first, at most ``limit``; looks through the newest 20,000 chunks only."""
    notices: list[UserNotice] = []
    before, scanned = before_event_id, 0
    while len(notices) < limit and scanned < MAX_SCANNED_CHUNKS:
        statement = _chunks().where(wave.c.smallest_user_id <= user_id, wave.c.largest_user_id >= user_id)
        if before is not None:
            statement = statement.where(wave.c.id < before)
        rows = session.execute(statement.order_by(wave.c.id.desc()).limit(_SCAN_AT_ONCE)).all()
        for row in rows:
            place = find(unpack_ids(row.user_ids), user_id)
            if place is not None and len(notices) < limit:
                score, tie = unpack_numbers(row.scores)[place], unpack_numbers(row.ties)[place]
                notices.append(UserNotice(_entry(row), score, tie))
        if len(rows) < _SCAN_AT_ONCE:
            break
        scanned += len(rows)
        before = rows[-1].id
    return notices


def labels_of(session: Session, dispatch_ids: Sequence[int]) -> dict[int, DispatchLabel]:
    """Return the present title and state (open | taken | closed) of each dispatch."""
    found: dict[int, DispatchLabel] = {}
    for start in range(0, len(dispatch_ids), IN_AT_MOST):
        part = sorted(dispatch_ids[start : start + IN_AT_MOST])
        statement = (
            select(
                dispatch.c.id, dispatch.c.stage, dispatch.c.assigned_user_id, dispatch.c.order_version, orders.c.title
            )
            .join_from(dispatch, orders, orders.c.id == dispatch.c.order_id)
            .where(dispatch.c.id.in_(part))
        )
        for row in session.execute(statement):
            state = label_state(row.stage, row.assigned_user_id)
            found[row.id] = DispatchLabel(row.title, state, row.order_version)
    return found


def label_state(stage: str, assigned_user_id: int | None) -> str:
    """What receivers see: taken while somebody is assigned, closed after the end, else open."""
    if assigned_user_id is not None:
        return "taken"
    return "closed" if Stage(stage) in FINAL else "open"


def _chunks() -> Select[Any]:
    return (
        select(
            wave.c.id,
            wave.c.dispatch_id,
            wave.c.number,
            wave.c.chunk,
            wave.c.tier,
            wave.c.user_ids,
            wave.c.scores,
            wave.c.ties,
            wave.c.sent_at_ms,
            wave.c.expires_at_ms,
            dispatch.c.order_id,
            dispatch.c.stage,
            dispatch.c.assigned_user_id,
            orders.c.title,
        )
        .join_from(wave, dispatch, dispatch.c.id == wave.c.dispatch_id)
        .join(orders, orders.c.id == dispatch.c.order_id)
    )


def _chunk(row: Row[Any]) -> WaveChunk:
    return WaveChunk(_entry(row), unpack_ids(row.user_ids), unpack_numbers(row.scores), unpack_numbers(row.ties))


def _entry(row: Row[Any]) -> InboxEntry:
    return InboxEntry(
        event_id=row.id,
        dispatch_id=row.dispatch_id,
        order_id=row.order_id,
        title=row.title,
        tier=row.tier,
        wave=row.number,
        chunk=row.chunk,
        notified_at_ms=row.sent_at_ms,
        expires_at_ms=row.expires_at_ms,
        state=label_state(row.stage, row.assigned_user_id),
    )
