"""What was offered to whom and what became of it: waves, offers, one user's notification and answers."""

import json
from array import array
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, select

from kit.db import Session
from kit.errors import InvalidInput
from marketplace.dispatch import acceptance_repository, assignment_repository, cursors
from marketplace.dispatch.packing import find, ranked, unpack_ids, unpack_numbers
from marketplace.dispatch.tables import acceptance, decline, wave
from marketplace.dispatch.views import OfferView, Page, Tier, UserAnswer, WaveView

TIERS: Final = ("full", "partial")


def list_waves(session: Session, *, dispatch_id: int, cursor: str | None = None, limit: int = 100) -> Page[WaveView]:
    """Return the waves of a dispatch in the order in which they were sent, one line a chunk."""
    size = cursors.page_size(limit)
    columns = [column for column in wave.columns if column.name not in ("user_ids", "scores", "ties")]
    statement = select(*columns).where(wave.c.dispatch_id == dispatch_id)
    after = cursors.decode("waves", cursor, 1)
    if after is not None:
        statement = statement.where(wave.c.id > after[0])
    rows = session.execute(statement.order_by(wave.c.id).limit(size + 1)).all()
    more = cursors.encode("waves", rows[size - 1].id) if len(rows) > size else None
    return Page(tuple(_wave_view(row) for row in rows[:size]), more)


def list_offers(
    session: Session,
    *,
    dispatch_id: int,
    tier: str | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[OfferView]:
    """Return who was told, in the order of the waves and by rank within each. Raises InvalidInput."""
    size = cursors.page_size(limit)
    if tier is not None and tier not in TIERS:
        raise InvalidInput("tier", tier, "must be full or partial.")
    after = cursors.decode("offers", cursor, 2)
    found: list[OfferView] = []
    wave_id, skip = (0, 0) if after is None else after
    while True:
        row = _chunk_from(session, dispatch_id, tier, wave_id)
        if row is None:
            return Page(tuple(found), None)
        user_ids, scores, ties = unpack_ids(row.user_ids), unpack_numbers(row.scores), unpack_numbers(row.ties)
        order = ranked(user_ids, scores, ties)
        if row.id != wave_id:
            skip = 0
        places = order[skip : skip + size - len(found)]
        found += _offers(session, row, places, user_ids, scores, ties, first_rank=skip + 1)
        if skip + len(places) < len(order):
            return Page(tuple(found), cursors.encode("offers", row.id, skip + len(places)))
        if len(found) >= size:
            following = _chunk_from(session, dispatch_id, tier, row.id + 1)
            return Page(tuple(found), None if following is None else cursors.encode("offers", following.id, 0))
        wave_id, skip = row.id + 1, 0


def notification_of(session: Session, *, dispatch_id: int, user_id: int) -> OfferView | None:
    """Return what one user was offered and what became of it; None when he was never told."""
    statement = select(wave).where(
        wave.c.dispatch_id == dispatch_id, wave.c.smallest_user_id <= user_id, wave.c.largest_user_id >= user_id
    )
    for row in session.execute(statement):
        user_ids = unpack_ids(row.user_ids)
        place = find(user_ids, user_id)
        if place is not None:
            scores, ties = unpack_numbers(row.scores), unpack_numbers(row.ties)
            rank = ranked(user_ids, scores, ties).index(place) + 1
            return _offers(session, row, [place], user_ids, scores, ties, first_rank=rank)[0]
    return None


def answers_of_user(session: Session, *, user_id: int, dispatch_ids: Sequence[int]) -> dict[int, UserAnswer]:
    """Return how a user answered each dispatch (at most 900); those without an answer are missing."""
    if not dispatch_ids:
        return {}
    declined = select(decline.c.dispatch_id).where(
        decline.c.user_id == user_id, decline.c.dispatch_id.in_(dispatch_ids)
    )
    answers = {dispatch_id: UserAnswer("declined", None) for dispatch_id in session.execute(declined).scalars()}
    pairs = [(dispatch_id, user_id) for dispatch_id in dispatch_ids]
    for (dispatch_id, _), row in acceptance_repository.read_acceptances(session, pairs).items():
        if row.state == "withdrawn" and dispatch_id in answers:
            continue
        answers[dispatch_id] = UserAnswer(row.state, acceptance_repository.position(session, row))
    selected = [dispatch_id for dispatch_id, answer in answers.items() if answer.state == "selected"]
    for dispatch_id, hold in assignment_repository.holds_of(session, selected).items():
        answers[dispatch_id] = UserAnswer("selected", None, hold)
    return answers


def _chunk_from(session: Session, dispatch_id: int, tier: str | None, wave_id: int) -> Row[Any] | None:
    statement = select(wave).where(wave.c.dispatch_id == dispatch_id, wave.c.id >= wave_id)
    if tier is not None:
        statement = statement.where(wave.c.tier == tier)
    return session.execute(statement.order_by(wave.c.id).limit(1)).first()


def _offers(
    session: Session,
    row: Row[Any],
    places: Sequence[int],
    user_ids: "array[int]",
    scores: "array[int]",
    ties: "array[int]",
    *,
    first_rank: int,
) -> list[OfferView]:
    told = [user_ids[place] for place in places]
    states = _states(session, row.dispatch_id, told)
    return [
        OfferView(
            user_id=user_ids[place],
            tier=_tier(row.tier),
            score=scores[place],
            tie=ties[place],
            wave=row.number,
            rank=first_rank + nth,
            notified_at_ms=row.sent_at_ms,
            delivered_at_ms=row.delivered_at_ms,
            expires_at_ms=row.expires_at_ms,
            state=states.get(user_ids[place], UserAnswer("offered", None)).state,
            position=states.get(user_ids[place], UserAnswer("offered", None)).position,
        )
        for nth, place in enumerate(places)
    ]


def _states(session: Session, dispatch_id: int, user_ids: Sequence[int]) -> dict[int, UserAnswer]:
    states: dict[int, UserAnswer] = {}
    for start in range(0, len(user_ids), 900):
        part = user_ids[start : start + 900]
        no = select(decline.c.user_id).where(decline.c.dispatch_id == dispatch_id, decline.c.user_id.in_(part))
        states.update({user_id: UserAnswer("declined", None) for user_id in session.execute(no).scalars()})
        yes = select(acceptance).where(acceptance.c.dispatch_id == dispatch_id, acceptance.c.user_id.in_(part))
        for row in session.execute(yes):
            place = acceptance_repository.position(session, acceptance_repository.stored_acceptance(row))
            states[row.user_id] = UserAnswer(row.state, place)
    return states


def _wave_view(row: Row[Any]) -> WaveView:
    return WaveView(
        wave_id=row.id,
        number=row.number,
        chunk=row.chunk,
        tier=_tier(row.tier),
        size=row.size,
        order_version=row.order_version,
        sent_at_ms=row.sent_at_ms,
        expires_at_ms=row.expires_at_ms,
        delivered_at_ms=row.delivered_at_ms,
        full_count=row.full_count,
        partial_count=row.partial_count,
        certificate=json.loads(row.certificate),
    )


def _tier(value: str) -> Tier:
    return "full" if value == "full" else "partial"
