"""What dispatch answers to its callers: plain values, nothing of the database in them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from marketplace.dispatch.policies import Policy
from marketplace.dispatch.ports import MatchTiming

Item = TypeVar("Item")

Tier = Literal["full", "partial"]
SubmitStatus = Literal["created", "duplicate", "error"]
AcceptStatus = Literal["accepted", "already_accepted", "error"]


@dataclass(frozen=True, slots=True)
class SubmitAnswer:
    """The answer to one submitted order. ``sentence`` says what is wrong (error), or what differs (duplicate);
    ``error`` is the named error.
    """

    index: int
    status: SubmitStatus
    dispatch_id: int | None = None
    order_id: int | None = None
    external_id: str | None = None
    sentence: str | None = None
    error: Exception | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class AcceptAnswer:
    """The answer to one acceptance. ``position`` is the place in the queue, from 1; ``error`` the named error."""

    dispatch_id: int
    user_id: int
    status: AcceptStatus
    position: int | None = None
    sentence: str | None = None
    error: Exception | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SelectAnswer:
    """The answer to one choice of many. ``sentence`` says why it was refused (error)."""

    dispatch_id: int
    user_id: int
    status: Literal["assigned", "error"]
    sentence: str | None = None


@dataclass(frozen=True, slots=True)
class AssignmentView:
    """An assignment. ``state``: active | confirmed | withdrawn | lapsed | failed. ``token`` fences late answers."""

    dispatch_id: int
    user_id: int
    token: int
    state: str
    selected_at_ms: int
    hold_until_ms: int | None
    confirmed_at_ms: int | None
    ended_at_ms: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class QueuedAcceptance:
    """One acceptance. ``state``: accepted (waits) | selected | withdrawn | released | lapsed | failed.

    ``position`` from 1 while it waits, else None.
    """

    user_id: int
    position: int | None
    state: str
    tier: Tier
    accepted_at_ms: int


@dataclass(frozen=True, slots=True)
class DispatchSummary:
    """One row of a list. ``state`` is "assigned" while somebody is, else the stage; ``choice`` none|accepted|assigned.

    ``full_count`` and ``partial_count`` are those of the matcher's first answer, None before it (and for partial as
    long as that tier was not asked). ``accepted_count``: who accepted and did not withdraw, the selected one included;
    ``waiting_count``: who of them waits to be chosen. ``due_at_ms`` is when the machine moves next by itself.
    """

    dispatch_id: int
    order_id: int
    external_id: str | None
    title: str
    owner: str
    state: str
    stage: str
    choice: str
    tier: Tier | None
    full_count: int | None
    partial_count: int | None
    notified_full: int
    notified_partial: int
    waves: int
    accepted_count: int
    waiting_count: int
    assigned_user_id: int | None
    created_at_ms: int
    changed_at_ms: int
    due_at_ms: int | None
    expires_at_ms: int
    closed_at_ms: int | None
    reason: str | None

    @property
    def notified_count(self) -> int:
        """Users told so far, of both tiers."""
        return self.notified_full + self.notified_partial


@dataclass(frozen=True, slots=True)
class DispatchView:
    """Everything about one dispatch. ``document`` is the validated key information, ``query_json`` the frozen query."""

    summary: DispatchSummary
    description: str
    publisher_user_id: int | None
    document: Mapping[str, Any]
    order_version: int
    query_json: str | None
    policy: Policy
    policy_version: int
    acceptances: tuple[QueuedAcceptance, ...]
    assignment: AssignmentView | None


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a list; ``next_cursor`` asks for the rest, None when there is none."""

    items: tuple[Item, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class WaveView:
    """One chunk of a wave. ``certificate`` proves that the answer behind it was complete."""

    wave_id: int
    number: int
    chunk: int
    tier: Tier
    size: int
    order_version: int
    sent_at_ms: int
    expires_at_ms: int
    delivered_at_ms: int | None
    full_count: int
    partial_count: int | None
    certificate: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OfferView:
    """What one user was offered. ``state``: offered | accepted | selected | withdrawn | declined | released | lapsed |
    failed. ``rank`` from 1 within the wave chunk; ``position`` in the queue while the acceptance waits.
    """

    user_id: int
    tier: Tier
    score: int
    tie: int
    wave: int
    rank: int
    notified_at_ms: int
    delivered_at_ms: int | None
    expires_at_ms: int
    state: str
    position: int | None


@dataclass(frozen=True, slots=True)
class Hold:
    """An assignment that lapses at ``until_ms`` unless the selected user confirms it with ``token``."""

    token: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class UserAnswer:
    """How a user answered: accepted (waits) | selected | withdrawn | declined | released | lapsed | failed.

    ``position`` in the queue while he waits. ``hold``: the assignment that he must confirm in time; None when he is not
    selected, and when his assignment is final.
    """

    state: str
    position: int | None
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class UnmatchableOrder:
    """An order of a publisher that was accepted and then could not be matched; ``reason`` is a sentence why."""

    dispatch_id: int
    order_id: int
    external_id: str | None
    title: str
    reason: str
    closed_at_ms: int


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A version of a policy. A built-in policy that nobody used yet has no version."""

    policy: Policy
    version: int | None
    created_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Fairness:
    """How it went for one user. ``counted_at_ms``: up to when offers are counted, None when they never were.

    ``offered``: offers told. ``won``: times that a publisher selected him. ``eligible_estimate``: orders that he would
    have satisfied in full, from those among ``sampled_orders`` that he did; None when no order was sampled yet.
    """

    user_id: int
    offered: int
    won: int
    eligible_estimate: int | None
    sampled_orders: int
    counted_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Suppression:
    """One time that a dispatch passed a user over who fits. ``reason``: a ``states.Reason``.

    ``state``: waiting (for the tier's catch-up wave) | settled (that wave dealt with him) | final (never told of this
    order version). ``wave``: the one that would have told him.
    """

    order_version: int
    wave: int
    tier: Tier
    reason: str
    state: str
    noted_at_ms: int


@dataclass(frozen=True, slots=True)
class SuppressionCount:
    """How many users one wave passed over for one reason; fields as in ``Suppression``."""

    order_version: int
    wave: int
    tier: Tier
    reason: str
    state: str
    users: int
    noted_at_ms: int


@dataclass(frozen=True, slots=True)
class DispatchLabel:
    """What receivers see of a dispatch. ``state``: open | taken | closed. ``order_version`` grows with every edit."""

    title: str
    state: str
    order_version: int = 1


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many came through each stage. Counts that were not computed are None.

    ``full``, ``partial`` and ``dimension_counts`` are of the first answer (before anybody was told), ``population``
    from its certificate. ``accepted``: who accepted and did not withdraw, the selected one included. ``stage_ms``:
    queued (submitted to first wave), delivery (slowest, wave to inbox), full and partial (time in the tier),
    to_first_acceptance, to_assignment; a stage that did not happen is left out. ``timing``: how long the batch took in
    which the first wave was matched.
    """

    dispatch_id: int
    population: int | None
    dimension_counts: Mapping[str, int]
    full: int | None
    partial: int | None
    notified_full: int
    notified_partial: int
    delivered: int
    accepted: int
    declined: int
    assigned: int
    stage_ms: Mapping[str, int]
    certificate: Mapping[str, Any]
    timing: MatchTiming | None = None


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """One thing that happened. ``kind``: submitted, wave, accepted, declined, assigned, ..., or the stage moved to."""

    at_ms: int
    kind: str
    actor: str
    user_id: int | None
    detail: str | None
