"""Rows of preferences."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, select

from kit.db import Session, upsert
from marketplace.channels.preferences import Language, NotificationKind, Preference
from marketplace.channels.tables import channel_address

LOOKUP_CHUNK: Final = 900
SCAN_UP_TO: Final = 5_000
"""With so few preferences in all they are read whole, instead of being asked for by tens of thousands of ids."""

_row = channel_address.c


def save(session: Session, preference: Preference) -> None:
    """Write a preference over the one that was there."""
    row = {
        "user_id": preference.user_id,
        "channel": preference.channel,
        "address": preference.address,
        "kinds": " ".join(sorted(preference.kinds)),
        "language": preference.language.value,
        "created_at_ms": preference.changed_at_ms,
        "changed_at_ms": preference.changed_at_ms,
    }
    upsert(session, channel_address, [row], ["address", "kinds", "language", "changed_at_ms"])


def remove(session: Session, user_id: int, channel: str | None) -> int:
    """Remove a user's preference for one channel or for all; return how many there were."""
    statement = delete(channel_address).where(_row.user_id == user_id)
    if channel is not None:
        statement = statement.where(_row.channel == channel)
    return session.execute(statement).rowcount


def of_users(session: Session, user_ids: Sequence[int], channel: str | None = None) -> list[Preference]:
    """Return the preferences of these users, by user and channel."""
    found: list[Preference] = []
    few = _few(session) if len(user_ids) > LOOKUP_CHUNK else None
    if few is not None:
        wanted = set(user_ids)
        return [each for each in few if each.user_id in wanted and channel in (None, each.channel)]
    for part in _parts(sorted(set(user_ids))):
        query = select(channel_address).where(_row.user_id.in_(part)).order_by(_row.user_id, _row.channel)
        if channel is not None:
            query = query.where(_row.channel == channel)
        found += [_preference(row) for row in session.execute(query)]
    return found


def kinds_wanted(session: Session) -> frozenset[str]:
    """Return what at least one user wants to be notified of."""
    combinations = session.execute(select(_row.kinds).distinct().limit(1 << len(NotificationKind))).scalars()
    return frozenset(kind for kinds in combinations for kind in kinds.split())


def _few(session: Session) -> list[Preference] | None:
    """Return all preferences when there are few, else None."""
    query = select(channel_address).order_by(_row.user_id, _row.channel).limit(SCAN_UP_TO + 1)
    rows = session.execute(query).all()
    return [_preference(row) for row in rows] if len(rows) <= SCAN_UP_TO else None


def _parts(user_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(user_ids), LOOKUP_CHUNK):
        yield user_ids[start : start + LOOKUP_CHUNK]


def _preference(row: Row[Any]) -> Preference:
    return Preference(
        user_id=row.user_id,
        channel=row.channel,
        address=row.address,
        kinds=frozenset(NotificationKind(kind) for kind in row.kinds.split()),
        language=Language(row.language),
        changed_at_ms=row.changed_at_ms,
    )
