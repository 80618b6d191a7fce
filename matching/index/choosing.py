"""From users with known scores to the best of them by tie and id, without looking at all of them closely.

A user's tie is twice the rating less the steps of the distance, and neighbours in the segment share a bound of their
distance. A large class of equal scores is walked through from the neighbourhood that can be nearest outward: the door
of the top tells which rating a neighbourhood still needs, 64 users are compared with it at once, and where the best
rating would not do, the walk ends.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import math

import numpy as np
import numpy.typing as npt

from matching.geometry import FARTHEST_STEPS
from matching.index.bits import bytes_at_least, lowest_bit, prefetch
from matching.index.jit import kernel
from matching.index.scratch import SPARE, Scratch
from matching.index.segment_arrays import People
from matching.index.sphere import NEIGHBOURS, exact_steps, set_nearest_steps, set_point, steps_between
from matching.ranking import DOOR, HELD, LIMIT, RANK_BITS, TIE_BITS, TIE_SHIFT, entry_of, push

Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]
Users = npt.NDArray[np.uint32]

MAX_RATING = 100
NEIGHBOUR_WORDS = NEIGHBOURS // 64
_NEIGHBOURS_SHIFT = NEIGHBOURS.bit_length() - 1
_TIES = 2 * MAX_RATING + FARTHEST_STEPS + 1
AS_CLASS_FROM = 1_024
"""So many users of one score are better walked through as a class than one by one."""
_WEIGHED_TOGETHER = 48
"""Users are weighed in lots of at least so many, while there are any."""


@kernel
def offer_users(people: People, origin: FloatArray, number: int, score: int, tier: int, scratch: Scratch) -> None:
    """Offer the first ``number`` users of ``scratch.users`` to a tier's top; ``score`` is theirs, or -1: the second
    row has the score of each.
    """
    if number == 0:
        return
    state, top, spare = scratch.states[tier], scratch.tops[tier], scratch.tops[SPARE]
    users, scores, ties = scratch.users[0], scratch.users[1], scratch.users[2]
    _weigh(people, origin, users, np.int64(0), number, ties)
    base = score << TIE_BITS
    for i in range(number):
        if score < 0:
            base = np.int64(scores[np.uint64(i)]) << TIE_BITS
        key = base + np.int64(ties[np.uint64(i)])
        push(state, top, spare, entry_of(key, np.int64(people.ranks[np.uint64(users[np.uint64(i)])])))


@kernel
def _weigh(people: People, origin: FloatArray, users: Users, first: int, end: int, ties: Users) -> None:
    """Write the ties (plus TIE_SHIFT) of users[first:end] into ties[first:end].

    Without branches that cannot be foretold, so that many users are on their way from memory at a time.
    """
    ratings, points, latitudes, longitudes = people.ratings, people.points, people.latitudes, people.longitudes
    if math.isnan(origin[0]):
        for i in range(first, end):
            ties[np.uint64(i)] = 2 * np.int64(ratings[np.uint64(users[np.uint64(i)])]) + TIE_SHIFT
        return
    point = np.zeros(3, np.float64)
    set_point(origin[0], origin[1], point)
    x, y, z, latitude, longitude = point[0], point[1], point[2], origin[0], origin[1]
    for i in range(first, end):
        user = np.uint64(users[np.uint64(i)])
        steps = steps_between(points[user, 0], points[user, 1], points[user, 2], x, y, z)
        if steps < 0:
            steps = exact_steps(latitudes[user], longitudes[user], latitude, longitude)
        ties[np.uint64(i)] = 2 * np.int64(ratings[user]) + TIE_SHIFT - steps


@kernel
def offer_class(
    people: People,
    origin: FloatArray,
    score: int,
    blocks: int,
    shift: int,
    members: Words,
    tier: int,
    scratch: Scratch,
) -> None:
    """Offer the users of a plane, within ``blocks``, to a tier's top; all have ``score``, less than who is in it."""
    nearest, nearby = scratch.nearest, scratch.nearby
    state, top, spare = scratch.states[tier], scratch.tops[tier], scratch.tops[SPARE]
    users, ties = scratch.users[0], scratch.users[1]
    ratings, points, ranks = people.ratings, people.points, people.ranks
    neighbourhoods = len(people.balls)
    if math.isnan(origin[0]):
        nearest[:neighbourhoods] = 0
    else:
        point = np.zeros(3, np.float64)
        set_point(origin[0], origin[1], point)
        set_nearest_steps(people.balls, point, nearest)
    neighbourhoods = _order_by_nearness(nearest, neighbourhoods, blocks, shift, members, nearby)
    # How many have each tie: so the tie that is still wanted is known at every moment, without sorting.
    base, of_tie = score << TIE_BITS, np.zeros(_TIES + 1, np.int64)
    wanted, counted = state[LIMIT] - state[HELD], np.int64(0)
    door = max(np.int64(0), (state[DOOR] >> RANK_BITS) - base)
    kept, listed, n = np.int64(0), np.int64(0), np.int64(0)
    while n < neighbourhoods or listed > kept:
        # The walk goes outward: when the best rating would not do, nobody farther away can be wanted.
        while n < neighbourhoods and listed - kept < _WEIGHED_TOGETHER:
            neighbourhood = np.int64(nearby[np.uint64(n)])
            n += 1
            least = max(np.int64(0), (door - FARTHEST_STEPS + nearest[neighbourhood] + 1) >> 1)
            if least > MAX_RATING:
                n = neighbourhoods
                break
            listed = _list_neighbours(members, neighbourhood, ratings, points, least, users, listed)
        _weigh(people, origin, users, kept, listed, ties)
        first = kept
        for i in range(first, listed):
            tie = np.int64(ties[np.uint64(i)])
            if tie >= door:
                users[np.uint64(kept)] = users[np.uint64(i)]
                ties[np.uint64(kept)] = tie
                kept += 1
                of_tie[tie] += 1
                counted += 1
                while counted - of_tie[door] >= wanted:
                    counted -= of_tie[door]
                    door += 1
        listed = kept
    for i in range(kept):
        tie = np.int64(ties[np.uint64(i)])
        if tie >= door:
            push(state, top, spare, entry_of(base + tie, np.int64(ranks[np.uint64(users[np.uint64(i)])])))


@kernel
def _list_neighbours(
    members: Words,
    neighbourhood: int,
    ratings: npt.NDArray[np.uint8],
    points: npt.NDArray[np.int32],
    least: int,
    users: Users,
    listed: int,
) -> int:
    """Append the members of a neighbourhood rated ``least`` or better; returns the new end."""
    low = neighbourhood * NEIGHBOUR_WORDS
    for word in range(low, min(low + NEIGHBOUR_WORDS, len(members))):
        left = members[np.uint64(word)]
        if left != np.uint64(0) and word * 64 + 64 <= len(ratings):
            left &= bytes_at_least(ratings, word * 64, np.uint8(least))
        while left != np.uint64(0):
            user = word * 64 + lowest_bit(left)
            users[np.uint64(listed)] = user
            prefetch(points, user)
            left &= left - np.uint64(1)
            listed += 1
    return listed


@kernel
def _order_by_nearness(nearest: Int64Array, count: int, blocks: int, shift: int, members: Words, nearby: Users) -> int:
    """List the neighbourhoods, within some blocks, that have a member; those that can be nearest first.

    Returns their number.
    """
    starts = np.zeros(FARTHEST_STEPS + 2, np.int64)
    within = blocks if shift >= _NEIGHBOURS_SHIFT else np.int64(-1)
    inhabited = nearby[count:]
    number = np.int64(0)
    for i in range(count):
        if (within >> ((i << _NEIGHBOURS_SHIFT) >> shift)) & 1:
            anybody = np.uint64(0)
            for word in members[i * NEIGHBOUR_WORDS : (i + 1) * NEIGHBOUR_WORDS]:
                anybody |= word
            inhabited[np.uint64(number)] = i
            if anybody != np.uint64(0):
                number += 1
                starts[nearest[i] + 1] += 1
    for steps in range(FARTHEST_STEPS + 1):
        starts[steps + 1] += starts[steps]
    for j in range(number):
        i = np.int64(inhabited[np.uint64(j)])
        place = starts[nearest[i]]
        nearby[np.uint64(place)] = i
        starts[nearest[i]] = place + 1
    return number


@kernel
def spread(users: Users, number: int, shift: int, plane: Words) -> int:
    """Set the bits of a list's users; returns their blocks."""
    blocks = np.uint64(0)
    for i in range(number):
        user = np.uint64(users[np.uint64(i)])
        plane[user >> np.uint64(6)] |= np.uint64(1) << (user & np.uint64(63))
        blocks |= np.uint64(1) << (user >> np.uint64(shift))
    return np.int64(blocks)
