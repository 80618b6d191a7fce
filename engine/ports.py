"""What the coordinator needs from a shard, wherever it runs, and what the feeder needs from the profile log.

``engine.in_process`` serves shards in the same process, ``engine.runtime`` serves them as Ray actors; both wrap the
same ``engine.shards.Shard``. Every ``submit_*`` returns at once with a handle, every ``collect_*`` waits for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kit.errors import Unavailable
from matching.compilation import CompiledBatch
from matching.index.columns import ProfileColumns
from matching.profiles import Profile

Handle = Any
"""Whatever a port needs to find its answer again (a Ray ObjectRef, a finished answer)."""


class ShardLost(Unavailable):
    """A shard does not answer (its actor died or timed out); it must be restored before anything is matched."""


class UnknownBarrier(Unavailable):
    """A shard was asked for a state that it does not publish (yet, or any longer)."""


@dataclass(frozen=True, slots=True)
class ShardSetup:
    """What the numbers in columns mean; a shard serves one setup, and a snapshot of another is refused.

    generation: names one giving of vocabulary and crowd numbers (a new one for every coordinator that starts afresh).
    region_parents, industry_parents int32: the parent of every node in preorder, -1 for a root.
    """

    generation: int
    placement_version: int
    region_parents: npt.NDArray[np.int32]
    industry_parents: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class ShardAnswer:
    """One shard's answer to a batch of Q queries; small arrays only.

    full_counts, partial_counts int64 (Q,): users of each tier here (partial is 0 when only FULL was asked).
    dimension_counts int64 (Q, 4): available users who satisfy each dimension (0 when only FULL was asked).
    full_starts, partial_starts int64 (Q + 1,) bound the best users of each query, at most its limit, in no order:
    *_ids int64 (external ids), *_keys int64 (score and tie packed, see matching.ranking).
    population: users held at the barrier, available or not: all of them were evaluated.
    took_us: how long the shard worked on the batch, in microseconds.
    """

    barrier: int
    population: int
    full_counts: npt.NDArray[np.int64]
    partial_counts: npt.NDArray[np.int64]
    dimension_counts: npt.NDArray[np.int64]
    full_starts: npt.NDArray[np.int64]
    full_ids: npt.NDArray[np.int64]
    full_keys: npt.NDArray[np.int64]
    partial_starts: npt.NDArray[np.int64]
    partial_ids: npt.NDArray[np.int64]
    partial_keys: npt.NDArray[np.int64]
    shard_id: int = 0
    took_us: int = 0


@dataclass(frozen=True, slots=True)
class ShardFullSet:
    """Everybody in the full tier of one query on one shard: ``ids`` int64 (external ids), in no order.

    population: as in ShardAnswer.
    """

    barrier: int
    population: int
    ids: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ShardReach:
    """What a batch of Q queries reaches on one shard: ``counts`` int64 (Q, matching.reach.COLUMNS).

    population: as in ShardAnswer.
    """

    barrier: int
    population: int
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ShardStats:
    """What a shard holds: for health, metrics and diagnostics; merges are counted since the shard began.

    kernels_compiled: kernels that were compiled in the shard's process while it served, and not taken from the cache.
    """

    shard_id: int
    barrier: int
    population: int
    available: int
    segments: int
    delta_users: int
    tombstones: int
    bytes: int
    merges: int = 0
    failed_merges: int = 0
    kernels_compiled: int = 0


class ShardPort(Protocol):
    """One shard. All methods raise ShardLost when it is away, UnknownBarrier where a barrier is named."""

    shard_id: int

    def submit_match(self, batch: CompiledBatch, barrier: int, *, full_only: bool) -> Handle:
        """Start matching a batch (at most 256 queries) at a published barrier."""
        ...

    def collect_match(self, handle: Handle) -> ShardAnswer:
        """Wait for an answer."""
        ...

    def submit_full_set(self, batch: CompiledBatch, barrier: int) -> Handle:
        """Start finding everybody in the full tier of a batch's one query at a published barrier."""
        ...

    def collect_full_set(self, handle: Handle) -> ShardFullSet:
        """Wait for an answer."""
        ...

    def submit_reach(self, batch: CompiledBatch, wider: CompiledBatch, barrier: int) -> Handle:
        """Start counting what a batch reaches at a published barrier; ``wider``: the same queries widened."""
        ...

    def collect_reach(self, handle: Handle) -> ShardReach:
        """Wait for an answer."""
        ...

    def submit_apply(self, barrier: int, upserts: ProfileColumns, deleted_ids: npt.NDArray[np.int64]) -> Handle:
        """Start cutting a barrier: the named users are replaced or removed, then the state is published."""
        ...

    def collect_apply(self, handle: Handle) -> None:
        """Wait until the barrier is published (and raise what went wrong)."""
        ...

    def reset(self, setup: ShardSetup) -> None:
        """Forget everybody: the shard is empty and publishes nothing until the next apply."""
        ...

    def snapshot(self) -> int:
        """Write the newest published state to the shard's directory; returns its barrier."""
        ...

    def restore(self, setup: ShardSetup) -> int:
        """Load the last snapshot and publish it; returns its barrier, or 0 (and an empty shard) when there is none that
        can be used: none written, damaged, or of another setup.
        """
        ...

    def published(self) -> Sequence[int]:
        """The barriers that can be asked for, oldest first; empty after a restart."""
        ...

    def stats(self) -> ShardStats:
        """What the shard holds now."""
        ...


class ProfileLog(Protocol):
    """Profiles and their changes, from the database; ``None`` in place of a profile is a deletion."""

    def read_all(self, after_id: int, limit: int) -> Sequence[Profile]:
        """The next profiles by id; empty at the end."""
        ...

    def read_changes(self, after_seq: int, limit: int) -> tuple[int, Sequence[tuple[int, Profile | None]]]:
        """The newest seq covered and the users changed after ``after_seq`` with their present profiles."""
        ...

    def last_seq(self) -> int:
        """The newest number in the log."""
        ...
