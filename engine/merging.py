"""One answer out of many shards': counts add up, ranked tops are merged exactly, each with its certificate."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.ports import ShardAnswer
from engine.results import Certificate, MatchResult, RankedUsers
from matching.compilation import DIMENSIONS
from matching.query import Query
from matching.ranking import join_tops, unpack_keys

Int64Array = npt.NDArray[np.int64]
Answers = Sequence[tuple[Int64Array | None, ShardAnswer]]
"""For every shard asked: the queries it was given (None: all of them) and what it answered."""


def merge_answers(
    queries: Sequence[Query],
    limits: Int64Array,
    answers: Answers,
    certificates: Sequence[Certificate],
    *,
    full_only: bool,
) -> list[MatchResult]:
    """Merge the shards' answers to one batch, in the order of ``queries``."""
    count = len(queries)
    full_counts, partial_counts = np.zeros(count, np.int64), np.zeros(count, np.int64)
    dimension_counts = np.zeros((count, len(DIMENSIONS)), np.int64)
    for rows, answer in answers:
        of_rows = slice(None) if rows is None else rows
        full_counts[of_rows] += answer.full_counts
        partial_counts[of_rows] += answer.partial_counts
        dimension_counts[of_rows] += answer.dimension_counts
    full = _ranked(count, limits, [(rows, each.full_starts, each.full_keys, each.full_ids) for rows, each in answers])
    partial = _ranked(
        count, limits, [(rows, each.partial_starts, each.partial_keys, each.partial_ids) for rows, each in answers]
    )
    shard_us = tuple((answer.shard_id, answer.took_us) for _, answer in answers)
    return [
        MatchResult(
            order=query.id,
            full_count=int(full_counts[q]),
            partial_count=int(partial_counts[q]),
            full=full[q],
            partial=partial[q],
            dimension_counts={} if full_only else _named_counts(query, dimension_counts[q]),
            certificate=certificates[q],
            full_only=full_only,
            shard_us=shard_us,
        )
        for q, query in enumerate(queries)
    ]


def _named_counts(query: Query, counts: Int64Array) -> dict[str, int]:
    named = query.dimensions()
    return {dimension: int(counts[place]) for place, dimension in enumerate(DIMENSIONS) if dimension in named}


def _ranked(
    count: int,
    limits: Int64Array,
    parts: Sequence[tuple[Int64Array | None, Int64Array, Int64Array, Int64Array]],
) -> list[RankedUsers]:
    """Bring every query's candidates of all shards together, rank and cut them."""
    if not parts:
        nobody = RankedUsers(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32))
        return [nobody] * count
    tops = [(_starts_of_all(count, rows, starts), keys, ids) for rows, starts, keys, ids in parts]
    starts, keys, ids = join_tops(tops, limits)
    scores, ties = unpack_keys(keys)
    return [
        RankedUsers(ids[first:end], scores[first:end], ties[first:end])
        for first, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
    ]


def _starts_of_all(count: int, rows: Int64Array | None, starts: Int64Array) -> Int64Array:
    """The bounds of a shard's candidates for all queries, none where it was not asked."""
    if rows is None:
        return starts
    lengths = np.zeros(count, np.int64)
    lengths[rows] = np.diff(starts)
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
