"""What the dispatch machine is made of: its state, the events that reach it, the instructions that it gives."""

import enum
from dataclasses import dataclass


class Stage(enum.StrEnum):
    """Where the offering stands."""

    APPROVED = "approved"
    """Nothing was asked or sent yet for this order version."""
    OFFERING_FULL = "offering_full"
    """Waves go to users who satisfy every dimension."""
    OFFERING_PARTIAL = "offering_partial"
    """Waves go to newly full users first, then to partial ones."""
    EXHAUSTED = "exhausted"
    """Everybody was told, the windows are over, nobody accepted. Final."""
    EXPIRED = "expired"
    """The order's time ended before an assignment. Final."""
    CANCELLED = "cancelled"
    """The publisher or the platform took it back. Final."""
    PUBLISHER_SILENT = "publisher_silent"
    """Acceptors waited, the publisher was reminded and chose nobody. Final."""
    UNMATCHABLE = "unmatchable"
    """The order asks for nothing that can be matched, for example nothing was recognised in its text. Final."""


class Choice(enum.StrEnum):
    """How far the publisher's choice is."""

    NONE = "none"
    """Nobody waits in the queue."""
    ACCEPTED = "accepted"
    """At least one acceptance waits for the publisher."""
    ASSIGNED = "assigned"
    """One acceptance was selected."""


class Step(enum.StrEnum):
    """What the offering does next."""

    WAVE = "wave"
    """Asks for candidates and sends a wave."""
    WINDOW = "window"
    """Waits until the tier's acceptance window ends."""
    CATCH_UP = "catch_up"
    """The tier's window is over: asks once more about those who were set aside."""
    REST = "rest"
    """Everything was offered; waits for the publisher to choose from the queue."""


class Ending(enum.StrEnum):
    """How an assignment ended before it was fulfilled."""

    WITHDRAWN = "withdrawn"
    """The selected user withdrew before confirming."""
    LAPSED = "lapsed"
    """The selected user did not confirm within the hold."""
    FAILED = "failed"
    """The engagement reported a failure."""


class Reason(enum.StrEnum):
    """Why somebody who fits is not told (now, or any more)."""

    QUIET_HOURS = "quiet_hours"
    """The platform's quiet hours."""
    HOUR_CAP = "hour_cap"
    """He was offered as much within an hour as the policy allows."""
    DAY_CAP = "day_cap"
    """He was offered as much within a day as the policy allows."""
    DECLINED = "declined"
    """He declined an offer a short while ago."""
    LIMIT = "limit"
    """At the catch-up wave the tier's limit left no room for him."""
    OUTRANKED = "outranked"
    """At the catch-up wave so many others fitted better that he was not among those asked for."""


FINAL = frozenset({Stage.EXHAUSTED, Stage.EXPIRED, Stage.CANCELLED, Stage.PUBLISHER_SILENT, Stage.UNMATCHABLE})


@dataclass(frozen=True, slots=True)
class Assigned:
    """The active assignment. ``hold_until_ms`` None: confirmed, it can no longer lapse."""

    user_id: int
    token: int
    hold_until_ms: int | None


@dataclass(frozen=True, slots=True)
class DispatchState:
    """Everything that the machine knows about one dispatch.

    ``last_wave_at_ms`` is that of the current tier. ``confirmed_reach``: the publisher agreed to so many told users.
    ``set_aside_full`` and ``set_aside_partial`` fit, and wait for the tier's catch-up wave, because their attention is
    spared; ``suppressed`` are those whom that wave did not tell either. All three are of this order version.
    """

    expires_at_ms: int
    step_at_ms: int
    stage: Stage = Stage.APPROVED
    step: Step = Step.WAVE
    order_version: int = 1
    waves: int = 0
    notified_full: int = 0
    notified_partial: int = 0
    last_wave_at_ms: int | None = None
    queued: int = 0
    idle_since_ms: int | None = None
    reminded: bool = False
    assigned: Assigned | None = None
    tokens_given: int = 0
    confirmed_reach: int | None = None
    set_aside_full: int = 0
    set_aside_partial: int = 0
    suppressed: int = 0

    @property
    def set_aside(self) -> int:
        """Users who wait for the tier's catch-up wave."""
        return self.set_aside_full + self.set_aside_partial

    @property
    def begun(self) -> bool:
        """Whether candidates were found and dealt with, so that the query is frozen."""
        return bool(self.waves or self.set_aside or self.suppressed)

    @property
    def final(self) -> bool:
        """Whether the dispatch ended without an assignment; nothing changes it any more."""
        return self.stage in FINAL

    @property
    def choice(self) -> Choice:
        """The publisher's choice, beside the stage."""
        if self.assigned is not None:
            return Choice.ASSIGNED
        return Choice.ACCEPTED if self.queued and not self.final else Choice.NONE


# --- events ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Woken:
    """The timer fired or somebody accepted: ``queued`` acceptances wait, the oldest since ``since_ms``."""

    queued: int
    since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """The answer to ``QueryWave``: how many candidates there are. ``partial`` (above the floor) None: not computed.

    ``held_full`` and ``held_partial``: places, from 0 and ascending, among the ranked candidates of each tier whose
    attention is to be spared now; places behind a wave's size need not be looked at.
    """

    full: int
    partial: int | None
    held_full: tuple[int, ...] = ()
    held_partial: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """The answer to a ``QueryWave`` about those who were set aside.

    Of those who still fit, ``full`` and ``partial`` may be told now, ``suppressed`` may not. ``more``: others fit too.
    """

    full: int
    partial: int
    suppressed: int
    more: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """``QueryWave`` cannot be answered for this order, now or later."""


@dataclass(frozen=True, slots=True)
class Selected:
    """The publisher chose a user whose acceptance waits."""

    user_id: int


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The selected user answered in time; the hold ends."""

    token: int


@dataclass(frozen=True, slots=True)
class AssignmentEnded:
    """The selected user withdrew, or the engagement failed."""

    token: int
    ending: Ending


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A waiting acceptance was taken back; ``queued`` remain."""

    queued: int


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The publisher or the platform takes the order back."""


@dataclass(frozen=True, slots=True)
class Revised:
    """The order was edited and approved again: offering starts over with the new version, for those not yet told.

    ``confirmed_reach`` None: what the publisher agreed to before stays.
    """

    order_version: int
    expires_at_ms: int
    confirmed_reach: int | None = None


Event = Woken | Matched | CaughtUp | Refused | Selected | Confirmed | AssignmentEnded | Withdrawn | Cancelled | Revised


# --- instructions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class QueryWave:
    """Ask for candidates (at most ``limit`` a tier) and come back with ``Matched``.

    ``catch_up``: leave those who were set aside in, say only what became of them, and come back with ``CaughtUp``.
    """

    limit: int
    with_partial: bool
    catch_up: bool = False


@dataclass(frozen=True, slots=True)
class SendWave:
    """Tell the best ``full`` users of the full tier, then the best ``partial`` ones of the partial tier.

    Those whose attention is spared are passed over; with ``catch_up`` only those who were set aside are meant.
    """

    number: int
    full: int
    partial: int
    expires_at_ms: int
    catch_up: bool = False


@dataclass(frozen=True, slots=True)
class SetAside:
    """Note who is passed over among the best of wave ``number``: so many of each tier. They wait for the catch-up."""

    number: int
    full: int
    partial: int


@dataclass(frozen=True, slots=True)
class EndSetAside:
    """Nobody is set aside any more: ``full`` and ``partial`` of them are told by wave ``number``, the others never.

    Those who fit no longer are merely let go: a later wave may find them again.
    """

    number: int
    full: int
    partial: int


@dataclass(frozen=True, slots=True)
class MoveTo:
    """The stage changes; one line of the timeline."""

    stage: Stage


@dataclass(frozen=True, slots=True)
class Assign:
    """Write the one active assignment."""

    user_id: int
    token: int
    hold_until_ms: int | None


@dataclass(frozen=True, slots=True)
class Confirm:
    """Mark the active assignment as confirmed."""

    user_id: int
    token: int


@dataclass(frozen=True, slots=True)
class EndAssignment:
    """End the active assignment and that user's acceptance; the queue moves on."""

    user_id: int
    token: int
    ending: Ending


@dataclass(frozen=True, slots=True)
class RemindPublisher:
    """Acceptors wait and the publisher is silent."""


@dataclass(frozen=True, slots=True)
class ReleaseAcceptors:
    """Free everybody who still waits in the queue."""


Instruction = (
    QueryWave
    | SendWave
    | SetAside
    | EndSetAside
    | MoveTo
    | Assign
    | Confirm
    | EndAssignment
    | RemindPublisher
    | ReleaseAcceptors
)


class ImpossibleEvent(ValueError):
    """The event does not fit the state; the caller must check the state before it asks."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The next state, what to do, and when to wake again (None: no timer runs)."""

    state: DispatchState
    instructions: tuple[Instruction, ...]
    due_at_ms: int | None
