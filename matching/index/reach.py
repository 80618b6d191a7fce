"""Counting of what a query reaches, and would reach with one key changed, in one pass over a segment.

Nobody is listed or ranked. A chunk of users is filled into rows of bits once, a row a group and a dimension, and every
count is the number of bits in a few rows ANDed: so another changed key costs one more pass over a row in the cache.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import math

import numpy as np
import numpy.typing as npt

from matching.index.bits import popcount, slices_for
from matching.index.exclusion import hide
from matching.index.geogrid import Grid, mark_circle
from matching.index.jit import kernel
from matching.index.lookup import blocks_of, find_lists
from matching.index.postings import Lists
from matching.index.scratch import (
    BLOCKS,
    CHUNK_WORDS,
    CURSORS,
    FIRSTS,
    MAX_GROUPS,
    MAX_HIT_BITS,
    STARTS,
)
from matching.index.segment_arrays import BatchArrays, People
from matching.index.sums import fill_chunk
from matching.reach import (
    ANYTHING,
    CIRCLE_DROPPED,
    CIRCLE_WIDENED,
    COLUMNS,
    CROWD_DROPPED,
    FULL_NOW,
    GROUP_DROPPED,
    INDUSTRY_DROPPED,
    INDUSTRY_WIDENED,
    LEAST_ONE,
    OF_DIMENSION,
    REGIONS_DROPPED,
    REGIONS_WIDENED,
)

Int64Array = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_INDUSTRY, _REGION, _CROWD = MAX_GROUPS, MAX_GROUPS + 1, MAX_GROUPS + 2
_REGIONS, _CIRCLE, _WIDER_CIRCLE, _WIDER = MAX_GROUPS + 3, MAX_GROUPS + 4, MAX_GROUPS + 5, MAX_GROUPS + 6
_SEEN, _EVERYBODY, _ANY = MAX_GROUPS + 7, MAX_GROUPS + 8, MAX_GROUPS + 9
_MORE, _EQUAL, _KEYED, _MET = MAX_GROUPS + 10, MAX_GROUPS + 11, MAX_GROUPS + 12, MAX_GROUPS + 13
_HITS = MAX_GROUPS + 14
_ROWS = _HITS + MAX_HIT_BITS
"""Rows of a chunk. A row a group; who satisfies each dimension (nobody where it is not named); the region's places and
circles apart; passing use for what is widened; who is seen; everybody, in place of a dimension that is not named; who
hits any group; who hits more groups than are needed when one is dropped, and exactly so many; who is seen and satisfies
the keywords; who is seen and satisfies all dimensions but one, or but the keywords; groups hit, bit by bit."""

_PLACES, _NEAR = 1, 2
"""Which keys a query's region has, as bits."""


@kernel
def count_reach(
    lists: Lists, people: People, grid: Grid, batch: BatchArrays, wider: BatchArrays, visible: Words, shift: int,
    keys: Int64Array, wider_keys: Int64Array, query: Int64Array, wider_query: Int64Array,
) -> Int64Array:  # fmt: skip
    """The columns of matching.reach of every query of a batch, int64 (queries, COLUMNS).

    ``wider``: the same queries widened. ``keys`` and ``query`` are memory as in matching.index.scratch, once for each.
    """
    queries, words = len(batch.limits), len(visible)
    counts = np.zeros((queries, COLUMNS), np.int64)
    rows = np.empty((_ROWS, CHUNK_WORDS), np.uint64)
    rows[_EVERYBODY, :] = ~np.uint64(0)
    seen = np.empty(words, np.uint64)
    circles = np.empty((2, words), np.uint64)
    for q in range(queries):
        seen[:] = visible
        hide(people, batch.excluded[batch.exclude_starts[q] : batch.exclude_starts[q + 1]], seen)
        planes = batch.plane_starts[q + 1] - batch.plane_starts[q]
        find_lists(lists, batch.keys, batch.key_starts, batch.plane_starts[q], planes, keys, query)
        find_lists(lists, wider.keys, wider.key_starts, wider.plane_starts[q], np.int64(3), wider_keys, wider_query)
        keys[CURSORS, : query[FIRSTS, planes]] = keys[STARTS, : query[FIRSTS, planes]]
        wider_keys[CURSORS, : wider_query[FIRSTS, 3]] = wider_keys[STARTS, : wider_query[FIRSTS, 3]]
        region_keys = np.int64(0)
        if batch.key_starts[batch.plane_starts[q + 1] - 2] < batch.key_starts[batch.plane_starts[q + 1] - 1]:
            region_keys |= _PLACES
        if not math.isnan(batch.near[q, 2]):
            region_keys |= _NEAR
            circles[:, :] = 0
            mark_circle(grid, people, batch.near[q], shift, circles[0])
            mark_circle(grid, people, wider.near[q], shift, circles[1])
        for low in range(0, words, CHUNK_WORDS):
            length = min(np.int64(CHUNK_WORDS), words - low)
            here = blocks_of(low, length, shift)
            rows[_SEEN, :length] = seen[low : low + length]
            present = _fill_groups(lists, planes - 3, low, length, here, keys, query, rows)
            _fill_dimensions(lists, planes - 3, low, length, here, keys, query, rows)
            if region_keys & _NEAR:
                _add_circle(circles, low, length, rows)
            _count_keywords(
                planes - 3, np.int64(batch.at_least[q]), np.int64(batch.named[q]), present, length, rows, counts[q]
            )
            if _count(rows, _KEYED, _KEYED, length) > 0:
                _count_dimensions(
                    lists, np.int64(batch.named[q]), region_keys, low, length, here, wider_keys, wider_query, rows,
                    counts[q],
                )  # fmt: skip
    return counts


@kernel
def _fill(
    lists: Lists, first: int, end: int, low: int, length: int, here: int, keys: Int64Array, row: Words
) -> None:  # fmt: skip
    """Make a row the users of some lists in a chunk. Cursors move forward to the chunk's end."""
    if not fill_chunk(lists.postings, lists.bitmaps, keys, first, end, here, low, length, row[:length]):
        row[:length] = 0


@kernel
def _fill_groups(
    lists: Lists, groups: int, low: int, length: int, here: int, keys: Int64Array, query: Int64Array, rows: Words
) -> int:  # fmt: skip
    """Fill the rows of the groups that are hit in a chunk, row _ANY and the hits; returns these groups, a bit each."""
    present, filled = np.int64(0), np.int64(0)
    rows[_ANY, :length] = 0
    for bit in range(slices_for(groups)):
        rows[_HITS + bit, :length] = 0
    for p in range(groups):
        if query[BLOCKS, p] & here == 0:
            continue
        present |= 1 << p
        filled += 1
        _fill(lists, query[FIRSTS, p], query[FIRSTS, p + 1], low, length, here, keys, rows[p])
        row, anybody, carry = rows[p], rows[_ANY], rows[_WIDER]
        for i in range(length):
            anybody[i] |= row[i]
            carry[i] = row[i]
        if groups > 1:
            for bit in range(slices_for(filled)):
                hits = rows[_HITS + bit]
                for i in range(length):
                    both = hits[i] & carry[i]
                    hits[i] ^= carry[i]
                    carry[i] = both
    return present


@kernel
def _fill_dimensions(
    lists: Lists, groups: int, low: int, length: int, here: int, keys: Int64Array, query: Int64Array, rows: Words
) -> None:  # fmt: skip
    """Fill the rows of the three dimensions, as far as lists say."""
    for dimension in range(3):
        p = groups + dimension
        _fill(lists, query[FIRSTS, p], query[FIRSTS, p + 1], low, length, here, keys, rows[_INDUSTRY + dimension])


@kernel
def _add_circle(circles: Words, low: int, length: int, rows: Words) -> None:
    """Set the rows of the circles apart, of the places alone, and of the region, which either satisfies."""
    region = rows[_REGION, :length]
    rows[_REGIONS, :length] = region
    rows[_CIRCLE, :length] = circles[0, low : low + length]
    rows[_WIDER_CIRCLE, :length] = circles[1, low : low + length]
    circle = rows[_CIRCLE, :length]
    for i in range(length):
        region[i] |= circle[i]


@kernel
def _row_of(named: int, dimension: int) -> int:
    """The row of who satisfies industry, region or crowd (0, 1, 2): everybody when it is not named."""
    return np.int64(_INDUSTRY + dimension) if (named >> (dimension + 1)) & 1 else np.int64(_EVERYBODY)


@kernel
def _count_keywords(
    groups: int, at_least: int, named: int, present: int, length: int, rows: Words, counts: Int64Array
) -> None:  # fmt: skip
    """Count a chunk's dimensions, its tiers as they are, and the full tier with a group dropped or one enough.

    Row _KEYED has who is seen and satisfies the keywords, everybody who is seen when there are none.
    """
    for dimension in range(3):
        if (named >> (dimension + 1)) & 1:
            counts[OF_DIMENSION + 1 + dimension] += _count(rows, _SEEN, _INDUSTRY + dimension, length)
    counts[ANYTHING] += _count_anything(rows, length)
    rows[_KEYED, :length] = rows[_SEEN, :length]
    if groups == 1:
        _keep(rows, _KEYED, np.int64(_ANY), length)
    elif groups > 1:
        _keep_enough(rows, groups, at_least, length)
    if groups > 0:
        counts[OF_DIMENSION] += _count(rows, _KEYED, _KEYED, length)
    _meet(rows, _SEEN, _row_of(named, np.int64(0)), _row_of(named, np.int64(1)), _row_of(named, np.int64(2)), length)
    counts[FULL_NOW] += _count(rows, _MET, _KEYED, length)
    if groups == 1:
        counts[GROUP_DROPPED] += _count(rows, _MET, _MET, length)
    elif present:
        if at_least > 1:
            counts[LEAST_ONE] += _count(rows, _MET, _ANY, length)
        _count_groups(rows, groups, present, length, counts)


@kernel
def _keep_enough(rows: Words, groups: int, at_least: int, length: int) -> None:
    """Keep in row _KEYED who hits ``at_least`` groups; rows _MORE and _EQUAL are of what is needed without a group."""
    needed = min(at_least, groups - 1)
    more, equal, keyed = rows[_MORE], rows[_EQUAL], rows[_KEYED]
    for i in range(length):
        more[i] = 0
        equal[i] = ~np.uint64(0)
    for bit in range(slices_for(groups) - 1, -1, -1):
        hits = rows[_HITS + bit]
        if (needed >> bit) & 1:
            for i in range(length):
                equal[i] &= hits[i]
        else:
            for i in range(length):
                more[i] |= equal[i] & hits[i]
                equal[i] &= ~hits[i]
    if needed < at_least:
        for i in range(length):
            keyed[i] &= more[i]
    else:
        for i in range(length):
            keyed[i] &= more[i] | equal[i]


@kernel
def _count_groups(rows: Words, groups: int, present: int, length: int, counts: Int64Array) -> None:
    """Count the full tier without each group; row _MET has who satisfies all other dimensions.

    Without group g as many others are hit as before by whoever hits more groups than are needed, or exactly so many and
    not g.
    """
    _keep(rows, _EQUAL, np.int64(_MET), length)
    enough = _count(rows, _MET, _MORE, length) + _count(rows, _EQUAL, _EQUAL, length)
    if enough == 0:
        return
    for p in range(groups):
        counts[GROUP_DROPPED + p] += enough
        if (present >> p) & 1:
            counts[GROUP_DROPPED + p] -= _count(rows, _EQUAL, p, length)


@kernel
def _count_dimensions(
    lists: Lists, named: int, region_keys: int, low: int, length: int, here: int, wider_keys: Int64Array,
    wider_query: Int64Array, rows: Words, counts: Int64Array,
) -> None:  # fmt: skip
    """Count the full tier of a chunk with a key of one dimension dropped or widened."""
    industry, region = _row_of(named, np.int64(0)), _row_of(named, np.int64(1))
    crowd = _row_of(named, np.int64(2))
    if crowd == _CROWD:
        _meet(rows, _KEYED, industry, region, np.int64(_EVERYBODY), length)
        counts[CROWD_DROPPED] += _count(rows, _MET, _MET, length)
    if industry == _INDUSTRY:
        _meet(rows, _KEYED, np.int64(_EVERYBODY), region, crowd, length)
        dropped = _count(rows, _MET, _MET, length)
        if dropped > 0:
            counts[INDUSTRY_DROPPED] += dropped
            _fill(lists, wider_query[FIRSTS, 0], wider_query[FIRSTS, 1], low, length, here, wider_keys, rows[_WIDER])
            counts[INDUSTRY_WIDENED] += _count(rows, _MET, _WIDER, length)
    if region == _REGION:
        _meet(rows, _KEYED, industry, np.int64(_EVERYBODY), crowd, length)
        if _count(rows, _MET, _MET, length) > 0:
            _count_region(lists, region_keys, low, length, here, wider_keys, wider_query, rows, counts)


@kernel
def _count_region(
    lists: Lists, region_keys: int, low: int, length: int, here: int, wider_keys: Int64Array,
    wider_query: Int64Array, rows: Words, counts: Int64Array,
) -> None:  # fmt: skip
    """Count with the places or the circle changed and the other as it is; row _MET has who satisfies all the rest."""
    circle = np.int64(_CIRCLE if region_keys & _NEAR else _MET)
    places = np.int64(_REGIONS if region_keys & _PLACES else _MET)
    if region_keys & _PLACES:
        _fill(lists, wider_query[FIRSTS, 1], wider_query[FIRSTS, 2], low, length, here, wider_keys, rows[_WIDER])
        counts[REGIONS_DROPPED] += _count(rows, _MET, circle, length)
        beside = circle if region_keys & _NEAR else np.int64(_WIDER)
        counts[REGIONS_WIDENED] += _count_either(rows, _WIDER, beside, length)
    if region_keys & _NEAR:
        counts[CIRCLE_DROPPED] += _count(rows, _MET, places, length)
        beside = places if region_keys & _PLACES else np.int64(_WIDER_CIRCLE)
        counts[CIRCLE_WIDENED] += _count_either(rows, _WIDER_CIRCLE, beside, length)


@kernel
def _meet(rows: Words, seen: int, industry: int, region: int, crowd: int, length: int) -> None:
    """Set row _MET to who is in all of four rows."""
    first, second, third, fourth = rows[seen], rows[industry], rows[region], rows[crowd]
    met = rows[_MET]
    for i in range(length):
        met[i] = first[i] & second[i] & third[i] & fourth[i]


@kernel
def _keep(rows: Words, row: int, other: int, length: int) -> None:
    into, also = rows[row], rows[other]
    for i in range(length):
        into[i] &= also[i]


@kernel
def _count(rows: Words, row: int, other: int, length: int) -> int:
    """Users who are in both rows."""
    first, second = rows[row], rows[other]
    total = np.int64(0)
    for i in range(length):
        total += popcount(first[i] & second[i])
    return total


@kernel
def _count_either(rows: Words, row: int, other: int, length: int) -> int:
    """Users of row _MET who are in one of two rows at least."""
    first, second, met = rows[row], rows[other], rows[_MET]
    total = np.int64(0)
    for i in range(length):
        total += popcount(met[i] & (first[i] | second[i]))
    return total


@kernel
def _count_anything(rows: Words, length: int) -> int:
    """Users who are seen and satisfy or hit anything."""
    seen, groups = rows[_SEEN], rows[_ANY]
    industry, region, crowd = rows[_INDUSTRY], rows[_REGION], rows[_CROWD]
    total = np.int64(0)
    for i in range(length):
        total += popcount(seen[i] & (groups[i] | industry[i] | region[i] | crowd[i]))
    return total
