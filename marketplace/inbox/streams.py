"""The events of one client of live inboxes: bounded, in order, each entry once."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

MAX_QUEUED: Final = 200
MAX_HELD: Final = 200
MAX_KNOWN_EVENTS: Final = 400


@dataclass(frozen=True, slots=True)
class InboxEvent:
    """One event of a stream. ``id`` is for Last-Event-ID, None when the event is no position.

    ``kind``: "offer" (a new entry), "state" (a dispatch is taken, closed, open again), "title" (its order was edited
    and is called otherwise), "reset" (reload the list), "reconnect" (the client was too slow: the stream ends, and what
    it did not get comes when it connects again with Last-Event-ID).
    """

    id: int | None
    kind: Literal["offer", "state", "title", "reset", "reconnect"]
    document: dict[str, Any]


RESET: Final = InboxEvent(None, "reset", {})
RECONNECT: Final = InboxEvent(None, "reconnect", {})


class InboxStream:
    """The events of one client; iterate over it. When the client is too slow, it is told to reconnect and cut off.

    Its queue is dropped then: the client comes back with the id of the last event that it got, and the rest comes anew.
    ``position`` is the Last-Event-ID that the client came with. Until ``begin`` says what it had missed, live events
    are held back, so that the missed ones come first and none comes twice.
    """

    def __init__(self, user_id: int, position: int = 0) -> None:
        self.user_id = user_id
        self._position = position
        self._dispatches: set[int] = set()
        self._known: deque[int] = deque(maxlen=MAX_KNOWN_EVENTS)
        self._held: list[tuple[Literal["offer", "state", "title"], dict[str, Any]]] | None = []
        self._queue: deque[InboxEvent] = deque()
        self._most = MAX_QUEUED
        self._filled = asyncio.Event()
        self._closed = False

    def __aiter__(self) -> AsyncIterator[InboxEvent]:
        return self

    async def __anext__(self) -> InboxEvent:
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            self._filled.clear()
            await self._filled.wait()
        return self._queue.popleft()

    async def next_within(self, seconds: float) -> InboxEvent | None:
        """Return the next event, None after ``seconds`` without one or when the stream was closed (for heartbeats)."""
        try:
            return await asyncio.wait_for(anext(self), seconds)
        except (TimeoutError, StopAsyncIteration):
            return None

    @property
    def closed(self) -> bool:
        """Whether the stream ended: the process shuts down, or the client was too slow."""
        return self._closed and not self._queue

    def begin(
        self,
        missed: Sequence[dict[str, Any]],
        seen_event_ids: Iterable[int],
        dispatch_ids: Sequence[int] = (),
        states: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Queue what the client missed, leave out what it has seen, then let live events through.

        ``dispatch_ids``: all dispatches in the inbox, whose state changes concern the client; ``states``: those that it
        missed.
        """
        held, self._held = self._held or [], None
        # What comes at once was never the client's to read in time.
        self._most = MAX_QUEUED + len(missed) + len(states) + len(held)
        self._dispatches.update(dispatch_ids)
        self._known.extend(seen_event_ids)
        for document in states:
            self.receive_state(document)
        for document in missed:
            self.receive_offer(document)
        for kind, document in held:
            if kind == "offer":
                self.receive_offer(document)
            else:
                self._receive_change(kind, document)

    def know_newest(self, event_id: int) -> None:
        """Bound the position by the newest entry of the inbox: a client may claim to have seen what never was."""
        self._position = min(self._position, event_id)

    def receive_offer(self, document: dict[str, Any]) -> None:
        """Take a new entry; queued once per entry id."""
        if self._holds("offer", document) or document["id"] in self._known:
            return
        self._known.append(document["id"])
        self._dispatches.add(document["dispatch_id"])
        # The position never goes back, though a chunk may arrive after one with a higher number.
        self._position = max(self._position, document["id"])
        self._put(InboxEvent(self._position, "offer", document))

    def receive_state(self, document: dict[str, Any]) -> None:
        """Take a state change; queued when the inbox holds the dispatch."""
        self._receive_change("state", document)

    def receive_title(self, document: dict[str, Any]) -> None:
        """Take a change of title; queued when the inbox holds the dispatch."""
        self._receive_change("title", document)

    def _receive_change(self, kind: Literal["state", "title"], document: dict[str, Any]) -> None:
        if not self._holds(kind, document) and document["dispatch_id"] in self._dispatches:
            self._put(InboxEvent(None, kind, document))

    def reset(self) -> None:
        """Tell the client to reload its list: events may have been missed."""
        if not self._queue or self._queue[-1] is not RESET:
            self._put(RESET)

    def close(self) -> None:
        """End the stream after what is queued."""
        self._closed = True
        self._filled.set()

    def _holds(self, kind: Literal["offer", "state", "title"], document: dict[str, Any]) -> bool:
        if self._held is None:
            return False
        if len(self._held) < MAX_HELD:
            self._held.append((kind, document))
        else:
            self.reset()
        return True

    def _put(self, event: InboxEvent) -> None:
        if self._closed:
            return
        if len(self._queue) >= self._most:
            self._queue.clear()
            self._closed = True
            event = RECONNECT
        self._queue.append(event)
        self._filled.set()
