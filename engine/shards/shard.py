"""A shard holds some of the users and publishes one immutable state a barrier."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.ports import ShardAnswer, ShardFullSet, ShardReach, ShardSetup, ShardStats, UnknownBarrier
from engine.shards.merges import Merges, RunAside, run_in_thread
from engine.shards.nightly import Nightly
from engine.shards.snapshots import SnapshotFolder
from kit.clock import Clock, Stopwatch, not_measured, now_ms
from kit.errors import Conflict
from matching.compilation import CompiledBatch
from matching.index.array_files import DamagedSnapshot
from matching.index.bits import count_bits
from matching.index.columns import ProfileColumns
from matching.index.jit import kernels_compiled
from matching.index.parts import Part
from matching.index.segment import MAX_USERS, Trees
from matching.index.segment_set import DELTA_USERS, SegmentSet, SegmentSetState

STATES_KEPT = 2
"""The newest state and the one before it, for queries that were compiled just before a barrier was cut."""

_log = logging.getLogger(__name__)


class BarrierOutOfOrder(Conflict):
    """A barrier that is not above the newest one published."""


@dataclass(frozen=True, slots=True)
class _Published:
    barrier: int
    state: SegmentSetState
    delta_users: int


class Shard:
    """One thread resets, applies, restores and snapshots; any number match or look beside it.

    Segments are merged aside and swapped in at barriers; once a day, if an hour is given, all of them are sorted anew.
    """

    def __init__(
        self,
        shard_id: int,
        directory: Path | None = None,
        *,
        delta_users: int = DELTA_USERS,
        segment_users: int = MAX_USERS,
        resort_hour_utc: int | None = None,
        threads: int = 1,
        run_aside: RunAside = run_in_thread,
        clock: Clock = now_ms,
        stopwatch: Stopwatch = not_measured,
    ) -> None:
        """``directory``: where snapshots are kept (None: nowhere); the bounds are smaller in tests.

        ``threads``: how many work on the segments of one question at once. ``resort_hour_utc``: the hour of the day at
        which segments are sorted anew (None: never). ``run_aside`` runs merges. ``stopwatch`` measures how long a match
        takes; without one nothing is measured.
        """
        self.shard_id = shard_id
        self._stopwatch = stopwatch
        self._merges = Merges(shard_id, run_aside)
        self._nightly = Nightly(resort_hour_utc, clock()) if resort_hour_utc is not None else None
        self._clock = clock
        self._folder = SnapshotFolder(directory) if directory else None
        self._delta_users, self._segment_users, self._threads = delta_users, segment_users, threads
        self._setup: ShardSetup | None = None
        self._users: SegmentSet | None = None
        self._states: tuple[_Published, ...] = ()

    def reset(self, setup: ShardSetup) -> None:
        """Forget everybody; nothing is published until the next apply."""
        self._states = ()
        self._setup = setup
        self._users = self._segment_set(setup)

    def apply(self, barrier: int, upserts: ProfileColumns, deleted_ids: npt.NDArray[np.int64]) -> None:
        """Replace or add users (unique ids), remove others, and publish ``barrier``.

        Raises UnknownBarrier when the shard has neither been reset nor restored (it came back empty), and
        BarrierOutOfOrder when the barrier is not above the newest one. If anything fails half-way, nothing is published
        any longer: the shard must be restored.
        """
        if self._users is None:
            raise UnknownBarrier(f"shard {self.shard_id} is empty; restore or load it before barrier {barrier} is cut")
        if self._states and barrier <= self._states[-1].barrier:
            raise BarrierOutOfOrder(
                f"barrier {barrier} is not above {self._states[-1].barrier}, which shard {self.shard_id} publishes"
            )
        try:
            self._merges.take_in(self._users)
            self._users.apply(upserts, deleted_ids)
            published = _Published(barrier, self._users.state(), self._users.delta_users)
        except BaseException:
            self._states, self._users = (), None
            raise
        self._states = (*self._states, published)[-STATES_KEPT:]
        if self._nightly and self._nightly.is_due(self._clock()):
            self._users.resort()
        self._merges.start(self._users)

    def match(self, batch: CompiledBatch, barrier: int, *, full_only: bool = False) -> ShardAnswer:
        """Answer a batch at a published barrier; raises UnknownBarrier."""
        started_s = self._stopwatch()
        state = self._state_at(barrier)
        answer = state.match(batch, full_only=full_only)
        return ShardAnswer(
            barrier,
            state.population,
            answer.full_counts,
            answer.partial_counts,
            answer.dimension_counts,
            answer.full_starts,
            answer.full_ids,
            answer.full_keys,
            answer.partial_starts,
            answer.partial_ids,
            answer.partial_keys,
            self.shard_id,
            round((self._stopwatch() - started_s) * 1e6),
        )

    def full_set(self, batch: CompiledBatch, barrier: int) -> ShardFullSet:
        """Everybody in the full tier of a batch's one query at a published barrier; raises UnknownBarrier."""
        state = self._state_at(barrier)
        return ShardFullSet(barrier, state.population, state.full_sets(batch).ids)

    def count_reach(self, batch: CompiledBatch, wider: CompiledBatch, barrier: int) -> ShardReach:
        """Count what a batch reaches, and with its keys changed, at a published barrier; raises UnknownBarrier."""
        state = self._state_at(barrier)
        return ShardReach(barrier, state.population, state.count_reach(batch, wider))

    def published(self) -> list[int]:
        """The barriers that can be asked for, oldest first."""
        return [published.barrier for published in self._states]

    def snapshot(self) -> int:
        """Write the newest state; returns its barrier, or 0 when there is no folder or no state.

        Raises SnapshotFailed (a full disk, a folder not writable); the snapshot before stays as it was.
        """
        if self._folder is None or not self._states or self._setup is None:
            return 0
        newest = self._states[-1]
        self._folder.write(self._setup, newest.barrier, newest.state.parts, has_delta=newest.delta_users > 0)
        return newest.barrier

    def restore(self, setup: ShardSetup) -> int:
        """Publish the last snapshot again; its barrier, or 0 (and an empty shard) when none can be used."""
        self.reset(setup)
        if self._folder is None:
            return 0
        try:
            barrier, parts, has_delta = self._folder.read(setup)
        except DamagedSnapshot as damage:
            _log.warning("shard %d starts empty: %s", self.shard_id, damage.sentence)
            return 0
        self._users = self._segment_set(setup, parts, delta=has_delta)
        self._states = (_Published(barrier, self._users.state(), self._users.delta_users),)
        return barrier

    def stats(self) -> ShardStats:
        """What the newest state holds (barrier 0 and nobody when there is none)."""
        if not self._states:
            return ShardStats(self.shard_id, 0, 0, 0, 0, 0, 0, 0)
        newest = self._states[-1]
        parts = newest.state.parts
        return ShardStats(
            shard_id=self.shard_id,
            barrier=newest.barrier,
            population=newest.state.population,
            available=sum(count_bits(part.visible, len(part.visible)) for part in parts),
            segments=len(parts),
            delta_users=newest.delta_users,
            tombstones=sum(len(part.segment) for part in parts) - newest.state.population,
            bytes=sum(part.segment.bytes() for part in parts),
            merges=self._merges.done,
            failed_merges=self._merges.failed,
            kernels_compiled=kernels_compiled(),
        )

    def _state_at(self, barrier: int) -> SegmentSetState:
        states = self._states
        for published in states:
            if published.barrier == barrier:
                return published.state
        known = ", ".join(str(published.barrier) for published in states) or "none"
        raise UnknownBarrier(f"shard {self.shard_id} does not publish barrier {barrier} (it publishes {known})")

    def _segment_set(self, setup: ShardSetup, parts: Sequence[Part] = (), *, delta: bool = False) -> SegmentSet:
        trees = Trees(setup.region_parents.copy(), setup.industry_parents.copy())
        return SegmentSet(
            trees,
            parts,
            delta=delta,
            delta_users=self._delta_users,
            segment_users=self._segment_users,
            threads=self._threads,
        )
