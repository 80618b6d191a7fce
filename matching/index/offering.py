"""From a tier's bits in one block to the best users: whoever cannot pass the door of the top is never scored.

Scores are compared for 64 users at a time: for each choice of satisfied dimensions, the sum of group weights that is
needed for a score is one comparison on the slices. Where many pass, the door is raised first: by counting, to the
highest score that enough users of this block reach, and among equals to the highest rating (ratings are slices too).
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import math

import numpy as np
import numpy.typing as npt

from matching.index.bits import count_bits, lowest_bit
from matching.index.jit import kernel
from matching.index.planes import assign, count_both, intersect, mark_at_least, unite
from matching.index.scratch import Scratch
from matching.index.segment_arrays import RATING_BITS, People
from matching.ranking import (
    DOOR_ID,
    DOOR_KEY,
    LAST_ID,
    LIMIT,
    TIE_BITS,
    TIE_MASK,
    TIE_SHIFT,
    best_tie_key,
    push,
    tie_key,
)

Words = npt.NDArray[np.uint64]
Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

YES, NO = 1, 0
"""Flags of kernels: the compiler makes a version of its own of every function that is called with a literal bool."""

FEW = 256
"""So many users are scored sooner than the door is raised."""

TOTAL, BITS, GRADED = 0, 1, 2
"""Places in ``Scratch.scoring``: the highest group sum, the slices that hold it, the dimensions that grade the tier."""

NEVER = -(1 << 40)
"""Bonus of a choice of dimensions that does not grade the tier."""


@kernel
def set_scoring(scratch: Scratch, base: int, total: int, bits: int, graded: int, weights: Int64Array) -> None:
    """Say how the users of a tier are scored, before it is offered.

    A score is ``base``, the points of the user's group sum (in ``bits`` slices, ``total`` at most), and the weights of
    the dimensions that he satisfies out of ``graded`` (bits: 1 industry, 2 region, 4 crowd; 0: the base has them all).
    """
    scratch.scoring[TOTAL] = total
    scratch.scoring[BITS] = bits
    scratch.scoring[GRADED] = graded
    for choice in range(8):
        scratch.bonus[choice] = base
        for dimension in range(3):
            if choice & (1 << dimension):
                scratch.bonus[choice] += weights[dimension + 1]
        if choice & ~graded:
            scratch.bonus[choice] = NEVER


@kernel
def offer_tier(
    people: People,
    origin: FloatArray,
    tier: Words,
    word: int,
    length: int,
    scratch: Scratch,
    state: Int64Array,
    keys: Int64Array,
    ids: Int64Array,
) -> None:
    """Push those users of a tier who can be among the best, scored as ``set_scoring`` said."""
    limit = state[LIMIT]
    if limit == 0:
        return
    door = max(np.int64(0), state[DOOR_KEY] >> TIE_BITS)
    chosen = mark_scores(tier, door, length, scratch, scratch.chosen)
    if chosen > FEW and chosen > limit:
        reached = _reached_score(tier, door, limit, length, scratch)
        if reached > door:
            state[DOOR_KEY] = reached << TIE_BITS
            state[DOOR_ID] = LAST_ID
            chosen = mark_scores(tier, reached, length, scratch, scratch.chosen)
    if chosen > FEW:
        _drop_low_ratings(people, tier, word, length, math.isnan(origin[0]), scratch, state)
    _score_users(people, origin, word, length, scratch, state, keys, ids)


@kernel
def mark_scores(tier: Words, score: int, length: int, scratch: Scratch, marked: Words) -> int:
    """Mark the users of a tier who have ``score`` or more; returns their number.

    A choice of dimensions stands for everybody who satisfies at least these: who satisfies more needs no larger sum.
    """
    if score <= scratch.bonus[0]:
        assign(marked, tier, length)
        return count_bits(marked, length)
    for i in range(length):
        marked[i] = 0
    for choice in range(8):
        needed = _sum_needed(score, choice, scratch)
        if needed > scratch.scoring[TOTAL]:
            continue
        if needed == 0:
            assign(scratch.plane, tier, length)
        else:
            mark_at_least(scratch.slices, scratch.scoring[BITS], needed, scratch.plane, scratch.carry, length)
            intersect(scratch.plane, tier, length)
        if choice & 1:
            intersect(scratch.plane, scratch.industry, length)
        if choice & 2:
            intersect(scratch.plane, scratch.region, length)
        if choice & 4:
            intersect(scratch.plane, scratch.crowd, length)
        unite(marked, scratch.plane, length)
    return count_bits(marked, length)


@kernel
def _sum_needed(score: int, choice: int, scratch: Scratch) -> int:
    """The smallest group sum that makes up what a choice of dimensions lacks; above the total when none does."""
    wanted = score - scratch.bonus[choice]
    low = 0
    high = scratch.scoring[TOTAL] + 1
    while low < high:
        middle = (low + high) >> 1
        if scratch.points[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _reached_score(tier: Words, low: int, limit: int, length: int, scratch: Scratch) -> int:
    """The highest score that ``limit`` users of the block reach; they are known to reach ``low``."""
    total = scratch.scoring[TOTAL]
    high = scratch.bonus[scratch.scoring[GRADED]] + scratch.points[total]
    while low < high:
        middle = (low + high + 1) >> 1
        # Only scores that exist are worth a count: the lowest one from the middle on.
        score = high + 1
        for choice in range(8):
            needed = _sum_needed(middle, choice, scratch)
            if needed <= total:
                score = min(score, scratch.bonus[choice] + scratch.points[needed])
        if score <= high and mark_scores(tier, score, length, scratch, scratch.spare) >= limit:
            low = score
        else:
            high = middle - 1
    return low


@kernel
def _drop_low_ratings(
    people: People,
    tier: Words,
    word: int,
    length: int,
    rating_decides: int,
    scratch: Scratch,
    state: Int64Array,
) -> None:
    """Take from ``scratch.chosen`` those who have just the door's score and too low a rating for its tie.

    Without an origin (``rating_decides``) the tie is the rating alone, and counting finds the tie that enough reach.
    """
    door = max(np.int64(0), state[DOOR_KEY] >> TIE_BITS)
    above = mark_scores(tier, door + 1, length, scratch, scratch.spare)
    equals = scratch.equals
    for i in range(length):
        equals[i] = scratch.chosen[i] & ~scratch.spare[i]
    for bit in range(RATING_BITS):
        assign(scratch.ratings[bit], people.rating_slices[bit, word : word + length], length)
    missing = state[LIMIT] - above
    if _mark_equals_from(equals, state, length, scratch) <= missing or not rating_decides:
        return
    low, high = np.int64(0), np.int64(100)
    while low < high:
        middle = (low + high + 1) >> 1
        mark_at_least(scratch.ratings, scratch.ratings.shape[0], middle, scratch.plane, scratch.carry, length)
        if count_both(scratch.plane, equals, length) >= missing:
            low = middle
        else:
            high = middle - 1
    key = (door << TIE_BITS) + 2 * low + TIE_SHIFT
    if key > state[DOOR_KEY]:
        state[DOOR_KEY] = key
        state[DOOR_ID] = LAST_ID
        _mark_equals_from(equals, state, length, scratch)


@kernel
def _mark_equals_from(equals: Words, state: Int64Array, length: int, scratch: Scratch) -> int:
    """Choose ``scratch.spare`` and those of ``equals`` whose rating can reach the tie of the door; counts these."""
    least = ((state[DOOR_KEY] & TIE_MASK) - TIE_SHIFT + 1) >> 1
    if state[DOOR_KEY] < 0 or least <= 0:
        return count_bits(equals, length)
    mark_at_least(scratch.ratings, scratch.ratings.shape[0], least, scratch.plane, scratch.carry, length)
    for i in range(length):
        scratch.chosen[i] = scratch.spare[i] | (equals[i] & scratch.plane[i])
    return count_both(equals, scratch.plane, length)


@kernel
def _score_users(
    people: People,
    origin: FloatArray,
    word: int,
    length: int,
    scratch: Scratch,
    state: Int64Array,
    keys: Int64Array,
    ids: Int64Array,
) -> None:
    """Score the users in ``scratch.chosen`` one by one and push them."""
    has_origin = not math.isnan(origin[0])
    bits, graded = scratch.scoring[BITS], scratch.scoring[GRADED]
    for i in range(length):
        left = scratch.chosen[i]
        while left != np.uint64(0):
            place = np.uint64(lowest_bit(left))
            left &= left - np.uint64(1)
            reached = 0
            for bit in range(bits):
                reached |= np.int64((scratch.slices[bit, i] >> place) & np.uint64(1)) << bit
            choice = np.int64((scratch.industry[i] >> place) & np.uint64(1))
            choice |= np.int64((scratch.region[i] >> place) & np.uint64(1)) << 1
            choice |= np.int64((scratch.crowd[i] >> place) & np.uint64(1)) << 2
            score = scratch.bonus[choice & graded] + scratch.points[reached]
            user = np.int64(word + i) * 64 + np.int64(place)
            rating = np.int64(people.ratings[user])
            key = (score << TIE_BITS) + 2 * rating + TIE_SHIFT
            if key < state[DOOR_KEY]:
                continue
            if has_origin:
                latitude = people.latitudes[user]
                if (score << TIE_BITS) + best_tie_key(rating, latitude, origin[0]) < state[DOOR_KEY]:
                    continue
                tie = tie_key(rating, latitude, people.longitudes[user], origin[0], origin[1])
                key = (score << TIE_BITS) + tie
            if key >= state[DOOR_KEY]:
                push(state, keys, ids, key, people.ids[user])
