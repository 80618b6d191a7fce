"""Rows of read marks."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import func, select

from kit.db import Session, insert_if_absent
from marketplace.inbox.tables import inbox_read

LOOKUP_CHUNK: Final = 1_000


def opened_by(session: Session, user_id: int, dispatch_ids: Sequence[int]) -> set[int]:
    """Return which of these dispatches (at most 1,000) the user has opened."""
    if not dispatch_ids:
        return set()
    rows = session.execute(
        select(inbox_read.c.dispatch_id).where(
            inbox_read.c.user_id == user_id, inbox_read.c.dispatch_id.in_(dispatch_ids)
        )
    )
    return set(rows.scalars())


def mark(session: Session, user_id: int, dispatch_ids: Sequence[int], now_ms: int) -> int:
    """Mark as opened those that are not; returns how many."""
    rows = [{"user_id": user_id, "dispatch_id": each, "read_at_ms": now_ms} for each in sorted(set(dispatch_ids))]
    return insert_if_absent(session, inbox_read, rows)


def opened_by_users(session: Session, user_ids: Sequence[int]) -> Mapping[int, int]:
    """Return how many offers each of these users (at most 1,000) has opened."""
    counts = dict.fromkeys(user_ids, 0)
    rows = session.execute(
        select(inbox_read.c.user_id, func.count())
        .where(inbox_read.c.user_id.in_(user_ids))
        .group_by(inbox_read.c.user_id)
    )
    counts.update((row[0], row[1]) for row in rows)
    return counts


def opened_counts(session: Session, dispatch_ids: Sequence[int]) -> Mapping[int, int]:
    """Return how many users have opened each dispatch."""
    counts = dict.fromkeys(dispatch_ids, 0)
    for start in range(0, len(dispatch_ids), LOOKUP_CHUNK):
        chosen = dispatch_ids[start : start + LOOKUP_CHUNK]
        rows = session.execute(
            select(inbox_read.c.dispatch_id, func.count())
            .where(inbox_read.c.dispatch_id.in_(chosen))
            .group_by(inbox_read.c.dispatch_id)
        )
        counts.update((row[0], row[1]) for row in rows)
    return counts
