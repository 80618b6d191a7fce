"""From a class of users with equal scores to the best of them by tie and id, without looking at all of them closely.

A user's tie is twice the rating less the steps of the distance. The rating costs one byte, and neighbours in the
segment share a bound of their distance: who cannot pass the door by these two is not looked at.
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
from matching.index.scoring import DIMENSIONS_MASK, DIMENSIONS_SHIFT, SUM_MASK
from matching.index.scratch import BONUS, POINTS, Scratch
from matching.index.segment_arrays import People
from matching.index.sphere import NEIGHBOURS, Balls, exact_steps, set_nearest_steps, set_point, steps_between
from matching.ranking import DOOR_KEY, HELD, LIMIT, TIE_BITS, TIE_SHIFT, cut_top, push

Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]
Users = npt.NDArray[np.uint32]

_NEIGHBOURS_SHIFT = np.uint64(NEIGHBOURS.bit_length() - 1)

_BOUNDS = 512
"""Twice a rating less the steps of a distance, plus 255: 0 to 455."""

_SAMPLED_FROM = 2_048
"""A class of so many users is looked at in two rounds: first those who promise most."""


@kernel
def offer_users(
    people: People,
    origin: FloatArray,
    first: int,
    end: int,
    score: int,
    row: int,
    scratch: Scratch,
    state: Int64Array,
    keys: Int64Array,
    ids: Int64Array,
) -> None:
    """Offer the users [first, end) of a row of ``scratch.users`` to a top.

    ``score`` is theirs; -1: their marks tell it.
    """
    if first >= end:
        return
    users, marks, query, nearest = scratch.users[row], scratch.marks, scratch.query, scratch.nearest
    point = np.zeros(3, np.float64)
    has_origin = not math.isnan(origin[0])
    set_point(origin[0], origin[1], point)
    x, y, z, latitude, longitude = point[0], point[1], point[2], origin[0], origin[1]
    ratings, points, of_row = people.ratings, people.points, people.ids
    latitudes, longitudes = people.latitudes, people.longitudes
    base = score << TIE_BITS
    split = np.int64(0)
    many = score >= 0 and end - first >= _SAMPLED_FROM
    if many:
        _set_nearest(people.balls, point, np.int64(has_origin), nearest)
        split = _bound_reached_by(ratings, nearest, users, first, end, state[LIMIT] - state[HELD])
    door = state[DOOR_KEY]
    for turn in range(2 if split > 0 else 1):
        for i in range(first, end):
            user = np.uint64(users[np.uint64(i)])
            rating = 2 * np.int64(ratings[user]) + TIE_SHIFT
            if many:
                bound = rating - nearest[user >> _NEIGHBOURS_SHIFT]
                if base + bound < door or (split > 0 and (bound >= split) == (turn == 1)):
                    continue
            elif score < 0:
                base = score_of(query, np.int64(marks[user])) << TIE_BITS
            key = base + rating
            if has_origin and key >= door:
                steps = steps_between(points[user, 0], points[user, 1], points[user, 2], x, y, z)
                if steps < 0:
                    steps = exact_steps(latitudes[user], longitudes[user], latitude, longitude)
                key -= steps
            if key >= door:
                push(state, keys, ids, key, of_row[user])
                door = state[DOOR_KEY]
        if split > 0 and turn == 0:
            cut_top(state, keys, ids)
            door = state[DOOR_KEY]


@kernel
def score_of(query: Int64Array, mark: int) -> int:
    """The score of a marked user."""
    return query[BONUS, (mark >> DIMENSIONS_SHIFT) & DIMENSIONS_MASK] + query[POINTS, mark & SUM_MASK]


@kernel
def _set_nearest(balls: Balls, point: FloatArray, has_origin: int, nearest: Int64Array) -> None:
    if has_origin:
        set_nearest_steps(balls, point, nearest)
    else:
        nearest[:] = 0


@kernel
def _bound_reached_by(
    ratings: npt.NDArray[np.uint8], nearest: Int64Array, users: Users, first: int, end: int, wanted: int
) -> int:
    """The highest bound of a tie (plus 255) that ``wanted`` of the users reach."""
    counts = np.zeros(_BOUNDS, np.int64)
    for i in range(first, end):
        user = np.uint64(users[np.uint64(i)])
        counts[TIE_SHIFT + 2 * np.int64(ratings[user]) - nearest[user >> _NEIGHBOURS_SHIFT]] += 1
    reached = np.int64(0)
    for bound in range(_BOUNDS - 1, 0, -1):
        reached += counts[bound]
        if reached >= wanted:
            return bound
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
