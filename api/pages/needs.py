"""What the pages need from the process that serves them; the composition root's services satisfy it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from api.services import Limits
from kit.clock import Clock
from kit.db import Database
from kit.ids import IdAllocator
from kit.work import Wake
from marketplace.inbox import InboxStore
from matching.taxonomy import Taxonomy


class LiveIndex(Protocol):
    """Answers from the live index; raises Unavailable while matching is paused."""

    def explain(self, query_json: str, user_id: int) -> Mapping[str, Any]:
        """Return why one user is or is not in a frozen query."""
        ...

    def preview(self, order_document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return exact users per tier and what dropping or widening each key would gain."""
        ...

    def health(self) -> Mapping[str, Any]:
        """Return {"ready", "barrier", "population", "shards", ...}."""
        ...


class StreamEvent(Protocol):
    """One thing that happened to an inbox; ``kind`` is offer, state or reset."""

    @property
    def id(self) -> int:
        """Position of the event; grows."""
        ...

    @property
    def kind(self) -> str:
        """What happened."""
        ...


class StreamsInboxes(Protocol):
    """Hands out live events of one user's inbox, never touching the database."""

    def subscribe(
        self, user_id: int, last_event_id: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[StreamEvent]]:
        """Open a subscription; events that the reader missed come first, or one ``reset``."""
        ...


class PageServices(Protocol):
    """Everything that pages are built on."""

    @property
    def database(self) -> Database:
        """The truth."""
        ...

    @property
    def ids(self) -> IdAllocator:
        """Gives new ids."""
        ...

    @property
    def clock(self) -> Clock:
        """The time in milliseconds."""
        ...

    @property
    def taxonomy(self) -> Taxonomy:
        """The trees of regions and industries."""
        ...

    @property
    def match_service(self) -> LiveIndex:
        """The dispatcher, asked over its internal socket."""
        ...

    @property
    def inbox_store(self) -> InboxStore | None:
        """The inboxes in Redis; None: the database answers."""
        ...

    @property
    def limits(self) -> Limits:
        """Bounds of this process."""
        ...

    @property
    def wake(self) -> Wake:
        """Tells the dispatcher that work was committed."""
        ...

    @property
    def inbox_events(self) -> StreamsInboxes:
        """Live events of inboxes."""
        ...
