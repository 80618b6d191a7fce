"""The engine as a contestant: the one place that knows how segments are built and asked."""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.matching.contest import Answered, Int64Array, Operation, Ranked
from benchmarks.matching.population import World
from matching.compilation import CompiledBatch, compile_queries
from matching.index.columns import ProfileColumns
from matching.index.segment import Trees
from matching.index.segment_set import SegmentSet, SegmentSetState, join_sets
from matching.query import Query
from matching.ranking import unpack_keys

ENGINE = "quanwang"
BATCH_ORDERS = 256
NOBODY = np.zeros(0, np.int64)


class Engine:
    """A segment set with the world's vocabulary; one thread."""

    name = ENGINE
    batch_orders = BATCH_ORDERS

    def __init__(self, world: World, parts: Iterable[ProfileColumns]) -> None:
        """Index the users; ``parts`` are taken one after another, so that a large population never lies about whole."""
        taxonomy = world.words.taxonomy
        self._world = world
        self._set = SegmentSet(
            Trees(np.array(taxonomy.regions.parents, np.int32), np.array(taxonomy.industries.parents, np.int32))
        )
        self.build_s = 0.0
        for columns in parts:
            started = time.perf_counter()
            self._set.apply(columns, NOBODY)
            self.build_s += time.perf_counter() - started
        self._state = self._set.state()

    @property
    def state(self) -> SegmentSetState:
        """What is matched against now."""
        return self._state

    def compile(self, queries: Sequence[Query]) -> CompiledBatch:
        """The same compilation as online."""
        world = self._world
        return compile_queries(queries, world.vocabulary, world.words.taxonomy, world.crowds)

    def answer(self, operation: Operation, queries: Sequence[Query]) -> Any:
        """Compile and match one batch."""
        batch = self.compile(queries)
        if operation.is_set:
            return self._state.full_rows(batch)
        if operation is Operation.FULL_RANKED:
            return self._state.match(batch, full_only=True)
        return self._state.match_partial(batch)

    def unpack(self, operation: Operation, raw: Any) -> list[Answered]:
        """Views of the batch's arrays."""
        if operation.is_set:
            found = join_sets([(part.starts, part.ids[part.rows]) for part in raw], len(raw[0].starts) - 1)
            return [found.ids[found.starts[q] : found.starts[q + 1]] for q in range(len(found.starts) - 1)]
        if operation is Operation.FULL_RANKED:
            starts, keys, ids = raw.full_starts, raw.full_keys, raw.full_ids
        else:
            starts, keys, ids = raw.partial_starts, raw.partial_keys, raw.partial_ids
        scores, ties = (array.astype(np.int64) for array in unpack_keys(keys))
        rows = [slice(starts[q], starts[q + 1]) for q in range(len(starts) - 1)]
        return [Ranked(ids[row], scores[row], ties[row]) for row in rows]

    def answer_with_ids(self, queries: Sequence[Query]) -> Any:
        """Compile and match one batch; the full sets come out as external ids instead of packed rows."""
        return self._state.full_sets(self.compile(queries))

    def full_counts(self, queries: Sequence[Query]) -> Int64Array:
        """How many users are in the full tier of each query."""
        counts = [NOBODY]
        for first in range(0, len(queries), BATCH_ORDERS):
            batch = self.compile(queries[first : first + BATCH_ORDERS])
            one = replace(batch, limits=np.ones(len(batch), np.int64))
            counts.append(self._state.match(one, full_only=True).full_counts)
        return np.concatenate(counts)

    def counts(self, queries: Sequence[Query]) -> tuple[list[int], list[int]]:
        """How many users are in the full and in the partial tier of each query."""
        full: list[int] = []
        partial: list[int] = []
        for first in range(0, len(queries), BATCH_ORDERS):
            answer = self._state.match(self.compile(queries[first : first + BATCH_ORDERS]))
            full.extend(answer.full_counts.tolist())
            partial.extend(answer.partial_counts.tolist())
        return full, partial

    def apply(self, changed: ProfileColumns) -> None:
        """Replace or add users; visible at once."""
        self._set.apply(changed, NOBODY)
        self._state = self._set.state()

    def bytes(self) -> int:
        """Memory of all arrays of all segments."""
        return sum(part.segment.bytes() + part.live.nbytes + part.visible.nbytes for part in self._state.parts)

    def population(self) -> int:
        """Users who are held."""
        return self._state.population

    def describe(self) -> dict[str, object]:
        """Build time, size, and number of segments."""
        return {
            "version": "this repository",
            "build_s": self.build_s,
            "bytes": self.bytes(),
            "segments": len(self._state.parts),
        }

    def close(self) -> None:
        """Nothing to let go."""

    def answer_all(self, operation: Operation, batches: Sequence[Sequence[Query]], pool: Executor | None) -> float:
        """Answer all batches, by the threads of a pool or (None) by this one; returns the seconds that it took."""
        started = time.perf_counter()
        if pool is None:
            for batch in batches:
                self.answer(operation, batch)
        else:
            list(pool.map(lambda batch: self.answer(operation, batch), batches))
        return time.perf_counter() - started
