"""Classes of users: which dimensions a user satisfies, and the sum of the weights of the groups that he hits.

A class has one score, so counting classes tells which score enough users reach, before anybody is ranked.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import numpy as np
import numpy.typing as npt

from matching.index.jit import kernel
from matching.index.scratch import BONUS, MOST, NEEDED, ORDER, POINTS

Int64Array = npt.NDArray[np.int64]

NEVER = -(1 << 40)
"""Bonus of a choice of dimensions that is not graded."""

FULL_TIER, PARTIAL_TIER = np.int64(0), np.int64(1)
"""Machine integers: of a Python constant the compiler makes a version of its own of every function it is handed to."""


@kernel
def set_bonus(query: Int64Array, base: int, graded: int, weights: Int64Array) -> None:
    """Points of every choice of dimensions (bits 1 industry, 2 region, 4 crowd) out of ``graded``, beside ``base``."""
    for choice in range(8):
        bonus = base
        for dimension in range(3):
            if choice & (1 << dimension):
                bonus += weights[dimension + 1]
        query[BONUS, choice] = NEVER if choice & ~graded else bonus


@kernel
def set_needed(query: Int64Array, graded: int, least: int, theta: int, total: int) -> int:
    """The sum that a user of every graded choice needs for a score above ``theta``; returns how many classes have one.

    ``least``: the smallest sum that counts without any dimension; row MOST has the largest that counts with each.
    """
    classes = np.int64(0)
    for choice in range(8):
        query[NEEDED, choice] = total + 1
        if choice & ~graded == 0:
            needed = sum_for(query, theta + 1 - query[BONUS, choice], total)
            query[NEEDED, choice] = needed if choice else max(needed, least)
            classes += max(np.int64(0), query[MOST, choice] + 1 - query[NEEDED, choice])
    return classes


@kernel
def reached_score(query: Int64Array, counts: Int64Array, graded: int, least: int, limit: int) -> tuple[int, int]:
    """The highest score that ``limit`` users reach, and how many are above it; (0, all of them) when there are fewer.

    ``counts`` int64 (8, SUMS): users by choice of dimensions and sum of group weights.
    """
    places = query[ORDER]
    for choice in range(8):
        places[choice] = query[MOST, choice] if choice & ~graded == 0 else np.int64(-1)
    users, above, last = np.int64(0), np.int64(0), np.int64(-1)
    while True:
        # Scores fall with the sum within a choice: the best class that is left is the best of eight heads.
        best, score = np.int64(-1), np.int64(-1)
        for choice in range(8):
            if places[choice] >= (least if choice == 0 else 0):
                points = query[BONUS, choice] + query[POINTS, places[choice]]
                if points > score:
                    best, score = np.int64(choice), points
        if best < 0:
            return np.int64(0), users
        if score != last:
            above, last = users, score
        users += counts[best, places[best]]
        if users >= limit:
            return score, above
        places[best] -= 1


@kernel
def sum_for(query: Int64Array, points: int, total: int) -> int:
    """The smallest sum of weights that gives so many points; above ``total`` when none does."""
    low, high = np.int64(0), total + 1
    while low < high:
        middle = (low + high) >> 1
        if query[POINTS, middle] < points:
            low = middle + 1
        else:
            high = middle
    return low
