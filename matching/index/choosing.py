"""From a class of users with equal scores to the best of them by tie and id, without looking at all of them closely.

A user's tie is twice the rating less the steps of the distance, so twice the rating is a bound that costs one byte.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import math

import numpy as np
import numpy.typing as npt

from matching.index.bits import lowest_bit
from matching.index.jit import kernel
from matching.index.lookup import next_run, without_run
from matching.index.planes import bounds_of
from matching.index.segment_arrays import People
from matching.index.sphere import set_point, steps_away
from matching.ranking import DOOR_KEY, HELD, LIMIT, TIE_BITS, TIE_SHIFT, cut_top, push

Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]

RATINGS = 101
_SAMPLED_FROM = 2_048
"""A class of so many users is looked at in two rounds: those of the highest ratings first."""


@kernel
def offer_users(
    people: People,
    origin: FloatArray,
    users: npt.NDArray[np.uint32],
    first: int,
    end: int,
    score: int,
    state: Int64Array,
    keys: Int64Array,
    ids: Int64Array,
) -> None:
    """Offer users[first:end], all of one score, to a top."""
    if first >= end:
        return
    point = np.empty(3, np.float64)
    has_origin = not math.isnan(origin[0])
    if has_origin:
        set_point(origin[0], origin[1], point)
    ratings = people.ratings
    base = (score << TIE_BITS) + TIE_SHIFT
    split = np.int64(0)
    if end - first >= _SAMPLED_FROM:
        split = _rating_reached_by(ratings, users, first, end, state[LIMIT] - state[HELD])
    for turn in range(2 if split > 0 else 1):
        for i in range(first, end):
            user = np.int64(users[np.uint64(i)])
            rating = np.int64(ratings[np.uint64(user)])
            if split > 0 and (rating >= split) == (turn == 1):
                continue
            key = base + 2 * rating
            if key < state[DOOR_KEY]:
                continue
            if has_origin:
                key -= steps_away(people.points, people.latitudes, people.longitudes, user, origin, point)
            if key >= state[DOOR_KEY]:
                push(state, keys, ids, key, people.ids[np.uint64(user)])
        if split > 0 and turn == 0:
            cut_top(state, keys, ids)


@kernel
def _rating_reached_by(
    ratings: npt.NDArray[np.uint8], users: npt.NDArray[np.uint32], first: int, end: int, wanted: int
) -> int:
    """The highest rating that ``wanted`` of the users reach, and some more, for distances take from ties."""
    counts = np.zeros(256, np.int64)
    for i in range(first, end):
        counts[ratings[np.uint64(users[np.uint64(i)])]] += 1
    reached = np.int64(0)
    for rating in range(RATINGS - 1, 0, -1):
        reached += counts[rating]
        if reached >= wanted:
            return rating
    return np.int64(0)


@kernel
def list_plane(plane: Words, blocks: int, shift: int, users: npt.NDArray[np.uint32], first: int) -> int:
    """Write the users of a plane's named blocks into users[first:]; returns the end."""
    end = first
    while blocks != 0:
        begin, count = next_run(blocks)
        blocks = without_run(blocks, begin, count)
        low, high = bounds_of(begin, count, shift, len(plane))
        for word in range(low, high):
            left = plane[word]
            while left != np.uint64(0):
                users[np.uint64(end)] = word * 64 + lowest_bit(left)
                left &= left - np.uint64(1)
                end += 1
    return end
