"""Shards in this very process: for files, for tests, and wherever Ray would only be in the way."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.ports import ShardAnswer, ShardFullSet, ShardReach, ShardSetup, ShardStats
from engine.shards import Shard
from kit.clock import Stopwatch, not_measured
from matching.compilation import CompiledBatch
from matching.index.columns import ProfileColumns


class InProcessShard:
    """One shard called directly; implements ``engine.ports.ShardPort``. Handles are finished answers."""

    def __init__(
        self,
        shard_id: int,
        directory: Path | None = None,
        resort_hour_utc: int | None = None,
        threads: int = 1,
        stopwatch: Stopwatch = not_measured,
    ) -> None:
        self.shard_id = shard_id
        self._shard = Shard(shard_id, directory, resort_hour_utc=resort_hour_utc, threads=threads, stopwatch=stopwatch)

    def submit_match(self, batch: CompiledBatch, barrier: int, *, full_only: bool) -> ShardAnswer:
        """Match now."""
        return self._shard.match(batch, barrier, full_only=full_only)

    def collect_match(self, handle: ShardAnswer) -> ShardAnswer:
        """Hand the answer over."""
        return handle

    def submit_full_set(self, batch: CompiledBatch, barrier: int) -> ShardFullSet:
        """Find everybody now."""
        return self._shard.full_set(batch, barrier)

    def collect_full_set(self, handle: ShardFullSet) -> ShardFullSet:
        """Hand the answer over."""
        return handle

    def submit_reach(self, batch: CompiledBatch, wider: CompiledBatch, barrier: int) -> ShardReach:
        """Count now."""
        return self._shard.count_reach(batch, wider, barrier)

    def collect_reach(self, handle: ShardReach) -> ShardReach:
        """Hand the answer over."""
        return handle

    def submit_apply(self, barrier: int, upserts: ProfileColumns, deleted_ids: npt.NDArray[np.int64]) -> None:
        """Apply now."""
        self._shard.apply(barrier, upserts, deleted_ids)

    def collect_apply(self, handle: None) -> None:
        """Nothing is left to wait for."""

    def reset(self, setup: ShardSetup) -> None:
        """Forget everybody."""
        self._shard.reset(setup)

    def snapshot(self) -> int:
        """Write the newest state to the folder; returns its barrier."""
        return self._shard.snapshot()

    def restore(self, setup: ShardSetup) -> int:
        """Load the last snapshot; its barrier, or 0."""
        return self._shard.restore(setup)

    def published(self) -> Sequence[int]:
        """The barriers that can be asked for."""
        return self._shard.published()

    def stats(self) -> ShardStats:
        """What the shard holds."""
        return self._shard.stats()


def in_process_shards(
    count: int,
    directory: Path | None = None,
    resort_hour_utc: int | None = None,
    threads: int = 1,
    stopwatch: Stopwatch = not_measured,
) -> list[InProcessShard]:
    """``count`` shards in this process, each with a folder of its own below ``directory``, if there is one.

    With an hour they sort their users anew at it, once a day. So many threads work on one question in each. Without a
    stopwatch they do not measure how long they take.
    """
    folders = [None if directory is None else directory / f"shard-{shard_id}" for shard_id in range(count)]
    return [
        InProcessShard(shard_id, folder, resort_hour_utc, threads, stopwatch) for shard_id, folder in enumerate(folders)
    ]
