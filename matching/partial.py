"""Both tiers at once, with all counts.

The partial tier is everybody who satisfies a dimension or hits a keyword group, and is not full. Counting is bits over
blocks; the block that promises most comes first, so that the door of the top stands high when the others come.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import math

import numpy as np
import numpy.typing as npt

from matching.full import fill_keywords, prepare_query, sum_of_dimensions
from matching.index.bits import count_bits
from matching.index.geogrid import Grid
from matching.index.jit import kernel
from matching.index.offering import NO, YES, offer_tier, set_scoring
from matching.index.planes import BLOCK_WORDS, assign, count_both, fill_plane, intersect, unite
from matching.index.postings import Lists
from matching.index.scratch import (
    BEGINNINGS,
    CIRCLE,
    CROWD,
    CURSORS,
    ENDS,
    FIRSTS,
    FULL,
    FULL_IDS,
    FULL_KEYS,
    FULL_TOP,
    INDUSTRY,
    KEYWORD,
    PARTIAL_IDS,
    PARTIAL_KEYS,
    PARTIAL_TOP,
    REGION,
    ROWS,
    SOME,
    Scratch,
)
from matching.index.segment_arrays import BatchArrays, People

Words = npt.NDArray[np.uint64]
Int64Array = npt.NDArray[np.int64]

_PROBES = 8


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
    keys, query, planes, slices = scratch.keys, scratch.query, scratch.planes, scratch.slices
    postings, bitmaps, circle = lists.postings, lists.bitmaps, scratch.wide[CIRCLE]
    full, some = planes[FULL], planes[SOME]
    full_state, full_keys, full_ids = scratch.states[FULL_TOP], scratch.tops[FULL_KEYS], scratch.tops[FULL_IDS]
    part_state, part_keys, part_ids = scratch.states[PARTIAL_TOP], scratch.tops[PARTIAL_KEYS], scratch.tops[PARTIAL_IDS]
    first_plane = batch.plane_starts[q]
    group_weights = batch.plane_weights[first_plane : first_plane + groups]
    origin, has_circle = batch.origin[q], np.int64(NO if math.isnan(batch.near[q, 2]) else YES)
    named, at_least = np.int64(batch.named[q]), np.int64(batch.at_least[q])
    base = sum_of_dimensions(named, batch.weights)
    full_count, part_count = 0, 0
    words = len(visible)
    blocks = (words + BLOCK_WORDS - 1) // BLOCK_WORDS
    first, end = query[FIRSTS, groups + 1], query[FIRSTS, groups + 2]
    promising = _promising_block(postings, bitmaps, circle, keys, first, end, has_circle, words)
    for turn in range(blocks):
        block = promising + turn
        if block >= blocks:
            block -= blocks
        if block == 0:
            for k in range(query[FIRSTS, groups + 3]):
                keys[CURSORS, k] = keys[BEGINNINGS, k]
        word = block * BLOCK_WORDS
        length = min(BLOCK_WORDS, words - word)
        seen = visible[word : word + length]
        touched = has_circle == YES
        if groups > 0:
            touched |= fill_keywords(
                postings,
                bitmaps,
                group_weights,
                at_least,
                bits,
                keys,
                query,
                planes,
                slices,
                scratch.hits,
                word,
                length,
            )
        for d in range(3):
            first, end = query[FIRSTS, groups + d], query[FIRSTS, groups + d + 1]
            touched |= fill_plane(postings, bitmaps, keys, first, end, word, length, planes[INDUSTRY + d])
        if has_circle == YES:
            unite(planes[REGION], circle[word : word + length], length)
        if not touched:
            continue
        _tiers(seen, named, bits, length, planes, slices, dimension_counts)
        in_full, in_part = count_bits(full, length), count_bits(some, length)
        full_count += in_full
        part_count += in_part
        if in_full > 0:
            set_scoring(query, base, total, bits, np.int64(0), batch.weights)
            offer_tier(
                people,
                origin,
                full,
                word,
                length,
                planes,
                slices,
                scratch.ratings,
                query,
                full_state,
                full_keys,
                full_ids,
            )
        if in_part > 0:
            set_scoring(query, base - base, total, bits, named >> 1, batch.weights)
            offer_tier(
                people,
                origin,
                some,
                word,
                length,
                planes,
                slices,
                scratch.ratings,
                query,
                part_state,
                part_keys,
                part_ids,
            )
    return full_count, part_count


@kernel
def _promising_block(
    postings: npt.NDArray[np.uint32],
    bitmaps: Words,
    circle: Words,
    keys: Int64Array,
    first: int,
    end: int,
    has_circle: int,
    words: int,
) -> int:
    """The block with most users of the region, about: neighbours share blocks. Lists are looked at in a few places."""
    most, best = 0, np.int64(0)
    for word in range(0, words, BLOCK_WORDS):
        length = min(BLOCK_WORDS, words - word)
        users = count_bits(circle[word : word + length], length) if has_circle == YES else 0
        for k in range(first, end):
            if keys[ROWS, k] >= 0:
                users += count_bits(bitmaps[keys[ROWS, k], word : word + length], length)
                continue
            listed = keys[ENDS, k] - keys[CURSORS, k]
            for probe in range(_PROBES):
                place = keys[CURSORS, k] + listed * probe // _PROBES
                if listed > 0 and word <= np.int64(postings[place]) >> 6 < word + length:
                    users += listed // _PROBES
        if users > most:
            most, best = users, np.int64(word // BLOCK_WORDS)
    return best


@kernel
def _tiers(
    seen: Words, named: int, bits: int, length: int, planes: Words, slices: Words, dimension_counts: Int64Array
) -> None:
    """The full tier in row FULL, the partial tier in row SOME; adds up who satisfies each dimension."""
    full, some = planes[FULL], planes[SOME]
    assign(full, seen, length)
    for i in range(length):
        some[i] = planes[INDUSTRY, i] | planes[REGION, i] | planes[CROWD, i]
    for bit in range(bits):
        unite(some, slices[bit], length)
    for dimension in range(4):
        if named & (1 << dimension):
            plane = planes[KEYWORD if dimension == 0 else INDUSTRY + dimension - 1]
            intersect(full, plane, length)
            dimension_counts[dimension] += count_both(plane, seen, length)
    for i in range(length):
        some[i] &= seen[i] & ~full[i]
