"""The full tier alone: users who satisfy every dimension that the order names.

The smallest requirement drives: only blocks in which somebody satisfies it are looked at, and there the others are met
one by one, smallest first, until nobody is left.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import math

import numpy as np
import numpy.typing as npt

from matching.index.bits import count_bits
from matching.index.geogrid import Grid, mark_circle
from matching.index.jit import kernel
from matching.index.offering import NO, YES, offer_tier, set_scoring
from matching.index.planes import (
    BLOCK_WORDS,
    add_plane,
    assign,
    fill_plane,
    find_lists,
    intersect,
    mark_at_least,
    unite,
)
from matching.index.postings import Lists
from matching.index.scratch import (
    CARRY,
    CIRCLE,
    CURSORS,
    ENDS,
    FIRSTS,
    FULL,
    FULL_IDS,
    FULL_KEYS,
    FULL_TOP,
    KEYWORD,
    ORDER,
    PLANE,
    POINTS,
    ROWS,
    SIZES,
    Scratch,
)
from matching.index.segment_arrays import BatchArrays, People

Words = npt.NDArray[np.uint64]
Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]

_BLOCK_USERS = BLOCK_WORDS * 64
_ALL_GROUPS = -1
"""In the order of requirements: the keyword rule over all groups, in place of a plane."""


@kernel
def prepare_query(
    lists: Lists, people: People, grid: Grid, batch: BatchArrays, q: int, scratch: Scratch
) -> tuple[int, int, int]:
    """Look up the query's lists, draw its circle, tabulate its points.

    Returns its number of groups, the sum of their weights, and the slices that hold such a sum.
    """
    first_plane = batch.plane_starts[q]
    planes = batch.plane_starts[q + 1] - first_plane
    groups = planes - 3
    query = scratch.query
    find_lists(lists, batch.keys, batch.key_starts, first_plane, planes, scratch.keys, query)
    if not math.isnan(batch.near[q, 2]):
        circle = scratch.wide[CIRCLE]
        mark_circle(grid, people.latitudes, people.longitudes, batch.near[q], circle)
        query[SIZES, groups + 1] += count_bits(circle, len(circle))
    total = np.int64(0)
    for p in range(groups):
        total += batch.plane_weights[first_plane + p]
    query[POINTS, 0] = 0
    for reached in range(1, total + 1):
        query[POINTS, reached] = batch.weights[0] * reached // total
    bits = np.int64(0)
    while (1 << bits) <= total:
        bits += 1
    return groups, total, bits


@kernel
def sum_of_dimensions(named: int, weights: Int64Array) -> int:
    """The weights of the named dimensions other than keywords."""
    total = np.int64(0)
    for dimension in range(1, 4):
        if named & (1 << dimension):
            total += weights[dimension]
    return total


@kernel
def fill_keywords(
    postings: npt.NDArray[np.uint32],
    bitmaps: Words,
    group_weights: Int32Array,
    at_least: int,
    bits: int,
    keys: Int64Array,
    query: Int64Array,
    planes: Words,
    slices: Words,
    hits: Words,
    word: int,
    length: int,
) -> bool:
    """Sum the groups' weights into ``slices`` and mark who satisfies the rule in row KEYWORD of ``planes``."""
    groups = len(group_weights)
    plane, carry, keyword = planes[PLANE], planes[CARRY], planes[KEYWORD]
    total = np.int64(0)
    for p in range(groups):
        total += group_weights[p]
    # "All" is the whole sum and "any" a sum of 1; between them groups are counted, unless equal weights already do.
    counted = 1 < at_least < groups and total > groups
    hit_bits = 0
    while counted and (1 << hit_bits) <= groups:
        hit_bits += 1
    slices[:bits] = 0
    hits[:hit_bits] = 0
    touched = False
    for p in range(groups):
        if fill_plane(postings, bitmaps, keys, query[FIRSTS, p], query[FIRSTS, p + 1], word, length, plane):
            touched = True
            add_plane(slices, bits, np.int64(group_weights[p]), plane, carry, length)
            if counted:
                add_plane(hits, hit_bits, np.int64(1), plane, carry, length)
    if not touched:
        for i in range(length):
            keyword[i] = 0
    elif counted:
        mark_at_least(hits, hit_bits, at_least, keyword, carry, length)
    else:
        least = total if at_least == groups else at_least
        mark_at_least(slices, bits, least, keyword, carry, length)
    return touched


@kernel
def match_full(
    lists: Lists, people: People, grid: Grid, batch: BatchArrays, q: int, visible: Words, scratch: Scratch
) -> int:
    """Count the full tier of query ``q`` and push its users to the full top."""
    groups, total, bits = prepare_query(lists, people, grid, batch, q, scratch)
    keys, query, planes, slices = scratch.keys, scratch.query, scratch.planes, scratch.slices
    postings, bitmaps, circle = lists.postings, lists.bitmaps, scratch.wide[CIRCLE]
    full, plane, keyword = planes[FULL], planes[PLANE], planes[KEYWORD]
    state, top_keys, top_ids = scratch.states[FULL_TOP], scratch.tops[FULL_KEYS], scratch.tops[FULL_IDS]
    first_plane = batch.plane_starts[q]
    group_weights = batch.plane_weights[first_plane : first_plane + groups]
    origin = batch.origin[q]
    named, at_least = batch.named[q], np.int64(batch.at_least[q])
    all_groups = np.int64(YES if at_least == groups else NO)
    requirements = _order_requirements(named, groups, all_groups, query)
    base = sum_of_dimensions(named, batch.weights)
    sums, bits_scored = total, bits
    if all_groups == YES:
        # Who is full has all groups and all their points: nothing is left to grade.
        base += query[POINTS, total]
        sums, bits_scored = np.int64(0), np.int64(0)
    set_scoring(query, base, sums, bits_scored, np.int64(0), batch.weights)
    region = np.int64(-2) if math.isnan(batch.near[q, 2]) else groups + 1
    counted = 0
    words = len(visible)
    word = np.int64(0)
    while word < words:
        word = _next_word(postings, circle, keys, query, groups, region, word)
        if word >= words:
            break
        length = min(BLOCK_WORDS, words - word)
        assign(full, visible[word : word + length], length)
        left = np.int64(1)
        for r in range(requirements):
            p = query[ORDER, r]
            if p == _ALL_GROUPS:
                fill_keywords(
                    postings, bitmaps, group_weights, at_least, bits, keys, query, planes, slices, scratch.hits,
                    word, length,
                )  # fmt: skip
                intersect(full, keyword, length)
            else:
                fill_plane(postings, bitmaps, keys, query[FIRSTS, p], query[FIRSTS, p + 1], word, length, plane)
                if p == region:
                    unite(plane, circle[word : word + length], length)
                intersect(full, plane, length)
            left = count_bits(full, length)
            if left == 0:
                break
        if left > 0:
            counted += left
            offer_tier(
                people, origin, full, word, length, planes, slices, scratch.ratings, query, state, top_keys, top_ids
            )
        word += length
    return counted


@kernel
def _order_requirements(named: int, groups: int, all_groups: int, query: Int64Array) -> int:
    """Planes that must all be met, smallest first, in row ORDER; returns their number."""
    count = 0
    if groups > 0 and all_groups == NO:
        query[ORDER, 0] = _ALL_GROUPS
        count = 1
    if all_groups == YES:
        for p in range(groups):
            query[ORDER, count] = p
            count += 1
    for dimension in range(1, 4):
        if named & (1 << dimension):
            query[ORDER, count] = groups + dimension - 1
            count += 1
    for i in range(1, count):
        p = query[ORDER, i]
        size = _size_of(p, groups, query)
        place = i - 1
        while place >= 0 and _size_of(query[ORDER, place], groups, query) > size:
            query[ORDER, place + 1] = query[ORDER, place]
            place -= 1
        query[ORDER, place + 1] = p
    return count


@kernel
def _size_of(p: int, groups: int, query: Int64Array) -> int:
    if p != _ALL_GROUPS:
        return query[SIZES, p]
    total = 0
    for group in range(groups):
        total += query[SIZES, group]
    return total


@kernel
def _next_word(
    postings: npt.NDArray[np.uint32],
    circle: Words,
    keys: Int64Array,
    query: Int64Array,
    groups: int,
    region: int,
    word: int,
) -> int:
    """The first word of the next block, from ``word`` on, that can hold a user of the driving requirement.

    ``region`` is the plane that the circle belongs to (-2: there is no circle).
    """
    driver = query[ORDER, 0]
    first, end = query[FIRSTS, max(driver, 0)], query[FIRSTS, groups if driver == _ALL_GROUPS else driver + 1]
    if driver == region:
        while word < len(circle) and first == end:
            for i in range(word, min(word + BLOCK_WORDS, len(circle))):
                if circle[i] != np.uint64(0):
                    return word
            word += BLOCK_WORDS
        return word
    nearest = len(circle) * 64
    for k in range(first, end):
        if keys[ROWS, k] >= 0:
            return word
        place = keys[CURSORS, k]
        if place < keys[ENDS, k]:
            nearest = min(nearest, np.int64(postings[place]))
    return max(word, nearest // _BLOCK_USERS * BLOCK_WORDS)
