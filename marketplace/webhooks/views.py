"""Webhooks and deliveries as their owner sees them."""

from dataclasses import dataclass
from typing import Literal

from marketplace.webhooks.event_kinds import EventKind

DeliveryState = Literal["pending", "delivered", "dead", "dropped"]


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A webhook; its secrets are not in it.

    ``off_reason`` says why it is off, None while it is on. ``previous_secret_until_ms``: until when deliveries are
    signed by the secret before as well. ``failing_since_ms``: since when no delivery has been taken.
    """

    webhook_id: int
    owner: str
    url: str
    description: str
    kinds: frozenset[EventKind]
    active: bool
    off_reason: str | None
    previous_secret_until_ms: int | None
    failing_since_ms: int | None
    created_at_ms: int
    changed_at_ms: int


@dataclass(frozen=True, slots=True)
class IssuedSecret:
    """A webhook with its new secret, which is shown this one time."""

    webhook: WebhookView
    secret: str

    def __repr__(self) -> str:
        # Logs and error pages print objects; a secret must not leave that way.
        return f"IssuedSecret(webhook={self.webhook.webhook_id}, secret=...)"


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One event for one webhook.

    ``state``: pending (waits or is being sent), delivered, dead (failed too often: it waits for the owner), dropped
    (swept before it was sent). ``status``: what the receiver answered last, None when nothing came. ``error``: one
    sentence on the last failure.
    """

    delivery_id: int
    webhook_id: int
    event_id: int
    kind: str
    state: DeliveryState
    attempts: int
    tried_at_ms: int | None
    status: int | None
    error: str | None
    delivered_at_ms: int | None
    created_at_ms: int
    next_try_at_ms: int | None


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Deliveries, newest first; ``next_cursor`` asks for older ones, None at the end."""

    items: list[DeliveryView]
    next_cursor: int | None
