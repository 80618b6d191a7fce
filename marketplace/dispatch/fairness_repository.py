"""Rows of what is counted for each user: offers, by the way from the waves; eligibility, from a sample of orders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select, update

from kit.db import Session, add_to_counters, insert_if_absent, lock_rows
from marketplace.dispatch.dispatch_repository import IN_AT_MOST
from marketplace.dispatch.packing import unpack_ids
from marketplace.dispatch.tables import assignment, dispatch, eligible_counter, fairness_progress, offered_counter, wave

_ROW: Final = 1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the waves were counted; ``counted_at_ms`` 0: never."""

    wave_id: int = 0
    sampled_orders: int = 0
    counted_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class CountedChunk:
    """A wave chunk that is to be counted; ``opens``: it is the first one of its dispatch."""

    wave_id: int
    dispatch_id: int
    opens: bool
    user_ids: Sequence[int]


def read_progress(session: Session) -> Progress:
    """Return how far the waves were counted."""
    return _progress(session.execute(select(fairness_progress).where(fairness_progress.c.id == _ROW)).first())


def lock_progress(session: Session) -> Progress:
    """The same, locked until the commit: whoever counts too waits, and sees what was counted here."""
    insert_if_absent(session, fairness_progress, [{"id": _ROW, "wave_id": 0, "sampled_orders": 0, "counted_at_ms": 0}])
    return _progress(lock_rows(session, select(fairness_progress).where(fairness_progress.c.id == _ROW)).first())


def _progress(row: Any) -> Progress:
    return Progress() if row is None else Progress(row.wave_id, row.sampled_orders, row.counted_at_ms)


def save_progress(session: Session, progress: Progress) -> None:
    """Write how far the waves were counted; the caller holds the lock."""
    session.execute(
        update(fairness_progress)
        .where(fairness_progress.c.id == _ROW)
        .values(
            wave_id=progress.wave_id,
            sampled_orders=progress.sampled_orders,
            counted_at_ms=progress.counted_at_ms,
        )
    )


def chunks_after(session: Session, wave_id: int, limit: int) -> list[CountedChunk]:
    """Return the next ``limit`` chunks after an id, as they were committed."""
    columns = (wave.c.id, wave.c.dispatch_id, wave.c.number, wave.c.chunk, wave.c.user_ids)
    statement = select(*columns).where(wave.c.id > wave_id).order_by(wave.c.id).limit(limit)
    return [
        CountedChunk(row.id, row.dispatch_id, (row.number, row.chunk) == (1, 0), unpack_ids(row.user_ids))
        for row in session.execute(statement)
    ]


def add_offers(session: Session, counts: Mapping[int, int]) -> None:
    """Add to how often each user was offered something."""
    add_to_counters(session, offered_counter, "user_id", "offered", counts)


def add_eligible(session: Session, counts: Mapping[int, int]) -> None:
    """Add to how many of the sampled orders each user satisfied."""
    add_to_counters(session, eligible_counter, "user_id", "eligible", counts)


def versions_of(session: Session, dispatch_ids: Sequence[int]) -> dict[int, int]:
    """Return the present order version of each dispatch, at most 900."""
    statement = select(dispatch.c.id, dispatch.c.order_version).where(dispatch.c.id.in_(dispatch_ids))
    return {row.id: row.order_version for row in session.execute(statement)}


@dataclass(frozen=True, slots=True)
class Counts:
    """What is counted of one user; ``eligible`` among the sampled orders."""

    offered: int = 0
    eligible: int = 0
    won: int = 0


def counts_of(session: Session, user_ids: Sequence[int]) -> dict[int, Counts]:
    """Return what is counted of these users, at most 900."""
    if len(user_ids) > IN_AT_MOST:
        raise ValueError(f"{len(user_ids)} users in one question are more than {IN_AT_MOST}")
    offered = _numbers(session, select(offered_counter).where(offered_counter.c.user_id.in_(user_ids)))
    eligible = _numbers(session, select(eligible_counter).where(eligible_counter.c.user_id.in_(user_ids)))
    selected = (
        select(assignment.c.user_id, func.count())
        .where(assignment.c.user_id.in_(user_ids))
        .group_by(assignment.c.user_id)
    )
    won = _numbers(session, selected)
    return {user: Counts(offered.get(user, 0), eligible.get(user, 0), won.get(user, 0)) for user in user_ids}


def _numbers(session: Session, statement: Any) -> dict[int, int]:
    return {row[0]: row[1] for row in session.execute(statement)}


def offered_users(session: Session, after_user_id: int, limit: int) -> list[int]:
    """Return the next users who were offered anything, by number."""
    column = offered_counter.c.user_id
    return list(session.execute(select(column).where(column > after_user_id).order_by(column).limit(limit)).scalars())
