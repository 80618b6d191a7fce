"""Webhooks as the interface shows them."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from api.bodies import RequestModel
from marketplace.webhooks import DEFAULT_OVERLAP_HOURS, MAX_OVERLAP_HOURS

Kind = Literal[
    "dispatch.wave_sent",
    "dispatch.assigned",
    "dispatch.publisher_reminded",
    "dispatch.closed",
    "acceptance.created",
    "acceptance.withdrawn",
    "assignment.confirmed",
    "assignment.ended",
]
Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=500,
        description="https:// and a public address. Redirects are not followed.",
        examples=["https://example.com/quanwang"],
    ),
]
Kinds = Annotated[
    list[Kind],
    Field(
        min_length=1,
        max_length=8,
        description="dispatch.wave_sent: a wave of offers was committed. dispatch.assigned: a receiver was selected."
        " dispatch.publisher_reminded: acceptances wait and nobody chooses. dispatch.closed: it ended without an"
        " assignment. acceptance.created, acceptance.withdrawn: a user joined or left the queue. assignment.confirmed:"
        " the selected one goes on. assignment.ended: withdrawn, lapsed or failed.",
        examples=[["dispatch.assigned", "dispatch.closed"]],
    ),
]
Description = Annotated[str, Field(max_length=200, description="To tell your webhooks apart.")]


class NewWebhook(RequestModel):
    """Where you want to be told, and of what."""

    url: Url
    kinds: Kinds
    description: Description = ""


class WebhookChange(RequestModel):
    """What is to change; what is left out stays."""

    url: Url | None = None
    kinds: Kinds | None = None
    description: Description | None = None
    active: bool | None = Field(default=None, description="false: it is told nothing until it is turned on again.")


class RotationRequest(RequestModel):
    """How long the old secret goes on signing beside the new one."""

    overlap_hours: int = Field(default=DEFAULT_OVERLAP_HOURS, ge=0, le=MAX_OVERLAP_HOURS)


class Nothing(RequestModel):
    """An empty object: there is nothing to say."""


class WebhookAnswer(BaseModel):
    """A webhook, without its secret."""

    webhook_id: int
    url: str
    kinds: list[str]
    description: str
    active: bool
    off_reason: str | None = Field(description="Why it is off; null while it is on.")
    previous_secret_until_ms: int | None = Field(description="Until then deliveries carry two signatures.")
    failing_since_ms: int | None = Field(description="Since when it has taken no delivery; after five days it is off.")
    created_at_ms: int
    changed_at_ms: int


class WebhookWithSecret(WebhookAnswer):
    """A webhook with its new secret."""

    secret: str | None = Field(
        description="`whsec_...`, shown this one time: the same request again gets null. It verifies the header"
        " `webhook-signature` as of Standard Webhooks (HMAC-SHA256 over webhook-id, webhook-timestamp and the body)."
    )


class WebhookList(BaseModel):
    """All webhooks of the caller's owner, at most 20, the oldest first."""

    items: list[WebhookAnswer]


class Delivery(BaseModel):
    """One event for one webhook."""

    delivery_id: int
    event_id: int = Field(description="The header `webhook-id` is `evt_` and this number, at every attempt.")
    kind: str
    state: Literal["pending", "delivered", "dead", "dropped"] = Field(
        description="dead: sixteen attempts failed, or the webhook was off; it is sent again when you ask for it."
    )
    attempts: int
    tried_at_ms: int | None
    status: int | None = Field(description="What the receiver answered last; null when no answer came.")
    error: str | None = Field(description="One sentence on the last failure.")
    delivered_at_ms: int | None
    created_at_ms: int
    next_try_at_ms: int | None


class DeliveryPageAnswer(BaseModel):
    """Deliveries of one webhook, newest first."""

    items: list[Delivery]
    next_cursor: str | None


class SentAgain(BaseModel):
    """How many dead letters are sent again."""

    count: int
