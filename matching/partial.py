"""Both tiers at once, with all counts.

The partial tier is everybody who satisfies a dimension or hits a keyword group, and is not full. Counting is bits over
blocks; the block that promises most comes first, so that the door of the top stands high when the others come.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import math

import numpy as np
import numpy.typing as npt

from matching.full import fill_dimension, fill_keywords, prepare_query
from matching.index.bits import count_bits
from matching.index.geogrid import Grid
from matching.index.jit import kernel
from matching.index.offering import NO, YES, offer_tier, set_scoring
from matching.index.planes import BLOCK_WORDS, assign, count_both, intersect, unite
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
        _count_dimensions(seen, named, length, scratch, dimension_counts)
        in_full = count_bits(scratch.full, length)
        in_part = count_bits(scratch.any_group, length)
        full_count += in_full
        partial_count += in_part
        if in_full > 0:
            set_scoring(scratch, base, total, bits, 0, batch.weights)
            offer_tier(
                people, batch.origin[q], scratch.full, word, length,
                scratch, scratch.full_state, scratch.full_keys, scratch.full_ids,
            )  # fmt: skip
        if in_part > 0:
            set_scoring(scratch, 0, total, bits, named >> 1, batch.weights)
            offer_tier(
                people, batch.origin[q], scratch.any_group, word, length,
                scratch, scratch.partial_state, scratch.partial_keys, scratch.partial_ids,
            )  # fmt: skip
    return full_count, partial_count


@kernel
def _promising_block(lists: Lists, scratch: Scratch, groups: int, blocks: int) -> int:
    """The block in the middle of the region's longest list of postings, else the first: neighbours share blocks."""
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
    full, some = scratch.full, scratch.any_group
    assign(full, seen, length)
    assign(some, scratch.industry, length)
    unite(some, scratch.region, length)
    unite(some, scratch.crowd, length)
    for bit in range(bits):
        unite(some, scratch.slices[bit], length)
    if named & 1:
        intersect(full, scratch.keyword, length)
    if named & 2:
        intersect(full, scratch.industry, length)
    if named & 4:
        intersect(full, scratch.region, length)
    if named & 8:
        intersect(full, scratch.crowd, length)
    for i in range(length):
        some[i] &= seen[i] & ~full[i]


@kernel
def _count_dimensions(seen: Words, named: int, length: int, scratch: Scratch, counts: Int64Array) -> None:
    if named & 1:
        counts[0] += count_both(scratch.keyword, seen, length)
    if named & 2:
        counts[1] += count_both(scratch.industry, seen, length)
    if named & 4:
        counts[2] += count_both(scratch.region, seen, length)
    if named & 8:
        counts[3] += count_both(scratch.crowd, seen, length)
