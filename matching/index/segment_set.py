"""All users of a shard: immutable segments, a live bit for each user, and a small delta rebuilt at barriers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from matching.compilation import CompiledBatch
from matching.index.bits import Words, count_bits, pack_bits, unpack_bits
from matching.index.columns import ProfileColumns, concatenate, empty_columns
from matching.index.match_batch import COUNTS, FULL, PARTIAL, SETS, batch_arrays, match_batch, most_keys
from matching.index.postings import block_shift
from matching.index.reach import count_reach
from matching.index.scratch import scratch_for
from matching.index.segment import MAX_USERS, Segment, Trees
from matching.index.segment_arrays import Answer
from matching.ranking import join_tops
from matching.reach import COLUMNS

Int64Array = npt.NDArray[np.int64]


class FullSets(NamedTuple):
    """Query q's users are ``ids[starts[q] : starts[q + 1]]``: external ids, in no order; starts int64 (queries + 1)."""

    starts: Int64Array
    ids: Int64Array


class FullRows(NamedTuple):
    """One segment's share of full tiers, packed: query q's users are ``rows[starts[q] : starts[q + 1]]``.

    starts int64 (queries + 1); rows uint32, in no order, places in ``ids`` int64, the external ids of the segment.
    """

    starts: Int64Array
    rows: npt.NDArray[np.uint32]
    ids: Int64Array


DELTA_USERS = 16_384
"""A delta above this becomes a segment."""
MERGE_RATIO = 4
"""A segment is merged with its elder when it is at least one part in so many of it."""
COARSE_DEGREES = 2.0
"""Users of one region are ordered by squares of this size: for a district it is one place, for a country many."""
MIN_LIVE_PART = 0.5
"""A segment of which fewer users live is rewritten."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A segment and which of its users are live (not replaced or deleted since); ``visible`` are live and available."""

    segment: Segment
    live: Words
    visible: Words

    @classmethod
    def of(cls, segment: Segment) -> Self:
        """Everybody lives."""
        return cls.with_live(segment, pack_bits(np.ones(len(segment), np.bool_)))

    @classmethod
    def with_live(cls, segment: Segment, live: Words) -> Self:
        """Some live."""
        return cls(segment, live, live & segment.available)

    def without(self, ids: Int64Array) -> "Part":
        """The same without some users; the part itself when none of them lives here."""
        rows = self.segment.find(ids)
        rows = rows[(self.live[rows >> 6] >> (rows & 63).astype(np.uint64)) & np.uint64(1) == 1]
        if not len(rows):
            return self
        live = self.live.copy()
        np.bitwise_and.at(live, rows >> 6, ~(np.uint64(1) << (rows & 63).astype(np.uint64)))
        return Part.with_live(self.segment, live)

    def population(self) -> int:
        """Users who live here."""
        return count_bits(self.live, len(self.live))

    def columns(self) -> ProfileColumns:
        """The users who live here, in order."""
        rows = np.flatnonzero(unpack_bits(self.live, len(self.segment)))
        return self.segment.columns if len(rows) == len(self.segment) else self.segment.columns.take(rows)


@dataclass(frozen=True, slots=True, eq=False)
class SegmentSetState:
    """What one barrier publishes; immutable, so matching needs no lock. The delta, if there is one, is last."""

    parts: tuple[Part, ...]
    population: int

    def match(self, batch: CompiledBatch, *, full_only: bool = False) -> Answer:
        """Answer a batch: counts add over parts, tops are joined and cut at each query's limit (in order)."""
        return self._answer(batch, FULL if full_only else FULL | PARTIAL | COUNTS)

    def match_partial(self, batch: CompiledBatch) -> Answer:
        """The best of the partial tier alone, without any counts."""
        return self._answer(batch, PARTIAL)

    def full_sets(self, batch: CompiledBatch) -> FullSets:
        """Everybody in the full tier of every query, whatever its limit."""
        return join_sets([(part.starts, part.ids[part.rows]) for part in self.full_rows(batch)], len(batch))

    def full_rows(self, batch: CompiledBatch) -> list[FullRows]:
        """The same, packed and segment by segment: whoever passes them on looks ids up as far as he needs them."""
        answers = self._answers(batch, SETS)
        return [
            FullRows(answer.full_starts, answer.full_rows, part.segment.people.ids)
            for part, answer in zip(self.parts, answers, strict=True)
        ]

    def count_reach(self, batch: CompiledBatch, wider: CompiledBatch) -> Int64Array:
        """The counts of matching.reach, int64 (queries, COLUMNS); ``wider``: the same queries widened."""
        counts = np.zeros((len(batch), COLUMNS), np.int64)
        arrays, wider_arrays = batch_arrays(batch), batch_arrays(wider)
        most = max(most_keys(batch), most_keys(wider))
        for part in self.parts:
            words = len(part.visible)
            scratch = scratch_for(words, most, 1)
            counts += count_reach(
                part.segment.lists,
                part.segment.people,
                part.segment.grid,
                arrays,
                wider_arrays,
                part.visible,
                block_shift(words),
                scratch.keys,
                np.empty_like(scratch.keys),
                scratch.query,
                np.empty_like(scratch.query),
            )
        return counts

    def _answer(self, batch: CompiledBatch, wanted: int) -> Answer:
        return join_answers(self._answers(batch, wanted), batch.writable().limits)

    def _answers(self, batch: CompiledBatch, wanted: int) -> list[Answer]:
        arrays = batch_arrays(batch)
        full_floors = np.full(len(batch), -1, np.int64)
        partial_floors = np.full(len(batch), -1, np.int64)
        keys = most_keys(batch)
        highest_limit = int(batch.limits.max(initial=0))
        answers = []
        for part in self.parts:
            words = len(part.visible)
            answers.append(
                match_batch(
                    part.segment.lists,
                    part.segment.people,
                    part.segment.grid,
                    arrays,
                    part.visible,
                    block_shift(words),
                    wanted,
                    full_floors,
                    partial_floors,
                    scratch_for(words, keys, highest_limit),
                )
            )
        return answers


def join_answers(answers: Sequence[Answer], limits: Int64Array) -> Answer:
    """Add counts and join tops, best first, cut at the limits; ``answers`` may be empty."""
    queries = len(limits)
    return Answer(
        sum((answer.full_counts for answer in answers), np.zeros(queries, np.int64)),
        sum((answer.partial_counts for answer in answers), np.zeros(queries, np.int64)),
        sum((answer.dimension_counts for answer in answers), np.zeros((queries, 4), np.int64)),
        *join_tops([(answer.full_starts, answer.full_keys, answer.full_ids) for answer in answers], limits),
        *join_tops([(answer.partial_starts, answer.partial_keys, answer.partial_ids) for answer in answers], limits),
        np.zeros(0, np.uint32),
    )


def join_sets(parts: Sequence[tuple[Int64Array, Int64Array]], queries: int) -> FullSets:
    """The sets of several segments as one; ``parts`` (starts, ids) may be empty."""
    if len(parts) == 1:
        return FullSets(*parts[0])
    starts = np.zeros(queries + 1, np.int64)
    for part_starts, _ in parts:
        starts += part_starts
    ids = np.empty(int(starts[-1]), np.int64)
    ends = starts[:-1].copy()
    for part_starts, part_ids in parts:
        lengths = np.diff(part_starts)
        ids[np.repeat(ends - part_starts[:-1], lengths) + np.arange(len(part_ids))] = part_ids
        ends += lengths
    return FullSets(starts, ids)


class SegmentSet:
    """The writer's side: applies changes and cuts states. One thread writes."""

    def __init__(
        self,
        trees: Trees,
        parts: Sequence[Part] = (),
        *,
        delta: bool = False,
        delta_users: int = DELTA_USERS,
        segment_users: int = MAX_USERS,
    ) -> None:
        """``parts``: what a snapshot held; ``delta``: the last of them is the delta. Bounds are smaller in tests."""
        if not 1 <= segment_users <= MAX_USERS or delta_users < 0:
            raise ValueError(f"segment_users must be in 1..{MAX_USERS:,} and delta_users not negative")
        self._trees = trees
        self._delta_users = delta_users
        self._segment_users = segment_users
        self._base = list(parts[:-1] if delta else parts)
        self._delta = parts[-1] if delta else None

    def apply(self, upserts: ProfileColumns, deleted_ids: Int64Array) -> None:
        """Replace or add the users of ``upserts`` (unique ids) and remove ``deleted_ids``."""
        upserts = upserts.writable()
        gone = np.concatenate([upserts.ids, deleted_ids])
        self._base = [part.without(gone) for part in self._base]
        kept = self._delta.without(gone).columns() if self._delta else empty_columns()
        columns = concatenate([kept, upserts]) if len(kept) else upserts
        self._delta = None
        if len(columns) > self._delta_users:
            self._add_base(columns)
        elif len(columns):
            self._delta = Part.of(Segment.build(columns, self._trees))
        self._tidy()

    def state(self) -> SegmentSetState:
        """The present state, to be published."""
        parts = tuple(self._base) + ((self._delta,) if self._delta else ())
        return SegmentSetState(parts, sum(part.population() for part in parts))

    @property
    def delta_users(self) -> int:
        """Users in the delta."""
        return self._delta.population() if self._delta else 0

    def _add_base(self, columns: ProfileColumns) -> None:
        """Cut columns into segments, users of one region and industry near each other."""
        order = locality_order(columns)
        for first in range(0, len(order), self._segment_users):
            rows = order[first : first + self._segment_users]
            self._base.append(Part.of(Segment.build(columns.take(rows), self._trees)))

    def _tidy(self) -> None:
        """Drop dead segments, rewrite half-dead ones, and merge the youngest while it is not much smaller than its
        elder, so that the number of segments stays logarithmic.
        """
        tidied: list[Part] = []
        for part in self._base:
            population = part.population()
            if population == 0:
                continue
            if population < MIN_LIVE_PART * len(part.segment):
                part = Part.of(Segment.build(part.columns(), self._trees))
            tidied.append(part)
            while len(tidied) > 1 and self._should_merge(tidied[-2], tidied[-1]):
                younger, elder = tidied.pop(), tidied.pop()
                joined = concatenate([elder.columns(), younger.columns()])
                tidied.append(Part.of(Segment.build(joined, self._trees)))
        self._base = tidied

    def _should_merge(self, elder: Part, younger: Part) -> bool:
        of_elder, of_younger = elder.population(), younger.population()
        return of_elder + of_younger <= self._segment_users and of_younger * MERGE_RATIO >= of_elder


def locality_order(columns: ProfileColumns) -> Int64Array:
    """Rows sorted by first region, then coarse place, then first industry: neighbours share cache lines and a bound of
    their distance; no result depends on it.
    """
    latitudes, longitudes = np.nan_to_num(columns.latitudes, nan=90.0), np.nan_to_num(columns.longitudes, nan=180.0)
    places = np.floor(latitudes / COARSE_DEGREES).astype(np.int32) * 360 + np.floor(longitudes / COARSE_DEGREES).astype(
        np.int32
    )
    return np.lexsort(
        (
            _first(columns.industry_starts, columns.industries),
            places,
            _first(columns.region_starts, columns.regions),
        )
    )


def _first(starts: Int64Array, flat: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    firsts = np.full(len(starts) - 1, -1, np.int32)
    some = starts[1:] > starts[:-1]
    firsts[some] = flat[starts[:-1][some]]
    return firsts
