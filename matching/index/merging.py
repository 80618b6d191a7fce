"""What is merged when, and the merge itself: decided from a few numbers, done on immutable parts, swapped in later.

Nothing here is called by a writer who holds others up. Between a job's making and its swap the set goes on changing;
``matching.index.parts.Part.caught_up`` brings its outcome along.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from matching.index.columns import concatenate
from matching.index.locality import locality_order
from matching.index.parts import Part
from matching.index.segment import Segment, Trees

MERGE_RATIO = 4
"""A segment is merged with its elder when it is at least one part in so many of it."""
MIN_LIVE_PART = 0.5
"""A segment of which fewer users live is rewritten."""
MOVED_PART = 128
"""A segment is sorted anew when more than one user in so many has moved since: circles test all of them."""
FEW_MOVED = 64
"""So many may have moved in any segment, however small."""


class Reason(Enum):
    """Why parts are built anew."""

    HALF_DEAD = "half of its users are gone"
    YOUNG = "segments are small beside their elder"
    MOVED = "many of its users have moved"
    RESORT = "its order is renewed"


@dataclass(frozen=True, slots=True)
class Shape:
    """A part as the plan sees it: users it was built of, who live, who moved; and whether it is to be sorted."""

    users: int
    live: int
    moved: int = 0
    resort: bool = False


@dataclass(frozen=True, slots=True)
class MergePlan:
    """Parts [first, end) become one, in their order; sorted anew by locality for the sake of places or order."""

    first: int
    end: int
    reason: Reason

    @property
    def sorts(self) -> bool:
        """Whether users are put in order again, in place of one linear pass that keeps them as they are."""
        return self.reason in (Reason.MOVED, Reason.RESORT)


def plan_merge(shapes: Sequence[Shape], segment_users: int) -> MergePlan | None:
    """The next thing to do for parts from elder to younger, or None.

    Young segments come first, as every query asks each of them. A run of them is merged in one go: the youngest with
    its elder while it is not much smaller, and what that gives with the next, so that the number of segments stays
    logarithmic and every user is rewritten a logarithmic number of times.
    """
    runs: list[tuple[int, int]] = []
    for place, shape in enumerate(shapes):
        runs.append((place, shape.live))
        while len(runs) > 1 and _should_merge(runs[-2][1], runs[-1][1], segment_users):
            _, younger = runs.pop()
            first, elder = runs.pop()
            runs.append((first, elder + younger))
    end = len(shapes)
    for first, _ in reversed(runs):
        if end - first > 1:
            return MergePlan(first, end, Reason.YOUNG)
        end = first
    for wanted in (Reason.HALF_DEAD, Reason.MOVED, Reason.RESORT):
        for place, shape in enumerate(shapes):
            if _calls_for(shape, wanted):
                return MergePlan(place, place + 1, wanted)
    return None


def _should_merge(elder: int, younger: int, segment_users: int) -> bool:
    return elder + younger <= segment_users and younger * MERGE_RATIO >= elder


def _calls_for(shape: Shape, reason: Reason) -> bool:
    if reason is Reason.HALF_DEAD:
        return shape.live < MIN_LIVE_PART * shape.users
    if reason is Reason.MOVED:
        return shape.moved > max(FEW_MOVED, shape.users // MOVED_PART)
    return shape.resort


@dataclass(frozen=True, slots=True, eq=False)
class MergeJob:
    """Parts as they were when the job was made, to become one."""

    parts: tuple[Part, ...]
    plan: MergePlan
    trees: Trees

    def build(self) -> "Merged":
        """Build the new segment; takes about a second a million users, without the interpreter lock but for moments."""
        columns = concatenate([part.columns() for part in self.parts])
        if self.plan.sorts:
            columns = columns.take(locality_order(columns, self.trees.region_parents))
        return Merged(self, Part.of(Segment.build(columns, self.trees)))


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """What came of a job."""

    job: MergeJob
    part: Part
