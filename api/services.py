"""Everything that the HTTP application stands on; built once per process by its composition root."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from kit.clock import Clock
from kit.clock import now_ms as wall_clock_ms
from kit.crash_points import Reached, passing_by
from kit.db import Database
from kit.encryption import SecretBox
from kit.ids import IdAllocator
from kit.redis import RedisClient
from kit.work import Wake
from marketplace.access import KeyRing
from marketplace.channels import Channel
from marketplace.inbox import InboxEvent, InboxStore
from marketplace.webhooks import AddressRules
from matching.taxonomy import Taxonomy

if TYPE_CHECKING:
    from matching.extraction import Extractor


class MatchService(Protocol):
    """The live index, wherever it runs. Every call raises Unavailable within 300 ms while nobody answers."""

    def preview(self, order_document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return exact users per tier and what dropping or widening each key would gain; raises InvalidInput."""
        ...

    def explain(self, query_json: str, user_id: int) -> Mapping[str, Any]:
        """Return why the user is or is not in the answer of the frozen query, as the profile stands now."""
        ...

    def keywords(self, text: str, most: int, without: list[str]) -> Sequence[str]:
        """Return at most ``most`` known keywords that a profile's text names besides those in ``without``."""
        ...

    def health(self) -> Mapping[str, Any]:
        """Return {"ready", "barrier", "population", "shards", ...}."""
        ...


class LiveInboxes(Protocol):
    """Live events of inboxes; one Redis subscription a process, never the database."""

    async def start(self) -> None:
        """Begin to listen; called when the application starts."""
        ...

    async def stop(self) -> None:
        """End all streams; called when the application stops."""
        ...

    def subscribe(
        self, user_id: int, last_event_id: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[InboxEvent]]:
        """Open a stream of one user's events, beginning with what came after ``last_event_id``."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of this process; bodies in bytes."""

    body_bytes: int = 1024 * 1024
    bulk_body_bytes: int = 8 * 1024 * 1024
    import_lines: int = 1_000_000
    imports_at_once: int = 4
    previews_a_minute: int = 60
    """Per owner of an API key; previews of many variations of an order could single out a person."""
    match_calls_at_once: int = 8
    """Preview and explain wait on the dispatcher; the other threads stay free for everything else."""
    stream_lasts_s: float = 900.0
    """A live stream ends then and the client connects again, with its key checked again."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes use. ``redis`` None: this installation runs without one, everything is read from the database.

    ``extractor`` reads the text of profiles at intake; None: the match service is asked.
    ``secret_box`` seals the secrets of webhooks; None: none can be registered here. ``ready_checks_s`` is how long an
    answer of /readyz and the queue depths of /metrics are kept. ``reached`` is told which crash points are passed.
    """

    database: Database
    ids: IdAllocator
    taxonomy: Taxonomy
    key_ring: KeyRing
    match_service: MatchService
    inbox_store: InboxStore | None
    inbox_events: LiveInboxes
    redis: RedisClient | None = None
    wake: Wake = field(default_factory=Wake)
    clock: Clock = wall_clock_ms
    extractor: "Extractor | None" = None
    limits: Limits = field(default_factory=Limits)
    secret_box: SecretBox | None = None
    webhook_rules: AddressRules = field(default_factory=AddressRules)
    channels: Mapping[str, Channel] = field(default_factory=dict)
    ready_checks_s: float = 1.0
    reached: Reached = passing_by
