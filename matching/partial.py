"""Both tiers at once, with all counts.

The partial tier is everybody who satisfies a dimension or hits a keyword group, and is not full. Counting is bits over
blocks; the block that promises most comes first, so that the door of the top stands high when the others come.
"""

import math

import numpy as np
import numpy.typing as npt

from matching.full import fill_dimension, fill_keywords, prepare_query
from matching.index.bits import count_bits
from matching.index.geogrid import Grid
from matching.index.jit import kernel
from matching.index.offering import NO, YES, offer_tier
from matching.index.planes import BLOCK_WORDS, count_both
from matching.index.postings import Lists
from matching.index.scratch import Scratch
from matching.index.segment_arrays import BatchArrays, People

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
    graded = np.int64(named >> 1)
    circle = np.int64(NO if math.isnan(batch.near[q, 2]) else YES)
    full_count = 0
    partial_count = 0
    words = len(visible)
    blocks = (words + BLOCK_WORDS - 1) // BLOCK_WORDS
    promising = _promising_block(lists, scratch, groups, blocks)
    for turn in range(blocks):
        block = promising + turn
        if block >= blocks:
            block -= blocks
        if block == 0:
            for k in range(scratch.firsts[groups + 3]):
                scratch.cursors[k] = scratch.beginnings[k]
        word = block * BLOCK_WORDS
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
            offer_tier(
                people, batch, q, scratch.full, word, length, base, total, bits, np.int64(NO),
                scratch, scratch.full_state, scratch.full_keys, scratch.full_ids,
            )  # fmt: skip
        if in_part > 0:
            offer_tier(
                people, batch, q, scratch.any_group, word, length, np.int64(0), total, bits, graded,
                scratch, scratch.partial_state, scratch.partial_keys, scratch.partial_ids,
            )  # fmt: skip
    return full_count, partial_count


@kernel
def _promising_block(lists: Lists, scratch: Scratch, groups: int, blocks: int) -> int:
    """The block in the middle of the region's longest list of postings, else the first: neighbours live in one block."""
    longest = 0
    block = np.int64(0)
    for k in range(scratch.firsts[groups + 1], scratch.firsts[groups + 2]):
        length = scratch.ends[k] - scratch.cursors[k]
        if scratch.rows[k] < 0 and length > longest:
            longest = length
            block = np.int64(lists.postings[scratch.cursors[k] + length // 2]) // (BLOCK_WORDS * 64)
    return min(block, blocks - 1)


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
        of_bit = scratch.slices[bit]
        for i in range(length):
            scratch.any_group[i] |= of_bit[i]
    for i in range(length):
        scratch.any_group[i] &= seen[i] & ~scratch.full[i]
