"""What a dispatch left behind: its waves, answers and events, as replaying and re-planning read them."""

import hashlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from marketplace.dispatch.packing import PackedChunk, ranked, unpack_ids, unpack_numbers
from marketplace.dispatch.policies import Policy
from marketplace.dispatch.ports import Candidates
from marketplace.dispatch.states import Stage
from marketplace.dispatch.views import Tier


@dataclass(frozen=True, slots=True)
class RecordedWave:
    """One wave with its chunks in their order; counts are those of the answer that it was cut from."""

    number: int
    order_version: int
    sent_at_ms: int
    expires_at_ms: int
    full_count: int
    partial_count: int | None
    chunks: tuple[tuple[Tier, PackedChunk], ...]

    def size(self, tier: Tier) -> int:
        """Users of one tier that it told."""
        return sum(packed.size for of, packed in self.chunks if of == tier)

    def told(self, tier: Tier) -> Candidates:
        """Return whom it told of one tier, the best first."""
        user_ids, scores, ties = array("q"), array("i"), array("i")
        for of, packed in self.chunks:
            if of == tier:
                ids = unpack_ids(packed.user_ids)
                of_scores, of_ties = unpack_numbers(packed.scores), unpack_numbers(packed.ties)
                # Chunks follow each other by rank, and within a chunk rank is score, tie and id.
                order = ranked(ids, of_scores, of_ties)
                user_ids.extend(map(ids.__getitem__, order))
                scores.extend(map(of_scores.__getitem__, order))
                ties.extend(map(of_ties.__getitem__, order))
        return Candidates(user_ids, scores, ties)

    def digest(self) -> str:
        """Return the SHA-256 of everything that recipients depend on."""
        return wave_digest(self.number, self.size("full"), self.size("partial"), self.expires_at_ms, self.chunks)


def wave_digest(
    number: int, full: int, partial: int, expires_at_ms: int, chunks: Iterable[tuple[str, PackedChunk]]
) -> str:
    """Return the SHA-256 (hexadecimal) of a wave: number, sizes, expiry, and each chunk's tier, ids, scores, ties."""
    found = hashlib.sha256(f"{number} {full} {partial} {expires_at_ms}\n".encode())
    for tier, packed in chunks:
        found.update(f"{tier} {packed.size}\n".encode())
        for part in (packed.user_ids, packed.scores, packed.ties):
            found.update(part)
    return found.hexdigest()


@dataclass(frozen=True, slots=True)
class RecordedYes:
    """An acceptance: from when until when it waited; ``left_at_ms`` None: it still waits."""

    user_id: int
    accepted_at_ms: int
    left_at_ms: int | None
    state: str


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """A line that the machine or a person caused."""

    at_ms: int
    kind: str
    user_id: int | None


@dataclass(frozen=True)
class DispatchRecord:
    """One dispatch whole. ``stage``, the counts and ``assigned_user_id`` say how it stands now."""

    dispatch_id: int
    policy: Policy
    policy_version: int
    created_at_ms: int
    expires_at_ms: int
    confirmed_reach: int | None
    closed_at_ms: int | None
    stage: Stage
    notified_full: int
    notified_partial: int
    assigned_user_id: int | None
    first_full_count: int | None
    first_partial_count: int | None
    waves: tuple[RecordedWave, ...]
    yes: tuple[RecordedYes, ...]
    events: tuple[RecordedEvent, ...]

    @property
    def revised(self) -> bool:
        """Whether the order was edited after its approval."""
        return any(event.kind == Stage.APPROVED for event in self.events)

    @cached_property
    def waiting(self) -> "WaitingLine":
        """Who waited in the queue at which time."""
        return WaitingLine(self.yes)


@dataclass(frozen=True)
class WaitingLine:
    """Counts the waiting acceptances of any moment."""

    yes: Sequence[RecordedYes]
    _come: list[int] = field(init=False, repr=False)
    _left: list[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_come", sorted(each.accepted_at_ms for each in self.yes))
        object.__setattr__(self, "_left", sorted(each.left_at_ms for each in self.yes if each.left_at_ms is not None))

    def at(self, at_ms: int, *, unseen_from_ms: int | None = None, leaving: bool = False) -> tuple[int, int | None]:
        """Return how many wait at a moment and since when the oldest does.

        ``unseen_from_ms``: who came at or after that is left out. ``leaving``: who leaves in this very moment counts.
        """
        end_ms = at_ms + 1 if unseen_from_ms is None else min(unseen_from_ms, at_ms + 1)
        come = bisect_left(self._come, end_ms)
        left = bisect_left(self._left, at_ms) if leaving else bisect_right(self._left, at_ms)
        if unseen_from_ms is None and come <= left:
            return 0, None
        still = [
            each.accepted_at_ms for each in self.yes if each.accepted_at_ms < end_ms and _stays(each, at_ms, leaving)
        ]
        return len(still), min(still, default=None)


def _stays(each: RecordedYes, at_ms: int, leaving: bool) -> bool:  # noqa: FBT001  # the caller's own flag
    if each.left_at_ms is None:
        return True
    return each.left_at_ms >= at_ms if leaving else each.left_at_ms > at_ms
