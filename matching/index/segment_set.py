"""All users of a shard: immutable segments, a live bit for each user, and a small delta rebuilt at barriers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matching.compilation import CompiledBatch
from matching.index.columns import ProfileColumns, concatenate
from matching.index.locality import locality_order
from matching.index.match_batch import COUNTS, FULL, PARTIAL, SETS, batch_arrays, match_batch, most_keys
from matching.index.merging import Merged, MergeJob, Shape, plan_merge
from matching.index.parts import Part
from matching.index.postings import block_shift
from matching.index.reach import count_reach
from matching.index.scratch import rows_for_sets, scratch_for
from matching.index.segment import MAX_USERS, Segment, Trees
from matching.index.segment_arrays import Answer
from matching.index.threads import over_parts
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


_NO_ROWS = np.zeros(0, np.uint32)
DELTA_USERS = 16_384
"""A delta above this becomes a segment."""


@dataclass(frozen=True, slots=True, eq=False)
class SegmentSetState:
    """What one barrier publishes; immutable, so matching needs no lock. The delta, if there is one, is last.

    threads: how many work on the parts of one question at once.
    """

    parts: tuple[Part, ...]
    population: int
    threads: int = 1

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

        # Floors only rise, and whichever of two threads writes one last, it holds: no lock is needed.
        def ask(part: Part) -> Answer:
            words = len(part.visible)
            return match_batch(
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
                rows_for_sets() if wanted & SETS else _NO_ROWS,
            )

        return over_parts(ask, self.parts, self.threads)


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
    """The writer's side: applies changes and cuts states. One thread writes.

    ``apply`` builds no more than the delta and what it is handed. Everything larger is a job (``next_job``) that may be
    built in any thread; ``take_in`` swaps its outcome in, between one state and the next.
    """

    def __init__(
        self,
        trees: Trees,
        parts: Sequence[Part] = (),
        *,
        delta: bool = False,
        delta_users: int = DELTA_USERS,
        segment_users: int = MAX_USERS,
        threads: int = 1,
    ) -> None:
        """``parts``: what a snapshot held; ``delta``: the last of them is the delta. Bounds are smaller in tests.

        ``threads``: how many work on the parts of one question at once.
        """
        if not 1 <= segment_users <= MAX_USERS or delta_users < 0:
            raise ValueError(f"segment_users must be in 1..{MAX_USERS:,} and delta_users not negative")
        self._trees = trees
        self._delta_users = delta_users
        self._segment_users = segment_users
        self._threads = threads
        self._base = list(parts[:-1] if delta else parts)
        self._delta = parts[-1] if delta else None
        self._to_sort: list[Segment] = []

    def apply(self, upserts: ProfileColumns, deleted_ids: Int64Array) -> None:
        """Replace or add the users of ``upserts`` (unique ids) and remove ``deleted_ids``.

        Who keeps his words is written where he is; everybody else goes into the delta.
        """
        upserts = upserts.writable()
        fresh = np.ones(len(upserts), np.bool_)
        self._base = [_write(part, upserts, fresh) for part in self._base]
        delta = _write(self._delta, upserts, fresh) if self._delta else None
        columns = upserts if fresh.all() else upserts.take(np.flatnonzero(fresh))
        gone = np.concatenate([columns.ids, deleted_ids])
        self._base = [left for part in self._base if (left := part.without(gone)).population()]
        self._delta = self._renewed(delta.without(gone) if delta else None, columns)

    def state(self) -> SegmentSetState:
        """The present state, to be published."""
        parts = tuple(self._base) + ((self._delta,) if self._delta else ())
        return SegmentSetState(parts, sum(part.population() for part in parts), self._threads)

    @property
    def delta_users(self) -> int:
        """Users in the delta."""
        return self._delta.population() if self._delta else 0

    def next_job(self) -> MergeJob | None:
        """The next merge to do on the parts as they are now, or None. Until it is taken in no other one may be made."""
        self._to_sort = [segment for segment in self._to_sort if _same(self._base, segment)]
        shapes = [
            Shape(
                len(part.segment),
                part.population(),
                len(part.segment.grid.moved),
                any(part.segment.is_same_as(segment) for segment in self._to_sort),
            )
            for part in self._base
        ]
        plan = plan_merge(shapes, self._segment_users)
        if plan is None:
            return None
        return MergeJob(tuple(self._base[plan.first : plan.end]), plan, self._trees)

    def take_in(self, merged: Merged) -> bool:
        """Swap a finished merge in for its parts, in one step, after what befell their users meanwhile.

        False when nothing of its parts is here any longer: then nothing changes.
        """
        sources = merged.job.parts
        present = [_same(self._base, source.segment) for source in sources]
        here = [part for part in present if part is not None]
        if not here:
            return False
        part = merged.part
        for source, now in zip(sources, present, strict=True):
            part = part.caught_up(source, now)
        place = next(i for i, one in enumerate(self._base) if one is here[0])
        self._base = [one for one in self._base if not any(one is old for old in here)]
        if part.population():
            self._base.insert(place, part)
        gone = [source.segment for source in sources]
        self._to_sort = [one for one in self._to_sort if not any(one.is_same_as(old) for old in gone)]
        return True

    def merge_now(self) -> int:
        """Do here and now whatever there is to merge; returns how many merges that were."""
        merges = 0
        while job := self.next_job():
            self.take_in(job.build())
            merges += 1
        return merges

    def resort(self) -> None:
        """Have every segment of the present sorted anew by the jobs to come, one segment a job."""
        self._to_sort = [part.segment for part in self._base]

    def _renewed(self, delta: Part | None, columns: ProfileColumns) -> Part | None:
        """The delta with some more users; one that has grown too large becomes segments."""
        if not len(columns):
            return delta if delta and delta.population() else None
        if delta and delta.population():
            columns = concatenate([delta.columns(), columns])
        if len(columns) <= self._delta_users:
            return Part.of(Segment.build(columns, self._trees))
        # Users of one region and industry come to stand near each other.
        order = locality_order(columns, self._trees.region_parents)
        for first in range(0, len(order), self._segment_users):
            rows = order[first : first + self._segment_users]
            self._base.append(Part.of(Segment.build(columns.take(rows), self._trees)))
        return None


def _write(part: Part, upserts: ProfileColumns, fresh: npt.NDArray[np.bool_]) -> Part:
    """The part with those of ``upserts`` whom it can write; they are cleared in ``fresh``."""
    written, places = part.written(upserts)
    fresh[places] = False
    return written


def _same(parts: Sequence[Part], segment: Segment) -> Part | None:
    return next((part for part in parts if part.segment.is_same_as(segment)), None)
