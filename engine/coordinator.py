"""Asks all shards as one: compiles a batch once, fans it out at one barrier, merges, and proves completeness."""

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic

import numpy as np
import numpy.typing as npt

from engine.cells import Cells
from engine.merging import merge_answers
from engine.placement import PlacementTable, pack
from engine.population import Population
from engine.ports import Handle, ShardAnswer, ShardLost, ShardPort, ShardSetup, ShardStats, UnknownBarrier
from engine.questions import BOTH_TIERS, FULL_SET, FULL_TIER, Answer, Question, reach_of
from engine.results import Certificate, FullSet, MatchResult
from matching.compilation import CompiledBatch, compile_queries
from matching.index.columns import ProfileColumns, concatenate
from matching.profiles import Profile
from matching.query import DEFAULT_WEIGHTS, Query, Weights
from matching.reach import COLUMNS
from matching.taxonomy import Taxonomy
from matching.vocabulary import Vocabulary

MAX_BATCH = 256
MAX_IN_FLIGHT = 2
"""Batches between here and the shards: one being matched while the next is compiled; more only wait in queues."""

PAGE_PROFILES = 10_000
BARRIER_TRIES = 3
"""A query's barrier can go by while it waits (shards keep two); it is asked again at the newest."""

Int64Array = npt.NDArray[np.int64]
NOBODY = np.zeros(0, np.int64)


class IncompleteAnswer(ShardLost):
    """A certificate does not add up: an answer would leave somebody out, so there is none."""


@dataclass(frozen=True, slots=True)
class _Asked(Generic[Answer]):
    """One batch on its way: for every shard asked, the rows it was given (None: all) and its handle.

    closed bool (shards, queries): routing found that none of the shard's cells can hold a full match of the query.
    """

    question: Question[Answer]
    queries: Sequence[Query]
    barrier: int
    placement: PlacementTable
    handles: Sequence[tuple[int, Int64Array | None, Handle]]
    closed: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Answered(Generic[Answer]):
    """One batch answered: of every shard asked the rows it was given (None: all) and its answer; certified."""

    queries: Sequence[Query]
    answers: Sequence[tuple[Int64Array | None, Answer]]
    certificates: Sequence[Certificate]


class Coordinator:
    """One thread loads and applies, any number match beside it. Implements ``engine.feeder.FedIndex``."""

    def __init__(
        self,
        shards: Sequence[ShardPort],
        taxonomy: Taxonomy,
        vocabulary: Vocabulary,
        *,
        generation: int = 1,
        weights: Weights = DEFAULT_WEIGHTS,
    ) -> None:
        if not shards:
            raise ValueError("shards: there must be at least one")
        self._shards, self._taxonomy, self._weights = list(shards), taxonomy, weights
        self._generation = generation
        self._cells = Cells(taxonomy)
        self._placement = pack(np.zeros(len(self._cells), np.int64), len(self._shards), version=0)
        self._population = Population(vocabulary, taxonomy, self._cells, len(self._shards))
        self._present: int | None = None
        self._changing = threading.Lock()

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of all users at this moment."""
        return self._population.vocabulary

    @property
    def weights(self) -> Weights:
        """The weights by which every query is scored."""
        return self._weights

    def crowd_tags(self) -> tuple[str, ...]:
        """Every crowd tag that a user ever carried."""
        return self._population.crowds.tags()

    @property
    def barrier(self) -> int | None:
        """The barrier that queries are asked at, or None while nobody is loaded."""
        return self._present

    def load(self, profiles: Iterable[Profile], barrier: int) -> int:
        """Replace everybody by these profiles and publish ``barrier``; returns the population.

        A repeated id counts once, the last wins. Cells are packed anew by their sizes.
        """
        with self._changing:
            self._present = None
            self._population.clear()
            columns = self._read(profiles)
            homes = self._cells.homes(columns)
            sizes = np.bincount(homes, minlength=len(self._cells))
            self._placement = pack(sizes, len(self._shards), version=self._placement.version + 1)
            placed = self._placement.shards_of(homes, columns.ids)
            self._population.settle(columns.ids, placed)
            setup = self._setup()
            for shard in self._shards:
                shard.reset(setup)
            shards = range(len(self._shards))
            self._publish(barrier, [(columns.take(np.flatnonzero(placed == s)), NOBODY) for s in shards])
            return len(columns)

    def apply(self, changes: Sequence[tuple[int, Profile | None]], barrier: int) -> None:
        """Put users or delete them (None), and publish ``barrier`` on every shard that does not publish it yet.

        Of a repeated id the last change wins. Raises ShardLost when a shard died; the others have published then, and
        ``restore_shard`` with ``replay_shard`` brings the lost one along.
        """
        with self._changing:
            latest = dict(changes)
            columns = self._population.put([profile for profile in latest.values() if profile is not None])
            placed = self._placement.shards_of(self._cells.homes(columns), columns.ids)
            gone = self._population.settle(columns.ids, placed)
            deleted = [user_id for user_id, profile in latest.items() if profile is None]
            for s, user_id in self._population.remove(deleted):
                gone[s].append(user_id)
            self._publish(
                barrier,
                [
                    (columns.take(np.flatnonzero(placed == s)), np.array(sorted(gone[s]), np.int64))
                    for s in range(len(self._shards))
                ],
            )

    def lost_shards(self) -> list[int]:
        """The shards that do not publish the present barrier (none before the first load)."""
        if self._present is None:
            return []
        return [s for s in range(len(self._shards)) if self._present not in self._published(s)]

    def restore_shard(self, shard_id: int) -> int | None:
        """Publish a lost shard's last snapshot again; its barrier, or None when there is none that can be used."""
        return self._shards[shard_id].restore(self._setup()) or None

    def replay_shard(self, shard_id: int, changes: Sequence[tuple[int, Profile | None]], barrier: int) -> None:
        """Bring one restored shard, and it alone, to ``barrier``: users of other shards are deleted from it."""
        with self._changing:
            latest = dict(changes)
            columns = self._population.put([profile for profile in latest.values() if profile is not None])
            placed = self._placement.shards_of(self._cells.homes(columns), columns.ids)
            here = np.flatnonzero(placed == shard_id)
            staying = set(columns.ids[here].tolist())
            gone = np.array(sorted(user_id for user_id in latest if user_id not in staying), np.int64)
            if barrier in self._published(shard_id):
                return
            shard = self._shards[shard_id]
            shard.collect_apply(shard.submit_apply(barrier, columns.take(here), gone))

    def snapshot(self) -> None:
        """Have every shard write its newest state to its folder."""
        for shard in self._shards:
            shard.snapshot()

    def stats(self) -> list[ShardStats]:
        """What every shard holds; a lost shard raises ShardLost."""
        return [shard.stats() for shard in self._shards]

    def match(self, queries: Sequence[Query], *, full_only: bool = False) -> list[MatchResult]:
        """Answer any number of queries in their order, each batch of 256 at one barrier.

        ``full_only`` leaves the partial tier out and asks only shards that can hold full matches.
        Raises ShardLost or UnknownBarrier (both Unavailable) while the shards are not whole; never answers without one.
        """
        question = FULL_TIER if full_only else BOTH_TIERS
        results: list[MatchResult] = []
        waiting: deque[_Asked[ShardAnswer]] = deque()
        remaining = iter(queries)

        def add_oldest() -> None:
            found = self._answers(waiting.popleft())
            limits = np.array([query.limit for query in found.queries], np.int64)
            results.extend(merge_answers(found.queries, limits, found.answers, found.certificates, full_only=full_only))

        while page := list(islice(remaining, MAX_BATCH)):
            waiting.append(self._ask(page, question))
            if len(waiting) == MAX_IN_FLIGHT:
                add_oldest()
        while waiting:
            add_oldest()
        return results

    def full_set(self, query: Query) -> FullSet:
        """Everybody in the full tier of a query at one barrier, whatever its limit; raises as ``match`` does."""
        found = self._answers(self._ask([query], FULL_SET))
        return FullSet(query.id, tuple(answer.ids for _, answer in found.answers), found.certificates[0])

    def count_reach(self, query: Query, wider: Query) -> tuple[Int64Array, Certificate]:
        """The columns of matching.reach at one barrier; ``wider``: the query widened. Raises as ``match`` does."""
        found = self._answers(self._ask([query], reach_of(self._compile([wider]))))
        counts = sum((answer.counts[0] for _, answer in found.answers), np.zeros(COLUMNS, np.int64))
        return counts, found.certificates[0]

    def _ask(self, queries: Sequence[Query], question: Question[Answer]) -> _Asked[Answer]:
        barrier, placement = self._present, self._placement
        if barrier is None:
            raise ShardLost("matching is paused: the shards are being loaded; try again in a few seconds")
        batch = self._compile(queries)
        closed = np.zeros((len(self._shards), len(queries)), np.bool_)
        if question.by_routing:
            for row, query in enumerate(queries):
                closed[:, row] = True
                closed[placement.shards_open(self._cells.open_for(query)), row] = False
        handles: list[tuple[int, Int64Array | None, Handle]] = []
        for s, shard in enumerate(self._shards):
            rows = np.flatnonzero(~closed[s])
            if len(rows) == len(queries):
                handles.append((s, None, question.submit(shard, batch, barrier)))
            elif len(rows):
                handles.append((s, rows, question.submit(shard, batch.select(rows.tolist()), barrier)))
        return _Asked(question, queries, barrier, placement, handles, closed)

    def _compile(self, queries: Sequence[Query]) -> CompiledBatch:
        return compile_queries(queries, self.vocabulary, self._taxonomy, self._population.crowds, self._weights)

    def _answers(self, asked: _Asked[Answer]) -> _Answered[Answer]:
        for _ in range(BARRIER_TRIES - 1):
            try:
                return self._collect(asked)
            except UnknownBarrier:
                if self._present in (None, asked.barrier):
                    raise
                asked = self._ask(asked.queries, asked.question)
        return self._collect(asked)

    def _collect(self, asked: _Asked[Answer]) -> _Answered[Answer]:
        """Wait for all shards and prove that nobody was forgotten."""
        answers = [(s, rows, asked.question.collect(self._shards[s], handle)) for s, rows, handle in asked.handles]
        populations = self._population.sizes(asked.barrier)
        closed_by_routing = populations @ asked.closed
        evaluated = np.zeros(len(asked.queries), np.int64)
        for s, rows, answer in answers:
            if answer.population != populations[s]:
                raise ShardLost(
                    f"shard {s} holds {answer.population} users and should hold {populations[s]}; it is being restored"
                )
            evaluated[slice(None) if rows is None else rows] += answer.population
        certificates = [
            Certificate(
                asked.barrier,
                asked.placement.version,
                self.vocabulary.version,
                int(seen),
                int(closed),
                int(populations.sum()),
            )
            for seen, closed in zip(evaluated, closed_by_routing, strict=True)
        ]
        if not all(certificate.is_complete() for certificate in certificates):
            raise IncompleteAnswer("some users were neither evaluated nor closed by routing: nothing of this is used")
        return _Answered(asked.queries, [(rows, answer) for _, rows, answer in answers], certificates)

    def _read(self, profiles: Iterable[Profile]) -> ProfileColumns:
        """Everybody as columns, each id once."""
        pages: list[ProfileColumns] = []
        remaining = iter(profiles)
        while page := list(islice(remaining, PAGE_PROFILES)):
            pages.append(self._population.put(list({profile.id: profile for profile in page}.values())))
        columns = concatenate(pages)
        last = {user_id: row for row, user_id in enumerate(columns.ids.tolist())}
        if len(last) < len(columns):
            columns = columns.take(np.array(sorted(last.values()), np.int64))
        return columns

    def _publish(self, barrier: int, parts: Sequence[tuple[ProfileColumns, Int64Array]]) -> None:
        """Cut ``barrier`` on all shards at once; every shard is waited for, also when one of them is lost."""
        self._population.note_sizes(barrier)
        pending = []
        lost: ShardLost | None = None
        for s, (upserts, deleted) in enumerate(parts):
            try:
                if barrier not in self._published(s):
                    pending.append((s, self._shards[s].submit_apply(barrier, upserts, deleted)))
            except ShardLost as error:
                lost = error
        for s, handle in pending:
            try:
                self._shards[s].collect_apply(handle)
            except ShardLost as error:
                lost = error
        if lost:
            raise lost
        self._present = barrier

    def _published(self, shard_id: int) -> Sequence[int]:
        try:
            return self._shards[shard_id].published()
        except ShardLost:
            return ()

    def _setup(self) -> ShardSetup:
        return ShardSetup(
            self._generation,
            self._placement.version,
            np.array(self._taxonomy.regions.parents, np.int32),
            np.array(self._taxonomy.industries.parents, np.int32),
        )
