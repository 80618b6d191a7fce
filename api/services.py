"""What the API stands on; the composition root builds it once and hands it to ``create_app``."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from kit.clock import Clock
from kit.config import Settings
from kit.db import Database
from kit.ids import IdAllocator
from marketplace.access import KeyRing
from marketplace.inbox import InboxStore, WaveHistory
from matching.taxonomy import Taxonomy


class MatchService(Protocol):
    """The live index behind the dispatcher's internal socket; every call raises Unavailable while matching is paused."""

    def match(self, order_document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Both tiers of an order now."""
        ...

    def preview(self, order_document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Exact counts of both tiers and the gain of dropping or widening each key."""
        ...

    def explain(self, query_json: str, user_id: int) -> Mapping[str, Any]:
        """Why a user is or is not in the answer of a frozen query."""
        ...

    def keywords(self, text: str, most: int, without: list[str]) -> list[str]:
        """At most ``most`` known keywords that a profile's text names besides those in ``without``."""
        ...

    def health(self) -> Mapping[str, Any]:
        """Whether the shards are whole, and what each holds."""
        ...


class InboxEvent(Protocol):
    """One thing that happened to an inbox; ``kind`` is offer, state or reset."""

    @property
    def id(self) -> int: ...
    @property
    def kind(self) -> str: ...

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object that the reader gets."""
        ...


class InboxEvents(Protocol):
    """Live inboxes: one subscription a process, a bounded queue a reader, never the database."""

    def subscribe(
        self, user_id: int, last_event_id: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[InboxEvent]]:
        """Open one reader; what it missed since ``last_event_id`` comes first, or one ``reset``."""
        ...

    async def start(self) -> None:
        """Subscribe; called when the process begins to serve."""
        ...

    async def stop(self) -> None:
        """End the subscription and every reader."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that handlers may use. ``redis_ping`` raises Unavailable when Redis is away."""

    settings: Settings
    database: Database
    ids: IdAllocator
    clock: Clock
    taxonomy: Taxonomy
    key_ring: KeyRing
    match_service: MatchService
    inbox_store: InboxStore
    inbox_events: InboxEvents
    wave_history: WaveHistory
    wake: "Wakes"


class Wakes(Protocol):
    """Wakes the workers after a commit; losing a wake-up costs a quarter of a second, nothing else."""

    def notify(self) -> None:
        """Say that work is due."""
        ...
