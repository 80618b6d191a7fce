"""Shards as Ray actors: the plain Shard class wrapped once, and the port that calls it.

An actor is detached and named with the build, so a restarted dispatcher finds the shards of its own code alive and
never talks to those of another. Ray restarts an actor whose process dies; it comes back empty, publishes nothing, and
every call that needs a state raises ShardLost or UnknownBarrier until somebody restores it.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import ray
import ray.exceptions
from ray.util import list_named_actors

from engine.build import build_id
from engine.ports import ShardAnswer, ShardFullSet, ShardLost, ShardReach, ShardSetup, ShardStats
from engine.shards import Shard
from kit.clock import elapsed_s, pause
from kit.errors import QuanwangError
from matching.compilation import CompiledBatch
from matching.index.columns import ProfileColumns

HEALTH = "health"
"""Concurrency group of calls that must be answered while a long one runs."""

MATCH_TIMEOUT_S = 60.0
APPLY_TIMEOUT_S = 120.0
START_TIMEOUT_S = 60.0
HEALTH_TIMEOUT_S = 2.0
SHARED_FROM_BYTES = 64 * 1024
"""A message above this is written to the object store once, for all shards; Ray slows down several times above it."""


class ShardNotStarted(QuanwangError):
    """The constructor of a shard fails inside its actor: a broken installation."""


_log = logging.getLogger(__name__)


def actor_name(shard_id: int, of_shards: int) -> str:
    """Return the name of a shard's actor; another build or another number of shards has other names."""
    return f"shard-{build_id()}-{shard_id + 1}of{of_shards}"


def _start_actor(
    shard_id: int, of_shards: int, directory: Path | None, resort_hour_utc: int | None, threads: int
) -> Any:
    """Find the shard's actor or start it.

    ``num_cpus=0``: Ray counts cores, it does not give them, and a shard above the count would wait for ever silently.
    """
    actor_class = ray.remote(  # type: ignore[call-overload]  # the stubs know no concurrency groups
        num_cpus=0,
        max_restarts=-1,
        # A call whose actor dies is not repeated behind our back: the shard must be restored first.
        max_task_retries=0,
        concurrency_groups={HEALTH: 1},
    )(Shard)
    named = actor_class.options(name=actor_name(shard_id, of_shards), lifetime="detached", get_if_exists=True)
    return named.remote(shard_id, directory, resort_hour_utc=resort_hour_utc, threads=threads, stopwatch=elapsed_s)


@dataclass(frozen=True, slots=True)
class _Pending:
    reference: Any
    what: str


class _SharedBatches:
    """Remembers the last big batch that was put into the object store, so that all shards get the same copy."""

    def __init__(self) -> None:
        self._batch: CompiledBatch | None = None
        self._reference: Any = None

    def of(self, batch: CompiledBatch) -> Any:
        if batch is self._batch:
            return self._reference
        size = sum(getattr(batch, name).nbytes for name in batch.__slots__)
        if size < SHARED_FROM_BYTES:
            return batch
        self._batch, self._reference = batch, ray.put(batch)
        return self._reference


class RayShard:
    """One shard behind an actor; implements engine.ports.ShardPort."""

    def __init__(self, shard_id: int, actor: Any, shared: _SharedBatches) -> None:
        self.shard_id = shard_id
        self._actor = actor
        self._shared = shared

    def submit_match(self, batch: CompiledBatch, barrier: int, *, full_only: bool) -> _Pending:
        """Start matching a batch at a published barrier."""
        return self._submit("match", self._shared.of(batch), barrier, full_only=full_only)

    def collect_match(self, handle: _Pending) -> ShardAnswer:
        """Wait for an answer."""
        answer: ShardAnswer = self._collect(handle, MATCH_TIMEOUT_S)
        return answer

    def submit_full_set(self, batch: CompiledBatch, barrier: int) -> _Pending:
        """Start finding everybody in the full tier of a query; the ids lie in the object store, not in this process."""
        return self._submit("full_set", self._shared.of(batch), barrier)

    def collect_full_set(self, handle: _Pending) -> ShardFullSet:
        """Wait for an answer."""
        answer: ShardFullSet = self._collect(handle, MATCH_TIMEOUT_S)
        return answer

    def submit_reach(self, batch: CompiledBatch, wider: CompiledBatch, barrier: int) -> _Pending:
        """Start counting what a batch reaches at a published barrier."""
        return self._submit("count_reach", self._shared.of(batch), wider, barrier)

    def collect_reach(self, handle: _Pending) -> ShardReach:
        """Wait for an answer."""
        answer: ShardReach = self._collect(handle, MATCH_TIMEOUT_S)
        return answer

    def submit_apply(self, barrier: int, upserts: ProfileColumns, deleted_ids: npt.NDArray[np.int64]) -> _Pending:
        """Start cutting a barrier."""
        return self._submit("apply", barrier, upserts, deleted_ids)

    def collect_apply(self, handle: _Pending) -> None:
        """Wait until the barrier is published."""
        self._collect(handle, APPLY_TIMEOUT_S)

    def reset(self, setup: ShardSetup) -> None:
        """Forget everybody."""
        self._collect(self._submit("reset", setup), APPLY_TIMEOUT_S)

    def snapshot(self) -> int:
        """Write the newest published state to the shard's directory; returns its barrier."""
        barrier: int = self._collect(self._submit("snapshot"), APPLY_TIMEOUT_S)
        return barrier

    def restore(self, setup: ShardSetup) -> int:
        """Load the last snapshot that can be used; returns its barrier, or 0."""
        barrier: int = self._collect(self._submit("restore", setup), APPLY_TIMEOUT_S)
        return barrier

    def published(self) -> Sequence[int]:
        """The barriers that can be asked for, oldest first; empty after a restart."""
        return self._published(HEALTH_TIMEOUT_S)

    def wait_started(self, wait_s: float) -> None:
        """Wait until the actor answers. Raises ShardLost when it takes longer."""
        self._published(wait_s)

    def _published(self, wait_s: float) -> Sequence[int]:
        barriers: Sequence[int] = self._collect(self._submit_health("published"), wait_s)
        return barriers

    def stats(self) -> ShardStats:
        """What the shard holds now."""
        stats: ShardStats = self._collect(self._submit_health("stats"), HEALTH_TIMEOUT_S)
        return stats

    def _submit(self, method: str, *arguments: Any, **named: Any) -> _Pending:
        return self._guarded(lambda: getattr(self._actor, method).remote(*arguments, **named), method)

    def _submit_health(self, method: str) -> _Pending:
        return self._guarded(lambda: getattr(self._actor, method).options(concurrency_group=HEALTH).remote(), method)

    def _guarded(self, submit: Callable[[], Any], what: str) -> _Pending:
        try:
            return _Pending(submit(), what)
        except (ray.exceptions.RayError, ConnectionError, RuntimeError) as error:
            raise self._lost(what, error) from error

    def _collect(self, handle: _Pending, timeout_s: float) -> Any:
        try:
            return ray.get(handle.reference, timeout=timeout_s)
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, QuanwangError):
                raise cause from None
            raise
        except (ray.exceptions.RayError, ConnectionError, RuntimeError, TimeoutError) as error:
            raise self._lost(handle.what, error) from error

    def _lost(self, what: str, error: Exception) -> ShardLost:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        _log.warning("shard %d does not answer %s: %s", self.shard_id, what, reason)
        return ShardLost(f"shard {self.shard_id} does not answer; matching waits until it is restored")


def start_shards(
    count: int, directory: Path | None, resort_hour_utc: int | None = None, threads: int = 1
) -> list[RayShard]:
    """Find or start the actors of ``count`` shards, in the connected cluster; their snapshots lie below ``directory``,
    so many threads work on one question in each, and at the hour given, if any, they sort their users anew.

    Actors of another build or another number of shards are ended: nobody would ask them again. Raises ShardLost when an
    actor does not come up in START_TIMEOUT_S, ShardNotStarted when it cannot.
    """
    wanted = {actor_name(shard_id, count) for shard_id in range(count)}
    for name in list_named_actors():
        if name.startswith("shard-") and name not in wanted:
            ray.kill(ray.get_actor(name), no_restart=True)
    shared = _SharedBatches()
    folders = [None if directory is None else directory / f"shard-{shard_id}" for shard_id in range(count)]
    shards = [
        RayShard(shard_id, _start_actor(shard_id, count, folder, resort_hour_utc, threads), shared)
        for shard_id, folder in enumerate(folders)
    ]
    end_s = elapsed_s() + START_TIMEOUT_S
    for shard in shards:
        _wait_started(shard, end_s)
    return shards


def _wait_started(shard: RayShard, end_s: float) -> None:
    while True:
        try:
            shard.wait_started(max(1.0, end_s - elapsed_s()))
            return
        except ShardLost as lost:
            died = lost.__cause__
            if isinstance(died, ray.exceptions.ActorDiedError) and died.actor_init_failed:
                raise ShardNotStarted(f"a shard cannot be made, and would not be on a second try: {died}") from died
            if elapsed_s() > end_s:
                raise
            pause(0.1)
