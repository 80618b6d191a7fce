"""What a live stream missed, from the waves in the database: for the time in which Redis cannot tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kit.db import Database
from marketplace.inbox.entries import ENTRIES_PER_USER, OPEN_STATE, StoredEntry
from marketplace.inbox.list_inbox import stored_of
from marketplace.inbox.ports import WaveHistory


@dataclass(frozen=True, slots=True)
class Missed:
    """What a client does not know yet.

    ``offers``: its missed offers, ascending, as the documents of events. ``seen``: event ids of its newest offers that
    it knows, and ``states`` the state changes of those that are not open any more. ``dispatch_ids``: all dispatches in
    its inbox. ``more``: there are missed offers beyond these, so the list must be read again.
    """

    offers: Sequence[dict[str, Any]]
    seen: Sequence[int]
    states: Sequence[dict[str, Any]]
    dispatch_ids: Sequence[int]
    more: bool


def sort_out(
    entries: Sequence[tuple[StoredEntry, str, str]], after_event_id: int, late: frozenset[int] = frozenset()
) -> Missed:
    """Tell what is missed of (entry, title, state) in ascending order; ``late``: known by id, but it arrived later."""
    offers: list[dict[str, Any]] = []
    states: list[dict[str, Any]] = []
    seen: list[int] = []
    for entry, title, state in entries:
        if entry.event_id > after_event_id or entry.event_id in late:
            offers.append(document_of(entry, title, state))
            continue
        seen.append(entry.event_id)
        if state != OPEN_STATE:
            states.append({"dispatch_id": entry.dispatch_id, "state": state})
    more = len(entries) >= ENTRIES_PER_USER and entries[0][0].event_id > after_event_id
    return Missed(offers, seen, states, [entry.dispatch_id for entry, _, _ in entries], more)


def catch_up(database: Database, history: WaveHistory, user_id: int, after_event_id: int) -> Missed:
    """Return what a user's stream missed after an event id, of the newest 100 offers. Raises the database's errors."""
    with database.read() as session:
        notices = history.waves_of_user(session, user_id, before_event_id=None, limit=ENTRIES_PER_USER)
    entries = [(stored_of(notice), notice.entry.title, notice.entry.state) for notice in reversed(notices)]
    return sort_out(entries, after_event_id)


def document_of(entry: StoredEntry, title: str, state: str) -> dict[str, Any]:
    """Return an entry as the event of a live stream carries it."""
    return {
        "id": entry.event_id,
        "dispatch_id": entry.dispatch_id,
        "title": title,
        "tier": entry.tier,
        "wave": entry.wave,
        "notified_at_ms": entry.notified_at_ms,
        "expires_at_ms": entry.expires_at_ms,
        "state": state,
        "score": entry.score,
    }
