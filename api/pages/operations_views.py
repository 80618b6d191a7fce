"""What the operations pages show, ready to be written."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from api.pages.words import Word


@dataclass(frozen=True, slots=True)
class SwitchView:
    """One kill switch; who set it last is None when nobody ever did."""

    name: str
    label: Word
    consequence: Word
    paused: bool
    set_by: str | None
    reason: str | None
    set_at_ms: int | None


@dataclass(frozen=True, slots=True)
class SwitchChangeView:
    """One time that somebody paused or resumed something."""

    label: Word
    paused: bool
    set_by: str
    reason: str
    set_at_ms: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A form that was not accepted: which one, why, and what was typed into it."""

    place: str
    sentence: str
    typed: str


@dataclass(frozen=True, slots=True)
class QueueRow:
    """All work of one kind. ``next_at_ms``: when the first pending one may be taken; ``late_ms``: how long it waits."""

    kind: str
    label: Word
    pending: int
    leased: int
    dead: int
    next_at_ms: int | None
    late_ms: int
    leases_lapsed_ms: int


@dataclass(frozen=True, slots=True)
class ShardRow:
    """What one shard holds."""

    number: int
    barrier: int
    users: int
    available: int
    segments: int
    delta: int
    tombstones: int
    megabytes: float
    merges: int
    failed_merges: int
    kernels_compiled: int


@dataclass(frozen=True, slots=True)
class ShardsView:
    """All shards; ``behind``: how many changes the furthest one lacks, compared with the first."""

    ready: bool
    why: str | None
    barrier: int | None
    population: int
    rows: Sequence[ShardRow] = field(default_factory=tuple)

    @property
    def behind(self) -> int:
        """How many changes of profiles the last shard lacks that the first one has."""
        barriers = [row.barrier for row in self.rows]
        return max(barriers) - min(barriers) if barriers else 0


@dataclass(frozen=True, slots=True)
class LetterRow:
    """One piece of dead work. ``dispatch_id``: the dispatch that it is about, if that is known by its kind."""

    id: int
    label: Word
    subject: Word | None
    subject_id: int
    dispatch_id: int | None
    failures: int
    last_error: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class LetterList:
    """One page of the dead letters, oldest first. ``counts`` starts with ("", all)."""

    rows: Sequence[LetterRow]
    counts: Sequence[tuple[str, Word | None, int]]
    kind: str | None
    after: int
    next_after: int | None


@dataclass(frozen=True, slots=True)
class LetterDecisionRow:
    """What was decided about a letter."""

    label: Word
    subject_id: int
    failures: int
    last_error: str
    decision: Word
    actor: str
    reason: str
    decided_at_ms: int


@dataclass(frozen=True, slots=True)
class PauseView:
    """Something that is paused; ``set_by`` and ``reason`` are for admins, None for others."""

    label: Word
    consequence: Word
    since_ms: int
    set_by: str | None
    reason: str | None
