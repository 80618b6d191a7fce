"""Both tiers at once, with all counts.

The partial tier is everybody who satisfies a dimension or hits a keyword group, and is not full. Counting is bits over
blocks. Ranking scores only users who can still be among the best: for each choice of satisfied dimensions the sum of group
weights that is needed to pass the door of the top is one comparison on the slices.
"""

import math

import numpy as np
import numpy.typing as npt

from matching.full import NO, YES, fill_dimension, fill_keywords, offer_users, prepare_query
from matching.index.bits import count_bits
from matching.index.geogrid import Grid
from matching.index.jit import kernel
from matching.index.planes import BLOCK_WORDS, count_both, mark_at_least
from matching.index.postings import Lists
from matching.index.scratch import Scratch
from matching.index.segment_arrays import BatchArrays, People
from matching.ranking import DOOR_KEY, TIE_BITS

Words = npt.NDArray[np.uint64]
Int64Array = npt.NDArray[np.int64]


@kernel
def match_both(
    lists: Lists,
    people: People,
    grid: Grid,
    batch: BatchArrays,
    q: int,
    visible: Words,
    scratch: Scratch,
    dimension_counts: Int64Array,
) -> tuple[int, int]:
    """Count both tiers of query ``q`` and push their users to both tops; returns (full, partial) users."""
    groups, total, bits = prepare_query(lists, people, grid, batch, q, scratch)
    named = batch.named[q]
    base = 0
    for dimension in range(1, 4):
        if named & (1 << dimension):
            base += batch.weights[dimension]
    circle = np.int64(NO if math.isnan(batch.near[q, 2]) else YES)
    full_count = 0
    partial_count = 0
    words = len(visible)
    for word in range(0, words, BLOCK_WORDS):
        length = min(BLOCK_WORDS, words - word)
        seen = visible[word : word + length]
        touched = False
        if groups > 0:
            touched |= fill_keywords(lists, batch, q, groups, bits, scratch, word, length)
        touched |= fill_dimension(lists, scratch, groups, np.int64(NO), word, length, scratch.industry)
        touched |= fill_dimension(lists, scratch, groups + 1, circle, word, length, scratch.region)
        touched |= fill_dimension(lists, scratch, groups + 2, np.int64(NO), word, length, scratch.crowd)
        if not touched:
            continue
        _tiers(seen, named, bits, length, scratch)
        if named & 1:
            dimension_counts[0] += count_both(scratch.keyword, seen, length)
        if named & 2:
            dimension_counts[1] += count_both(scratch.industry, seen, length)
        if named & 4:
            dimension_counts[2] += count_both(scratch.region, seen, length)
        if named & 8:
            dimension_counts[3] += count_both(scratch.crowd, seen, length)
        in_full = count_bits(scratch.full, length)
        in_part = count_bits(scratch.any_group, length)
        full_count += in_full
        partial_count += in_part
        if in_full > 0:
            _choose(scratch.full, base, np.int64(NO), total, bits, length, batch.weights, scratch, scratch.full_state)
            offer_users(
                people, batch.origin[q], scratch.chosen, word, length, base, bits, np.int64(NO), batch.weights,
                scratch, scratch.full_state, scratch.full_keys, scratch.full_ids,
            )  # fmt: skip
        if in_part > 0:
            _choose(scratch.any_group, np.int64(0), np.int64(YES), total, bits, length, batch.weights, scratch, scratch.partial_state)
            offer_users(
                people, batch.origin[q], scratch.chosen, word, length, np.int64(0), bits, np.int64(YES), batch.weights,
                scratch, scratch.partial_state, scratch.partial_keys, scratch.partial_ids,
            )  # fmt: skip
    return full_count, partial_count


@kernel
def _tiers(seen: Words, named: int, bits: int, length: int, scratch: Scratch) -> None:
    """The full tier in ``scratch.full``, the partial tier in ``scratch.any_group``."""
    for i in range(length):
        scratch.full[i] = seen[i]
        scratch.any_group[i] = scratch.industry[i] | scratch.region[i] | scratch.crowd[i]
    if named & 1:
        for i in range(length):
            scratch.full[i] &= scratch.keyword[i]
    if named & 2:
        for i in range(length):
            scratch.full[i] &= scratch.industry[i]
    if named & 4:
        for i in range(length):
            scratch.full[i] &= scratch.region[i]
    if named & 8:
        for i in range(length):
            scratch.full[i] &= scratch.crowd[i]
    for bit in range(bits):
        for i in range(length):
            scratch.any_group[i] |= scratch.slices[bit, i]
    for i in range(length):
        scratch.any_group[i] &= seen[i] & ~scratch.full[i]


@kernel
def _choose(
    tier: Words,
    base: int,
    mixed: int,
    total: int,
    bits: int,
    length: int,
    weights: Int64Array,
    scratch: Scratch,
    state: Int64Array,
) -> None:
    """Mark in ``scratch.chosen`` the users of a tier whose score can pass the door of its top.

    A choice of dimensions stands for everybody who satisfies at least these: who satisfies more needs no larger sum.
    """
    wanted = (state[DOOR_KEY] >> TIE_BITS) - base
    if wanted <= 0:
        for i in range(length):
            scratch.chosen[i] = tier[i]
        return
    for i in range(length):
        scratch.chosen[i] = 0
    for choice in range(8 if mixed == YES else 1):
        sure = 0
        for dimension in range(3):
            if choice & (1 << dimension):
                sure += weights[dimension + 1]
        needed = 0
        while needed <= total and scratch.points[needed] < wanted - sure:
            needed += 1
        if needed > total:
            continue
        if needed == 0:
            for i in range(length):
                scratch.plane[i] = tier[i]
        else:
            mark_at_least(scratch.slices, bits, needed, scratch.plane, scratch.carry, length)
            for i in range(length):
                scratch.plane[i] &= tier[i]
        if choice & 1:
            for i in range(length):
                scratch.plane[i] &= scratch.industry[i]
        if choice & 2:
            for i in range(length):
                scratch.plane[i] &= scratch.region[i]
        if choice & 4:
            for i in range(length):
                scratch.plane[i] &= scratch.crowd[i]
        for i in range(length):
            scratch.chosen[i] |= scratch.plane[i]
