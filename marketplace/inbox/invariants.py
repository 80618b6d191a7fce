"""What must hold of inboxes at rest: everybody has exactly what the waves say, and nobody was told twice.

For tests, sweeps and operators; reads everything, so it is for small installations or a chosen part of the users.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Final

from kit.db import Session
from marketplace.inbox.entries import ENTRIES_PER_USER
from marketplace.inbox.ports import NoticeChunk, WaveHistory
from marketplace.inbox.redis_store import InboxStore

CHUNKS_PER_READ: Final = 256
MAX_FAULTS: Final = 100


def find_inbox_faults(
    session: Session, store: InboxStore, history: WaveHistory, *, user_ids: Collection[int] | None = None
) -> list[str]:
    """Return a sentence for each fault, at most 100; ``user_ids`` limits whose inboxes are compared.

    Meant for a moment when all deliveries are done. Raises InboxNotReady or RedisUnavailable.
    """
    faults: list[str] = []
    told: dict[int, dict[int, int]] = defaultdict(dict)
    for chunk in _all_chunks(session, history):
        entry = chunk.entry
        for user_id in chunk.user_ids:
            if user_ids is not None and user_id not in user_ids:
                continue
            earlier = told[user_id].setdefault(entry.dispatch_id, entry.event_id)
            if earlier != entry.event_id:
                faults.append(
                    f"user {user_id} is in the waves {earlier} and {entry.event_id} of dispatch {entry.dispatch_id}"
                )
    for user_id in told.keys() | set(user_ids or ()):
        faults += _compare(store, user_id, told.get(user_id, {}))
        if len(faults) >= MAX_FAULTS:
            break
    return faults[:MAX_FAULTS]


def _compare(store: InboxStore, user_id: int, told: dict[int, int]) -> list[str]:
    expected = sorted(((event_id, dispatch_id) for dispatch_id, event_id in told.items()), reverse=True)
    found = [(entry.event_id, entry.dispatch_id) for entry in store.read_all(user_id).entries]
    faults = [
        f"user {user_id} lacks the entry {event_id} of dispatch {dispatch_id}"
        for event_id, dispatch_id in expected[:ENTRIES_PER_USER]
        if (event_id, dispatch_id) not in found
    ]
    faults += [
        f"user {user_id} has the entry {event_id} of dispatch {dispatch_id}, which no wave holds"
        for event_id, dispatch_id in found
        if told.get(dispatch_id) != event_id
    ]
    dispatches = [dispatch_id for _, dispatch_id in found]
    faults += [
        f"user {user_id} was told {dispatches.count(dispatch_id)} times of dispatch {dispatch_id}"
        for dispatch_id in sorted(set(dispatches))
        if dispatches.count(dispatch_id) > 1
    ]
    return faults


def _all_chunks(session: Session, history: WaveHistory) -> Iterator[NoticeChunk]:
    after = 0
    while batch := history.iterate_wave_chunks(session, 0, after, CHUNKS_PER_READ):
        yield from batch
        after = batch[-1].entry.event_id
