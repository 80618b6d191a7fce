"""Events leave as rows in the transaction that makes the change, so that none is lost and none speaks of nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from kit.db import Remembered, Session
from kit.ids import IdAllocator
from kit.work import NewWork, enqueue
from marketplace.webhooks import delivery_repository, repository
from marketplace.webhooks.event_kinds import EventKind

EVENT_WORK: Final = "webhook_event"
"""Work kind: an event is handed to the webhooks of its owner."""
KNOWN_FOR_MS: Final = 2_000
"""A new webhook is told of what happens from two seconds after its creation on; until then nobody may know of it."""

_LISTENING: Final = Remembered(repository.listening_owners, KNOWN_FOR_MS)


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """Something that an owner may want to be told of. ``content`` is JSON and names ids, nothing that changes later."""

    owner: str
    kind: EventKind
    content: Mapping[str, Any]


def listening_owners(session: Session, now_ms: int) -> Mapping[str, frozenset[str]]:
    """Return which kinds each owner with webhooks wants: remembered for two seconds, so it may be asked everywhere."""
    return _LISTENING.of(session, now_ms)


def forget_listening(session: Session) -> None:
    """Let this process see a webhook that it has just changed."""
    _LISTENING.forget(session)


def announce(session: Session, ids: IdAllocator, events: Sequence[OutgoingEvent], now_ms: int) -> int:
    """Write the events that somebody listens to, each with its work; return how many."""
    wanted = listening_owners(session, now_ms)
    heard = [event for event in events if event.kind in wanted.get(event.owner, ())]
    if heard:
        rows = list(zip(ids.take(len(heard)), heard, strict=True))
        delivery_repository.insert_events(
            session,
            [
                (event_id, event.owner, event.kind, body_of(event.kind, event.content, now_ms))
                for event_id, event in rows
            ],
            now_ms,
        )
        enqueue(session, ids, [NewWork(EVENT_WORK, event_id, now_ms) for event_id, _ in rows], now_ms)
    return len(heard)


def body_of(kind: EventKind, content: Mapping[str, Any], now_ms: int) -> str:
    """Return the body as it is sent at every attempt: type, timestamp (ISO 8601, when it happened), data."""
    at = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return orjson.dumps({"type": kind.value, "timestamp": at, "data": dict(content)}).decode()
