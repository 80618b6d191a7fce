"""Operations as the interface shows them: dead letters, queues, shards, kill switches."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from api.bodies import RequestModel
from marketplace.operations import Action
from marketplace.settings import Switch


class Reason(RequestModel):
    """Why somebody decides so; kept with the key's owner and the time."""

    reason: str = Field(min_length=1, max_length=500, examples=["Redis is back"])


class SwitchSetting(Reason):
    """What a kill switch is set to."""

    paused: bool


class DeadLetterAnswer(BaseModel):
    """Work that failed too often and waits for a decision."""

    id: int
    kind: str = Field(description="What kind of work: dispatch, delivery, dispatch_label, profile_text, ...")
    subject_id: int = Field(description="What it is about: of a dispatch its id, of a delivery the wave's.")
    failures: int
    last_error: str = Field(description="The sentence of the last failure.")
    due_at_ms: int
    created_at_ms: int


class DeadLetterPage(BaseModel):
    """A part of the dead letters, the oldest first, with how many there are of each kind."""

    counts: dict[str, int]
    items: list[DeadLetterAnswer]
    next_cursor: str | None


class LetterDecisionAnswer(BaseModel):
    """What was decided about a letter."""

    letter_id: int
    kind: str
    subject_id: int
    failures: int
    last_error: str
    action: Action = Field(description="retry: due at once, its failures forgotten. dismiss: never done.")
    actor: str
    reason: str
    decided_at_ms: int


class LetterDecisions(BaseModel):
    """The newest decisions, newest first."""

    items: list[LetterDecisionAnswer]


class QueueAnswer(BaseModel):
    """Work of one kind in one state."""

    kind: str
    state: Literal["pending", "leased", "dead"]
    count: int
    earliest_due_at_ms: int
    earliest_ready_at_ms: int | None = Field(
        description="Pending: when the first may be taken. Leased: when the first lease ends. Dead: null."
    )
    overdue_ms: int = Field(
        description="How long the first that may be taken waits for a worker, or a lease is over; 0: it does not."
    )


class QueueHealth(BaseModel):
    """All background work by kind and state."""

    at_ms: int
    items: list[QueueAnswer]


class ShardHealth(BaseModel):
    """What the shards hold; `why` is a sentence when matching is not ready."""

    ready: bool
    why: str | None
    barrier: int | None
    population: int
    shards: list[dict[str, Any]] = Field(
        description="shard_id, barrier, population, available, segments, delta_users, tombstones, bytes, merges,"
        " failed_merges, kernels_compiled (while somebody waited)."
    )


class SwitchAnswer(BaseModel):
    """One kill switch; who set it last, null when nobody ever did."""

    switch: Switch = Field(
        description="dispatch: no wave is computed. deliveries: none is delivered. payouts: no money."
    )
    paused: bool
    set_by: str | None
    reason: str | None
    set_at_ms: int | None


class SwitchChangeAnswer(BaseModel):
    """One time that somebody paused or resumed something."""

    switch: Switch
    paused: bool
    set_by: str
    reason: str
    set_at_ms: int


class SwitchesAnswer(BaseModel):
    """All kill switches and the newest 50 changes, newest first."""

    switches: list[SwitchAnswer]
    log: list[SwitchChangeAnswer]
