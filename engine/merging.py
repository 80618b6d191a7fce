"""One answer out of many shards': counts add up, ranked tops are merged exactly, each with its certificate."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.ports import ShardAnswer
from engine.results import Certificate, MatchResult, RankedUsers
from matching.compilation import DIMENSIONS
from matching.query import Query
from matching.ranking import TIE_BITS, TIE_MASK, TIE_SHIFT, merge_tops

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
    full = _merge_tier(
        count, limits, [(rows, answer.full_starts, answer.full_keys, answer.full_ids) for rows, answer in answers]
    )
    partial = _merge_tier(
        count,
        limits,
        [(rows, answer.partial_starts, answer.partial_keys, answer.partial_ids) for rows, answer in answers],
    )
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
        )
        for q, query in enumerate(queries)
    ]


def _named_counts(query: Query, counts: Int64Array) -> dict[str, int]:
    named = query.dimensions()
    return {dimension: int(counts[place]) for place, dimension in enumerate(DIMENSIONS) if dimension in named}


def _merge_tier(
    count: int,
    limits: Int64Array,
    parts: Sequence[tuple[Int64Array | None, Int64Array, Int64Array, Int64Array]],
) -> list[RankedUsers]:
    """Bring every query's candidates of all shards together, then rank and cut them."""
    if not parts:
        nobody = RankedUsers(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32))
        return [nobody] * count
    owners = np.concatenate([_owners(rows, starts) for rows, starts, _, _ in parts])
    order = np.argsort(owners, kind="stable")
    keys = np.concatenate([part_keys for _, _, part_keys, _ in parts])[order]
    ids = np.concatenate([part_ids for _, _, _, part_ids in parts])[order]
    starts = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(owners, minlength=count), out=starts[1:])
    merged_starts, merged_keys, merged_ids = merge_tops(starts, keys, ids, limits)
    scores = (merged_keys >> TIE_BITS).astype(np.int32)
    ties = ((merged_keys & TIE_MASK) - TIE_SHIFT).astype(np.int32)
    return [
        RankedUsers(merged_ids[first:end], scores[first:end], ties[first:end])
        for first, end in zip(merged_starts[:-1].tolist(), merged_starts[1:].tolist(), strict=True)
    ]


def _owners(rows: Int64Array | None, starts: Int64Array) -> Int64Array:
    """The query of every candidate of one shard."""
    asked = np.arange(len(starts) - 1) if rows is None else rows
    return np.repeat(asked, np.diff(starts))
