"""Rows of waves and of frozen queries."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select, update

from kit.db import Session, insert_many, upsert
from marketplace.dispatch.dispatch_repository import IN_AT_MOST
from marketplace.dispatch.packing import ID_BYTES, PackedChunk, find, pack_ids, unpack_ids
from marketplace.dispatch.ports import MatchTiming
from marketplace.dispatch.tables import frozen_query, wave

PROBE_ABOVE_USERS: Final = 4_096
"""Chunks above this size are searched by the database instead of being fetched, unless many ask at once."""

PROBES_AT_MOST: Final = 8


@dataclass(frozen=True, slots=True)
class NewWaveChunk:
    """A chunk to be written."""

    wave_id: int
    dispatch_id: int
    number: int
    chunk: int
    tier: str
    order_version: int
    packed: PackedChunk
    certificate: Mapping[str, Any]
    full_count: int
    partial_count: int | None
    dimension_counts: Mapping[str, int]
    sent_at_ms: int
    expires_at_ms: int
    timing: MatchTiming | None = None


@dataclass(frozen=True, slots=True)
class FrozenQuery:
    """The frozen query of an order version with the counts of its first answer."""

    dispatch_id: int
    order_version: int
    query_json: str
    certificate: Mapping[str, Any]
    full_count: int
    partial_count: int | None
    dimension_counts: Mapping[str, int]
    frozen_at_ms: int


@dataclass(frozen=True, slots=True)
class StoredOffer:
    """In which chunk a user was told."""

    wave_id: int
    tier: str
    number: int
    sent_at_ms: int
    expires_at_ms: int


def insert_waves(session: Session, chunks: Sequence[NewWaveChunk]) -> None:
    """Write wave chunks."""
    insert_many(session, wave, [_wave_values(chunk) for chunk in chunks])


def _wave_values(chunk: NewWaveChunk) -> dict[str, Any]:
    return {
        "id": chunk.wave_id,
        "dispatch_id": chunk.dispatch_id,
        "number": chunk.number,
        "chunk": chunk.chunk,
        "tier": chunk.tier,
        "order_version": chunk.order_version,
        "size": chunk.packed.size,
        "user_ids": chunk.packed.user_ids,
        "scores": chunk.packed.scores,
        "ties": chunk.packed.ties,
        "smallest_user_id": chunk.packed.smallest_user_id,
        "largest_user_id": chunk.packed.largest_user_id,
        "certificate": _json(chunk.certificate),
        "full_count": chunk.full_count,
        "partial_count": chunk.partial_count,
        "dimension_counts": _json(chunk.dimension_counts),
        "timing": None if chunk.timing is None else _json(chunk.timing),
        "sent_at_ms": chunk.sent_at_ms,
        "expires_at_ms": chunk.expires_at_ms,
        "delivered_at_ms": None,
    }


def _json(document: Mapping[str, Any] | MatchTiming) -> str:
    return orjson.dumps(document, default=dict).decode()


def save_frozen(session: Session, frozen: Sequence[FrozenQuery]) -> None:
    """Keep frozen queries; one that is there already only learns its partial count and dimension counts."""
    rows = [
        {
            "dispatch_id": each.dispatch_id,
            "order_version": each.order_version,
            "query": each.query_json,
            "certificate": _json(each.certificate),
            "full_count": each.full_count,
            "partial_count": each.partial_count,
            "dimension_counts": _json(each.dimension_counts),
            "frozen_at_ms": each.frozen_at_ms,
        }
        for each in frozen
    ]
    if rows:
        upsert(session, frozen_query, rows, ["partial_count", "dimension_counts"])


def frozen_queries(session: Session, versions: Mapping[int, int]) -> dict[int, FrozenQuery]:
    """Return the frozen query of each dispatch at the given order version, where there is one."""
    found: dict[int, FrozenQuery] = {}
    rows = session.execute(select(frozen_query).where(frozen_query.c.dispatch_id.in_(sorted(versions))))
    for row in rows:
        if row.order_version == versions[row.dispatch_id]:
            found[row.dispatch_id] = FrozenQuery(
                dispatch_id=row.dispatch_id,
                order_version=row.order_version,
                query_json=row.query,
                certificate=orjson.loads(row.certificate),
                full_count=row.full_count,
                partial_count=row.partial_count,
                dimension_counts=orjson.loads(row.dimension_counts),
                frozen_at_ms=row.frozen_at_ms,
            )
    return found


def told_users(session: Session, dispatch_ids: Sequence[int]) -> dict[int, "array[int]"]:
    """Return everybody who was told so far, ascending, for each dispatch that has waves."""
    told: dict[int, list[array[int]]] = {}
    rows = session.execute(select(wave.c.dispatch_id, wave.c.user_ids).where(wave.c.dispatch_id.in_(dispatch_ids)))
    for row in rows:
        told.setdefault(row.dispatch_id, []).append(unpack_ids(row.user_ids))
    return {dispatch_id: _merged(parts) for dispatch_id, parts in told.items()}


def last_wave_before(session: Session, since_ms: int) -> int:
    """Return the id of the chunk after which those sent at or after ``since_ms`` come; of the last one if none do."""
    statement = select(wave.c.id).where(wave.c.sent_at_ms >= since_ms).order_by(wave.c.sent_at_ms, wave.c.id).limit(1)
    first = session.execute(statement).scalar_one_or_none()
    if first is not None:
        return int(first) - 1
    return session.execute(select(func.max(wave.c.id))).scalar_one() or 0


def told_after(session: Session, wave_id: int, limit: int) -> list[tuple[int, int, "array[int]"]]:
    """Return (chunk id, when, who was told) of the next ``limit`` chunks after an id, as they were committed."""
    columns = (wave.c.id, wave.c.sent_at_ms, wave.c.user_ids)
    statement = select(*columns).where(wave.c.id > wave_id).order_by(wave.c.id).limit(limit)
    return [(row.id, row.sent_at_ms, unpack_ids(row.user_ids)) for row in session.execute(statement)]


def _merged(parts: Sequence["array[int]"]) -> "array[int]":
    if len(parts) == 1:
        return parts[0]
    together = [user_id for part in parts for user_id in part]
    together.sort()
    return array("q", together)


def find_offers(session: Session, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], StoredOffer]:
    """Return where each (dispatch, user) was told; pairs never told are missing."""
    found: dict[tuple[int, int], StoredOffer] = {}
    for start in range(0, len(pairs), 200):
        found.update(_find_offers(session, pairs[start : start + 200]))
    return found


def _find_offers(session: Session, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], StoredOffer]:
    asked: dict[int, list[int]] = {}
    for dispatch_id, user_id in pairs:
        asked.setdefault(dispatch_id, []).append(user_id)
    if len(pairs) == 1:
        heads = session.execute(_ONE_HEAD, {"dispatch_id": pairs[0][0], "user_id": pairs[0][1]}).all()
    else:
        # One condition a dispatch, over all its users: a long statement takes longer to build than to answer.
        spans = [_may_hold(dispatch_id, min(users), max(users)) for dispatch_id, users in asked.items()]
        heads = session.execute(_HEADS.where(or_(*spans))).all()
    fetched = _fetch_ids(session, [head.id for head in heads if _is_fetched(head.size, len(asked[head.dispatch_id]))])
    found: dict[tuple[int, int], StoredOffer] = {}
    for head in heads:
        offer = StoredOffer(head.id, head.tier, head.number, head.sent_at_ms, head.expires_at_ms)
        for user_id in asked[head.dispatch_id]:
            if head.smallest_user_id <= user_id <= head.largest_user_id:
                user_ids = fetched.get(head.id)
                told = _probe(session, head.id, user_id) if user_ids is None else find(user_ids, user_id) is not None
                if told:
                    found[head.dispatch_id, user_id] = offer
    return found


def _is_fetched(size: int, asking: int) -> bool:
    return size <= PROBE_ABOVE_USERS or asking > PROBES_AT_MOST


def _may_hold(dispatch_id: Any, first_user: Any, last_user: Any) -> ColumnElement[bool]:
    """Chunks of a dispatch that may hold a user from the first to the last."""
    return and_(
        wave.c.dispatch_id == dispatch_id, wave.c.smallest_user_id <= last_user, wave.c.largest_user_id >= first_user
    )


_HEADS: Final = select(
    wave.c.id,
    wave.c.dispatch_id,
    wave.c.tier,
    wave.c.number,
    wave.c.size,
    wave.c.sent_at_ms,
    wave.c.expires_at_ms,
    wave.c.smallest_user_id,
    wave.c.largest_user_id,
)
# Built once, because a busy order asks it for every yes.
_ONE_HEAD: Final = _HEADS.where(_may_hold(bindparam("dispatch_id"), bindparam("user_id"), bindparam("user_id")))


def _fetch_ids(session: Session, wave_ids: Sequence[int]) -> dict[int, "array[int]"]:
    fetched: dict[int, array[int]] = {}
    for start in range(0, len(wave_ids), IN_AT_MOST):
        part = wave_ids[start : start + IN_AT_MOST]
        rows = session.execute(select(wave.c.id, wave.c.user_ids).where(wave.c.id.in_(part)))
        fetched.update({row.id: unpack_ids(row.user_ids) for row in rows})
    return fetched


def _probe(session: Session, wave_id: int, user_id: int) -> bool:
    """Search a big chunk inside the database; a hit across two ids is told apart by fetching."""
    place = session.execute(
        select(func.instr(wave.c.user_ids, pack_ids([user_id]))).where(wave.c.id == wave_id)
    ).scalar_one()
    if place == 0 or (place - 1) % ID_BYTES == 0:
        return bool(place)
    return find(_fetch_ids(session, [wave_id])[wave_id], user_id) is not None


def mark_delivered(session: Session, wave_ids: Sequence[int], now_ms: int) -> None:
    """Note when the chunks reached the inboxes; the first time counts."""
    session.execute(
        update(wave).where(wave.c.id.in_(wave_ids), wave.c.delivered_at_ms.is_(None)).values(delivered_at_ms=now_ms)
    )
