"""The one who asks: the same orders again and again, one by one and in batches, until told to stop."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.matching.population import World
from benchmarks.timing import cpu_s, now_s
from engine.ports import UnknownBarrier
from engine.shards import Shard
from matching.compilation import compile_queries
from matching.query import Query

BATCH_ORDERS = 64
SINGLES_A_BATCH = 16
"""So many orders are asked alone between one batch and the next."""


@dataclass(slots=True)
class Latencies:
    """Microseconds of every call, compilation included: by the clock, and of this thread's processor time."""

    single_us: list[float] = field(default_factory=list)
    batch_us: list[float] = field(default_factory=list)
    single_cpu_us: list[float] = field(default_factory=list)
    batch_cpu_us: list[float] = field(default_factory=list)


class Asking:
    """A thread that asks from its making until ``stop``, one round at least."""

    def __init__(self, shard: Shard, world: World, queries: Sequence[Query]) -> None:
        self._shard, self._world, self._queries = shard, world, queries
        self._latencies = Latencies()
        self._failure: Exception | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="asking", daemon=True)
        self._thread.start()

    def stop(self) -> Latencies:
        """End the thread and hand its samples over; raises whatever it failed with."""
        self._stopping.set()
        self._thread.join()
        if self._failure:
            raise self._failure
        return self._latencies

    def _run(self) -> None:
        try:
            self._ask_round(0)
            turn = 1
            while not self._stopping.is_set():
                self._ask_round(turn)
                turn += 1
        except Exception as error:  # noqa: BLE001  # handed over by ``stop``
            self._failure = error

    def _ask_round(self, turn: int) -> None:
        queries, kept = self._queries, self._latencies
        for i in range(turn * SINGLES_A_BATCH, (turn + 1) * SINGLES_A_BATCH):
            self._ask([queries[i % len(queries)]], kept.single_us, kept.single_cpu_us)
        first = turn * BATCH_ORDERS
        batch = [queries[i % len(queries)] for i in range(first, first + BATCH_ORDERS)]
        self._ask(batch, kept.batch_us, kept.batch_cpu_us)

    def _ask(self, queries: Sequence[Query], us: list[float], cpu_us: list[float]) -> None:
        """Time one call at the newest barrier; one that went by meanwhile is asked again, as online."""
        world = self._world
        started, cpu_started = now_s(), cpu_s()
        batch = compile_queries(queries, world.vocabulary, world.words.taxonomy, world.crowds)
        while True:
            try:
                self._shard.match(batch, self._shard.published()[-1])
                break
            except UnknownBarrier:
                continue
        cpu_us.append((cpu_s() - cpu_started) * 1e6)
        us.append((now_s() - started) * 1e6)
