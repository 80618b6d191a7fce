"""Mark offers as opened by their receiver; kept in the database, where the funnel counts them."""

from collections.abc import Mapping, Sequence
from typing import Final

from kit.db import Session
from kit.errors import TooLarge
from marketplace.inbox import repository
from marketplace.inbox.entries import ENTRIES_PER_USER
from marketplace.inbox.list_inbox import read_hot
from marketplace.inbox.ports import WaveHistory
from marketplace.inbox.redis_store import InboxStore

MAX_MARKED: Final = 100


class TooManyMarks(TooLarge):
    """More read marks in one request than an inbox shows."""


def mark_read(
    session: Session,
    store: InboxStore | None,
    history: WaveHistory,
    *,
    user_id: int,
    dispatch_ids: Sequence[int],
    now_ms: int,
) -> int:
    """Mark up to 100 offers of a user as opened; return how many were not yet.

    Only offers among the user's newest 100 count: nobody opens what he was never told. Raises TooManyMarks.
    """
    if len(dispatch_ids) > MAX_MARKED:
        raise TooManyMarks(f"{len(dispatch_ids)} read marks in one request are more than the {MAX_MARKED} allowed")
    told = _told(session, store, history, user_id)
    return repository.mark(session, user_id, [each for each in dispatch_ids if each in told], now_ms)


def opened_counts(session: Session, dispatch_ids: Sequence[int]) -> Mapping[int, int]:
    """Return how many users have opened each of these dispatches."""
    return repository.opened_counts(session, dispatch_ids)


def opened_by_users(session: Session, user_ids: Sequence[int]) -> Mapping[int, int]:
    """Return how many offers each of these users (at most 1,000) has opened."""
    return repository.opened_by_users(session, user_ids)


def _told(session: Session, store: InboxStore | None, history: WaveHistory, user_id: int) -> set[int]:
    hot = read_hot(store, user_id)
    if hot is not None:
        return {entry.dispatch_id for entry in hot.entries}
    notices = history.waves_of_user(session, user_id, before_event_id=None, limit=ENTRIES_PER_USER)
    return {notice.entry.dispatch_id for notice in notices}
