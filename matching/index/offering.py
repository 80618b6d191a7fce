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
from matching.index.scratch import (
    BONUS,
    CARRY,
    CHOSEN,
    CROWD,
    EQUALS,
    INDUSTRY,
    PLANE,
    POINTS,
    REGION,
    SCORING,
    SPARE,
)
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
"""Columns of row SCORING: the highest group sum, the slices that hold it, the dimensions that grade the tier."""

NEVER = -(1 << 40)
"""Bonus of a choice of dimensions that does not grade the tier."""


@kernel
def set_scoring(query: Int64Array, base: int, total: int, bits: int, graded: int, weights: Int64Array) -> None:
    """Say how the users of a tier are scored, before it is offered.

    A score is ``base``, the points of the user's group sum (in ``bits`` slices, ``total`` at most), and the weights of
    the dimensions that he satisfies out of ``graded`` (bits: 1 industry, 2 region, 4 crowd; 0: the base has them all).
    """
    query[SCORING, TOTAL] = total
    query[SCORING, BITS] = bits
    query[SCORING, GRADED] = graded
    for choice in range(8):
        bonus = base
        for dimension in range(3):
            if choice & (1 << dimension):
                bonus += weights[dimension + 1]
        query[BONUS, choice] = NEVER if choice & ~graded else bonus


@kernel
def offer_tier(
    people: People,
    origin: FloatArray,
    tier: Words,
    word: int,
    length: int,
    planes: Words,
    slices: Words,
    ratings: Words,
    query: Int64Array,
    state: Int64Array,
    keys: Int64Array,
    ids: Int64Array,
) -> None:
    """Push those users of a tier who can be among the best, scored as ``set_scoring`` said."""
    limit = state[LIMIT]
    if limit == 0:
        return
    door = max(np.int64(0), state[DOOR_KEY] >> TIE_BITS)
    chosen = mark_scores(tier, door, length, planes, slices, query, planes[CHOSEN])
    if chosen > FEW and chosen > limit:
        reached = _reached_score(tier, door, limit, length, planes, slices, query)
        if reached > door:
            state[DOOR_KEY] = reached << TIE_BITS
            state[DOOR_ID] = LAST_ID
            chosen = mark_scores(tier, reached, length, planes, slices, query, planes[CHOSEN])
    if chosen > FEW:
        for bit in range(RATING_BITS):
            assign(ratings[bit], people.rating_slices[bit, word : word + length], length)
        _drop_low_ratings(tier, length, math.isnan(origin[0]), planes, slices, ratings, query, state)
    if chosen > 0:
        _score_users(
            people.ids, people.latitudes, people.longitudes, people.ratings, origin,
            word, length, planes, slices, query, state, keys, ids,
        )  # fmt: skip


@kernel
def mark_scores(
    tier: Words, score: int, length: int, planes: Words, slices: Words, query: Int64Array, marked: Words
) -> int:
    """Mark the users of a tier who have ``score`` or more; returns their number.

    A choice of dimensions stands for everybody who satisfies at least these: who satisfies more needs no larger sum.
    """
    if score <= query[BONUS, 0]:
        assign(marked, tier, length)
        return count_bits(marked, length)
    plane = planes[PLANE]
    for i in range(length):
        marked[i] = 0
    for choice in range(8):
        needed = _sum_needed(score, choice, query)
        if needed > query[SCORING, TOTAL]:
            continue
        if needed == 0:
            assign(plane, tier, length)
        else:
            mark_at_least(slices, query[SCORING, BITS], needed, plane, planes[CARRY], length)
            intersect(plane, tier, length)
        for dimension in range(3):
            if choice & (1 << dimension):
                intersect(plane, planes[INDUSTRY + dimension], length)
        unite(marked, plane, length)
    return count_bits(marked, length)


@kernel
def _sum_needed(score: int, choice: int, query: Int64Array) -> int:
    """The smallest group sum that makes up what a choice of dimensions lacks; above the total when none does."""
    wanted = score - query[BONUS, choice]
    low = 0
    high = query[SCORING, TOTAL] + 1
    while low < high:
        middle = (low + high) >> 1
        if query[POINTS, middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _reached_score(
    tier: Words, low: int, limit: int, length: int, planes: Words, slices: Words, query: Int64Array
) -> int:
    """The highest score that ``limit`` users of the block reach; they are known to reach ``low``."""
    total = query[SCORING, TOTAL]
    high = query[BONUS, query[SCORING, GRADED]] + query[POINTS, total]
    while low < high:
        middle = (low + high + 1) >> 1
        # Only scores that exist are worth a count: the lowest one from the middle on.
        score = high + 1
        for choice in range(8):
            needed = _sum_needed(middle, choice, query)
            if needed <= total:
                score = min(score, query[BONUS, choice] + query[POINTS, needed])
        if score <= high and mark_scores(tier, score, length, planes, slices, query, planes[SPARE]) >= limit:
            low = score
        else:
            high = middle - 1
    return low


@kernel
def _drop_low_ratings(
    tier: Words,
    length: int,
    rating_decides: int,
    planes: Words,
    slices: Words,
    ratings: Words,
    query: Int64Array,
    state: Int64Array,
) -> None:
    """Take from row CHOSEN those who have just the door's score and too low a rating for its tie.

    Without an origin (``rating_decides``) the tie is the rating alone, and counting finds the tie that enough reach.
    """
    door = max(np.int64(0), state[DOOR_KEY] >> TIE_BITS)
    above = mark_scores(tier, door + 1, length, planes, slices, query, planes[SPARE])
    for i in range(length):
        planes[EQUALS, i] = planes[CHOSEN, i] & ~planes[SPARE, i]
    missing = state[LIMIT] - above
    if _choose_equals(state, length, planes, ratings) <= missing or not rating_decides:
        return
    low, high = np.int64(0), np.int64(100)
    while low < high:
        middle = (low + high + 1) >> 1
        mark_at_least(ratings, ratings.shape[0], middle, planes[PLANE], planes[CARRY], length)
        if count_both(planes[PLANE], planes[EQUALS], length) >= missing:
            low = middle
        else:
            high = middle - 1
    key = (door << TIE_BITS) + 2 * low + TIE_SHIFT
    if key > state[DOOR_KEY]:
        state[DOOR_KEY] = key
        state[DOOR_ID] = LAST_ID
        _choose_equals(state, length, planes, ratings)


@kernel
def _choose_equals(state: Int64Array, length: int, planes: Words, ratings: Words) -> int:
    """Choose row SPARE and those of row EQUALS whose rating can reach the tie of the door; counts these."""
    least = ((state[DOOR_KEY] & TIE_MASK) - TIE_SHIFT + 1) >> 1
    if state[DOOR_KEY] < 0 or least <= 0:
        return count_bits(planes[EQUALS], length)
    mark_at_least(ratings, ratings.shape[0], least, planes[PLANE], planes[CARRY], length)
    for i in range(length):
        planes[CHOSEN, i] = planes[SPARE, i] | (planes[EQUALS, i] & planes[PLANE, i])
    return count_both(planes[EQUALS], planes[PLANE], length)


@kernel
def _score_users(
    of_row: Int64Array,
    latitudes: FloatArray,
    longitudes: FloatArray,
    ratings: npt.NDArray[np.uint8],
    origin: FloatArray,
    word: int,
    length: int,
    planes: Words,
    slices: Words,
    query: Int64Array,
    state: Int64Array,
    keys: Int64Array,
    ids: Int64Array,
) -> None:
    """Score the users of row CHOSEN one by one and push them; ``of_row`` are their ids."""
    has_origin = not math.isnan(origin[0])
    bits, graded = query[SCORING, BITS], query[SCORING, GRADED]
    for i in range(length):
        left = planes[CHOSEN, i]
        while left != np.uint64(0):
            place = np.uint64(lowest_bit(left))
            left &= left - np.uint64(1)
            reached = 0
            for bit in range(bits):
                reached |= np.int64((slices[bit, i] >> place) & np.uint64(1)) << bit
            choice = np.int64((planes[INDUSTRY, i] >> place) & np.uint64(1))
            choice |= np.int64((planes[REGION, i] >> place) & np.uint64(1)) << 1
            choice |= np.int64((planes[CROWD, i] >> place) & np.uint64(1)) << 2
            score = query[BONUS, choice & graded] + query[POINTS, reached]
            user = np.int64(word + i) * 64 + np.int64(place)
            rating = np.int64(ratings[user])
            key = (score << TIE_BITS) + 2 * rating + TIE_SHIFT
            if key < state[DOOR_KEY]:
                continue
            if has_origin:
                latitude = latitudes[user]
                if (score << TIE_BITS) + best_tie_key(rating, latitude, origin[0]) < state[DOOR_KEY]:
                    continue
                key = (score << TIE_BITS) + tie_key(rating, latitude, longitudes[user], origin[0], origin[1])
            if key >= state[DOOR_KEY]:
                push(state, keys, ids, key, of_row[user])
