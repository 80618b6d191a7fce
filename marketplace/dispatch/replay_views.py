"""What replaying and re-planning answer."""

from dataclasses import dataclass

from marketplace.dispatch.remarks import Remark


@dataclass(frozen=True, slots=True)
class WaveReplay:
    """One wave beside its replay. ``late_ms``: how long after the machine wanted it; None when it was not replayed.

    Digests are SHA-256 over number, sizes, expiry, and every chunk's tier, ids, scores and ties. ``replayed_digest``
    None: it was not replayed.
    """

    number: int
    sent_at_ms: int
    late_ms: int | None
    full: int
    partial: int
    recorded_digest: str
    replayed_digest: str | None

    @property
    def identical(self) -> bool:
        """Whether the replay told the same users, in the same order, until the same time."""
        return self.recorded_digest == self.replayed_digest


@dataclass(frozen=True, slots=True)
class Replay:
    """A dispatch replayed under its own policy.

    ``events``: lines of the timeline that the machine brought about again. ``differences`` is empty exactly when all
    came out as recorded; ``notes`` say what the record does not hold.
    """

    dispatch_id: int
    policy: str
    policy_version: int
    waves: tuple[WaveReplay, ...]
    events: int
    differences: tuple[Remark, ...]
    notes: tuple[Remark, ...]

    @property
    def identical(self) -> bool:
        """Whether every wave is byte for byte the recorded one, and everything else came as recorded."""
        return not self.differences and all(wave.identical for wave in self.waves)


@dataclass(frozen=True, slots=True)
class PlannedWave:
    """One wave of a plan; ``at_ms`` counts from the submission."""

    number: int
    at_ms: int
    full: int
    partial: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How a dispatch goes, or went, under one policy. Times are milliseconds from the submission, None: never.

    ``notices``: users told in all, whatever the tier. ``stage``: the machine's last one. ``first_waves``: at most 200.
    """

    policy: str
    policy_version: int | None
    full: int
    partial: int
    waves: int
    first_waves: tuple[PlannedWave, ...]
    first_notice_ms: int | None
    last_notice_ms: int | None
    partial_tier_ms: int | None
    first_acceptance_ms: int | None
    acceptances: int
    assigned_ms: int | None
    ended_ms: int | None
    stage: str

    @property
    def notices(self) -> int:
        """Users told in all."""
        return self.full + self.partial


@dataclass(frozen=True, slots=True)
class Replan:
    """What was recorded beside what another policy would have made of the same candidates."""

    recorded: Plan
    planned: Plan
    notes: tuple[Remark, ...]
