"""What is there after a run, as plain values: what the checks compare with what the clients saw."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

FINAL_STAGES = frozenset({"exhausted", "expired", "cancelled", "publisher_silent", "unmatchable"})


@dataclass(frozen=True, slots=True)
class EndedDispatch:
    """One dispatch. ``offered_partial``: the partial tier was entered, so the full one was offered to its end."""

    dispatch_id: int
    order_id: int
    title: str
    policy: str
    stage: str
    waves: int
    notified_full: int
    notified_partial: int
    offered_partial: bool
    assigned_user_id: int | None
    hold_until_ms: int | None
    due_at_ms: int | None
    created_at_ms: int
    expires_at_ms: int

    @property
    def final(self) -> bool:
        """Whether it is over without an assignment."""
        return self.stage in FINAL_STAGES

    @property
    def at_rest(self) -> bool:
        """Whether time changes it no more: over, or in the hands of a receiver who confirmed."""
        return self.final or (self.assigned_user_id is not None and self.hold_until_ms is None)


@dataclass(frozen=True, slots=True)
class EndedAcceptance:
    """A yes as it stands."""

    dispatch_id: int
    user_id: int
    state: str
    arrival: int


@dataclass(frozen=True, slots=True)
class EndedAssignment:
    """An assignment as it stands. ``active``: it is the one that its dispatch may have."""

    dispatch_id: int
    user_id: int
    token: int
    state: str
    active: bool
    ended_at_ms: int | None


@dataclass(frozen=True, slots=True)
class ToldChunk:
    """One chunk of a wave: who was told, of which tier, when it was sent and when it was in the inboxes."""

    event_id: int
    dispatch_id: int
    number: int
    tier: str
    user_ids: tuple[int, ...]
    delivered_at_ms: int | None


@dataclass(frozen=True, slots=True)
class EndState:
    """Everything that was read. ``broken`` are the sentences of the product's own invariants.

    ``work``: (kind, subject, state, milliseconds overdue) of every row that is left. ``inboxes``: for some users what
    REST shows them, newest first. ``suppressed``: by dispatch, who was passed over with a reason.
    """

    dispatches: Sequence[EndedDispatch]
    acceptances: Sequence[EndedAcceptance] = ()
    assignments: Sequence[EndedAssignment] = ()
    chunks: Sequence[ToldChunk] = ()
    work: Sequence[tuple[str, int, str, int]] = ()
    broken: Sequence[str] = ()
    inboxes: Mapping[int, Sequence[int]] = field(default_factory=dict)
    suppressed: Mapping[int, Set[int]] = field(default_factory=dict)
