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
from matching.index.scratch import Scratch
from matching.index.segment_arrays import BatchArrays, People

Words = npt.NDArray[np.uint64]
Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

_BLOCK_USERS = BLOCK_WORDS * 64


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
    first_key = batch.key_starts[first_plane]
    scratch.firsts[0] = 0
    for p in range(planes):
        first, end = batch.key_starts[first_plane + p], batch.key_starts[first_plane + p + 1]
        place = first - first_key
        scratch.sizes[p] = find_lists(
            lists, batch.keys, first, end, scratch.rows[place:], scratch.cursors[place:], scratch.ends[place:]
        )
        scratch.firsts[p + 1] = end - first_key
    for k in range(scratch.firsts[planes]):
        scratch.beginnings[k] = scratch.cursors[k]
    if not math.isnan(batch.near[q, 2]):
        mark_circle(grid, people.latitudes, people.longitudes, batch.near[q], scratch.circle)
        scratch.sizes[groups + 1] += count_bits(scratch.circle, len(scratch.circle))
    total = np.int64(0)
    for p in range(groups):
        total += batch.plane_weights[first_plane + p]
    scratch.points[0] = 0
    for reached in range(1, total + 1):
        scratch.points[reached] = batch.weights[0] * reached // total
    bits = np.int64(0)
    while (1 << bits) <= total:
        bits += 1
    return groups, total, bits


@kernel
def fill_dimension(
    lists: Lists, scratch: Scratch, p: int, with_circle: int, word: int, length: int, plane: Words
) -> bool:
    """Fill plane ``p`` of the query over a block, united with its circle when ``with_circle`` is YES."""
    touched = fill_plane(
        lists,
        scratch.rows,
        scratch.cursors,
        scratch.ends,
        scratch.firsts[p],
        scratch.firsts[p + 1],
        word,
        length,
        plane,
    )
    if with_circle == YES:
        touched = True
        unite(plane, scratch.circle[word : word + length], length)
    return touched


@kernel
def fill_keywords(
    lists: Lists, batch: BatchArrays, q: int, groups: int, bits: int, scratch: Scratch, word: int, length: int
) -> bool:
    """Sum the groups' weights into ``scratch.slices`` and mark who satisfies the rule in ``scratch.keyword``."""
    first_plane = batch.plane_starts[q]
    at_least = np.int64(batch.at_least[q])
    total = 0
    for p in range(groups):
        total += batch.plane_weights[first_plane + p]
    # "All" is the whole sum and "any" a sum of 1; between them groups are counted, unless equal weights already do.
    counted = 1 < at_least < groups and total > groups
    hit_bits = 0
    while counted and (1 << hit_bits) <= groups:
        hit_bits += 1
    scratch.slices[:bits] = 0
    scratch.hits[:hit_bits] = 0
    touched = False
    for p in range(groups):
        if fill_dimension(lists, scratch, p, np.int64(NO), word, length, scratch.plane):
            touched = True
            weight = np.int64(batch.plane_weights[first_plane + p])
            add_plane(scratch.slices, bits, weight, scratch.plane, scratch.carry, length)
            if counted:
                add_plane(scratch.hits, hit_bits, np.int64(1), scratch.plane, scratch.carry, length)
    if not touched:
        for i in range(length):
            scratch.keyword[i] = 0
    elif counted:
        mark_at_least(scratch.hits, hit_bits, at_least, scratch.keyword, scratch.carry, length)
    else:
        least = total if at_least == groups else at_least
        mark_at_least(scratch.slices, bits, least, scratch.keyword, scratch.carry, length)
    return touched


@kernel
def match_full(
    lists: Lists, people: People, grid: Grid, batch: BatchArrays, q: int, visible: Words, scratch: Scratch
) -> int:
    """Count the full tier of query ``q`` and push its users to the full top."""
    groups, total, bits = prepare_query(lists, people, grid, batch, q, scratch)
    named = batch.named[q]
    all_groups = np.int64(YES if batch.at_least[q] == groups else NO)
    requirements = _order_requirements(named, groups, all_groups, scratch)
    base = 0
    for dimension in range(1, 4):
        if named & (1 << dimension):
            base += batch.weights[dimension]
    sums = total
    if all_groups == YES:
        # Who is full has all groups and all their points: nothing is left to grade.
        base += scratch.points[total]
        sums, bits_scored = np.int64(0), np.int64(0)
    else:
        bits_scored = bits
    set_scoring(scratch, base, sums, bits_scored, 0, batch.weights)
    has_circle = np.int64(NO if math.isnan(batch.near[q, 2]) else YES)
    counted = 0
    words = len(visible)
    word = np.int64(0)
    while word < words:
        word = _next_word(lists, scratch, scratch.order[0], groups, has_circle, word)
        if word >= words:
            break
        length = min(BLOCK_WORDS, words - word)
        assign(scratch.full, visible[word : word + length], length)
        left = np.int64(1)
        for r in range(requirements):
            left = _require(lists, batch, q, scratch.order[r], groups, bits, has_circle, scratch, word, length)
            if left == 0:
                break
        if left > 0:
            counted += left
            offer_tier(
                people, batch.origin[q], scratch.full, word, length,
                scratch, scratch.full_state, scratch.full_keys, scratch.full_ids,
            )  # fmt: skip
        word += length
    return counted


@kernel
def _require(
    lists: Lists,
    batch: BatchArrays,
    q: int,
    p: int,
    groups: int,
    bits: int,
    has_circle: int,
    scratch: Scratch,
    word: int,
    length: int,
) -> int:
    """Keep in ``scratch.full`` who meets requirement ``p`` too; returns how many are left."""
    if p < 0:
        fill_keywords(lists, batch, q, groups, bits, scratch, word, length)
        intersect(scratch.full, scratch.keyword, length)
    else:
        circle = np.int64(has_circle if p == groups + 1 else NO)
        fill_dimension(lists, scratch, p, circle, word, length, scratch.plane)
        intersect(scratch.full, scratch.plane, length)
    return count_bits(scratch.full, length)


@kernel
def _order_requirements(named: int, groups: int, all_groups: int, scratch: Scratch) -> int:
    """Planes that must all be met, smallest first, in ``scratch.order``; -1 is the keyword rule over all groups."""
    count = 0
    if groups > 0 and all_groups == NO:
        scratch.order[0] = -1
        count = 1
    if all_groups == YES:
        for p in range(groups):
            scratch.order[count] = p
            count += 1
    for dimension in range(1, 4):
        if named & (1 << dimension):
            scratch.order[count] = groups + dimension - 1
            count += 1
    for i in range(1, count):
        p = scratch.order[i]
        size = _size_of(p, groups, scratch)
        place = i - 1
        while place >= 0 and _size_of(scratch.order[place], groups, scratch) > size:
            scratch.order[place + 1] = scratch.order[place]
            place -= 1
        scratch.order[place + 1] = p
    return count


@kernel
def _size_of(p: int, groups: int, scratch: Scratch) -> int:
    if p >= 0:
        return scratch.sizes[p]
    total = 0
    for group in range(groups):
        total += scratch.sizes[group]
    return total


@kernel
def _next_word(lists: Lists, scratch: Scratch, driver: int, groups: int, has_circle: int, word: int) -> int:
    """The first word of the next block, from ``word`` on, that can hold a user of the driving requirement."""
    if has_circle == YES and driver == groups + 1:
        while word < len(scratch.circle):
            for i in range(word, min(word + BLOCK_WORDS, len(scratch.circle))):
                if scratch.circle[i] != np.uint64(0):
                    return word
            if scratch.firsts[driver] < scratch.firsts[driver + 1]:
                return word
            word += BLOCK_WORDS
        return word
    first = scratch.firsts[max(driver, 0)]
    end = scratch.firsts[groups] if driver < 0 else scratch.firsts[driver + 1]
    nearest = len(scratch.circle) * 64
    for k in range(first, end):
        if scratch.rows[k] >= 0:
            return word
        place = scratch.cursors[k]
        if place < scratch.ends[k]:
            nearest = min(nearest, np.int64(lists.postings[place]))
    return max(word, nearest // _BLOCK_USERS * BLOCK_WORDS)
