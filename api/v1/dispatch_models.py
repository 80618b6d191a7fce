"""Answers about dispatches, as the interface shows them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.v1.explanation_models import MatchExplanation
from marketplace.dispatch.views import Tier

State = Literal[
    "approved",
    "offering_full",
    "offering_partial",
    "exhausted",
    "expired",
    "cancelled",
    "publisher_silent",
    "unmatchable",
    "assigned",
]


class SubmitLine(BaseModel):
    """What became of one submitted order."""

    index: int = Field(description="Its place in the request, from 0.")
    status: Literal["created", "duplicate", "error"] = Field(
        description="created: accepted and kept. duplicate: its id was submitted before, the answer names that"
        " dispatch. error: refused, the sentence says why; the other orders are not concerned."
    )
    dispatch_id: int | None = None
    order_id: int | None = None
    external_id: str | None = Field(default=None, description="Your id of the order, if it has one.")
    sentence: str | None = Field(default=None, description="What is wrong, or in what a duplicate differs.")


class SubmitAnswers(BaseModel):
    """An answer for each order, in the order of the request. Everything that is created was committed before."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "created": 1,
                    "duplicates": 0,
                    "errors": 1,
                    "answers": [
                        {
                            "index": 0,
                            "status": "created",
                            "dispatch_id": 1099511628801,
                            "order_id": 1099511628800,
                            "external_id": "order-10086",
                            "sentence": None,
                        },
                        {
                            "index": 1,
                            "status": "error",
                            "dispatch_id": None,
                            "order_id": None,
                            "external_id": None,
                            "sentence": "near.lat: 91 must be between -90 and 90",
                        },
                    ],
                }
            ]
        }
    )

    created: int
    duplicates: int
    errors: int
    answers: list[SubmitLine]


class DispatchLine(BaseModel):
    """One dispatch in a list."""

    dispatch_id: int
    order_id: int
    external_id: str | None
    title: str
    owner: str
    state: State = Field(description='"assigned" while somebody is, else where the offering stands.')
    stage: str
    choice: Literal["none", "accepted", "assigned"]
    tier: Tier | None = Field(description="The tier that the offering has reached.")
    full_count: int | None = Field(description="Users who satisfied everything at the first wave; null before it.")
    partial_count: int | None = Field(description="Users who satisfied a part; null until that tier was asked.")
    notified_full: int
    notified_partial: int
    waves: int
    accepted_count: int = Field(
        description="Users who accepted and did not withdraw, the selected one included: the same number as the"
        " funnel's `accepted`."
    )
    waiting_count: int = Field(description="Of those who accepted: who waits for the publisher's choice.")
    assigned_user_id: int | None
    created_at_ms: int
    changed_at_ms: int
    due_at_ms: int | None = Field(description="When it moves next by itself.")
    expires_at_ms: int
    closed_at_ms: int | None
    reason: str | None = Field(
        description="Why it ended, as a sentence; of an unmatchable one, what nobody knows in it."
    )


class DispatchPage(BaseModel):
    """A part of a list."""

    items: list[DispatchLine]
    next_cursor: str | None


class Acceptance(BaseModel):
    """One acceptance in the queue."""

    user_id: int
    external_id: str | None
    position: int | None = Field(description="Place in the queue, from 1, while it waits.")
    state: str = Field(description="accepted (waits), selected, withdrawn, released, lapsed or failed.")
    tier: Tier
    accepted_at_ms: int


class Assignment(BaseModel):
    """The acceptance that the publisher selected."""

    dispatch_id: int
    user_id: int
    external_id: str | None
    token: int = Field(description="Fences late answers: it belongs to this assignment only.")
    state: str = Field(description="active, confirmed, withdrawn, lapsed or failed.")
    selected_at_ms: int
    hold_until_ms: int | None = Field(description="Until when the selected user must go on; null: nothing can lapse.")
    confirmed_at_ms: int | None
    ended_at_ms: int | None
    reason: str | None


class DispatchWhole(DispatchLine):
    """One dispatch with its order, policy and queue."""

    description: str
    publisher_user_id: int | None
    key_information: dict[str, Any] = Field(description="The order's key information as it was validated.")
    query: dict[str, Any] | None = Field(description="The frozen query with its variants; null before the first wave.")
    order_version: int
    policy: dict[str, Any]
    policy_version: int
    acceptances: list[Acceptance] = Field(
        description="In the order of arrival, which is the order of the queue; at most 1,000, those that wait first."
    )
    assignment: Assignment | None


class Wave(BaseModel):
    """One chunk of a wave."""

    wave_id: int
    number: int
    chunk: int
    tier: Tier
    size: int = Field(description="Users told by it.")
    order_version: int
    sent_at_ms: int
    expires_at_ms: int
    delivered_at_ms: int | None
    full_count: int
    partial_count: int | None
    certificate: dict[str, Any] = Field(description="Proves that nobody was left out: evaluated + closed = population.")


class WavePage(BaseModel):
    """A part of the waves, in the order in which they were sent."""

    items: list[Wave]
    next_cursor: str | None


class Offer(BaseModel):
    """What one user was offered."""

    user_id: int
    external_id: str | None = Field(description="Your own id of the user; null for users of other sources.")
    tier: Tier
    score: int
    tie: int
    wave: int
    rank: int
    notified_at_ms: int
    delivered_at_ms: int | None
    expires_at_ms: int
    state: str = Field(description="offered, accepted, selected, withdrawn, declined, released, lapsed or failed.")
    position: int | None


class OfferPage(BaseModel):
    """A part of the offers, by wave and rank."""

    items: list[Offer]
    next_cursor: str | None


class ShardTime(BaseModel):
    """How long one shard worked."""

    shard: int
    us: int


class MatchTimes(BaseModel):
    """How long one batch of questions took, in microseconds."""

    batch: int = Field(description="Questions that were answered together.")
    catch_up_us: int = Field(description="Until the changes of profiles committed before it were published.")
    resolve_us: int = Field(description="Orders became queries.")
    match_us: int = Field(description="Compiled, asked of the shards, merged.")
    shards: list[ShardTime]


class FunnelAnswer(BaseModel):
    """How many users came through each stage; what was not computed is null."""

    dispatch_id: int
    population: int | None
    dimension_counts: dict[str, int]
    full: int | None
    partial: int | None
    notified_full: int
    notified_partial: int
    delivered: int
    opened: int
    accepted: int = Field(description="Users who accepted and did not withdraw, the selected one included.")
    declined: int
    assigned: int
    stage_ms: dict[str, int] = Field(description="How long each stage took, in milliseconds.")
    match_times: MatchTimes | None = Field(
        description="Of the batch in which the first wave was matched; null before it, or when it was not measured."
    )
    certificate: dict[str, Any]


class TimelineLineAnswer(BaseModel):
    """One thing that happened."""

    at_ms: int
    kind: str
    actor: str
    user_id: int | None
    external_id: str | None
    detail: str | None


class TimelineAnswer(BaseModel):
    """Everything that happened to a dispatch, in order of time."""

    dispatch_id: int
    lines: list[TimelineLineAnswer]


class AcceptLine(BaseModel):
    """The answer to one acceptance."""

    user_id: int | None
    external_id: str | None
    status: Literal["accepted", "already_accepted", "error"]
    position: int | None = Field(default=None, description="Place in the queue, from 1.")
    sentence: str | None = None


class AcceptAnswers(BaseModel):
    """An answer for each acceptance, in the order of the request."""

    accepted: int
    errors: int
    answers: list[AcceptLine]


class UserDone(BaseModel):
    """What was done for one user."""

    dispatch_id: int
    user_id: int
    external_id: str | None
    state: Literal["withdrawn", "declined"]


class OrderRevised(BaseModel):
    """An order that was edited."""

    dispatch_id: int
    order_version: int = Field(description="Of the order as it is now, from 2 on.")


class SuppressionLine(BaseModel):
    """How many users one wave passed over for one reason."""

    order_version: int
    wave: int = Field(description="The one that would have told them.")
    tier: Tier
    reason: str = Field(
        description="quiet_hours, hour_cap, day_cap or declined: their attention is spared; limit or outranked: at the"
        " catch-up there was no room for them."
    )
    state: Literal["waiting", "settled", "final"] = Field(
        description="waiting: until the tier's catch-up wave. settled: that wave dealt with them. final: never told."
    )
    users: int
    noted_at_ms: int


class SuppressionList(BaseModel):
    """Whom a dispatch passed over, by order version, wave, tier, reason and state; at most 1,000 lines."""

    items: list[SuppressionLine]


class DispatchEnded(BaseModel):
    """A dispatch that was cancelled."""

    dispatch_id: int
    state: State


class OrderExplanation(BaseModel):
    """Why one user got an order, or did not, and what would change that."""

    dispatch_id: int
    user_id: int
    external_id: str | None
    notification: Offer | None = Field(description="What the user was told and answered; null when never told.")
    match: MatchExplanation
