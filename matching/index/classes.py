"""Classes of users: which dimensions a user satisfies, and the sum of the weights of the groups that he hits.

A class has one score, so counting classes tells which score enough users reach, before anybody is ranked.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import numpy as np
import numpy.typing as npt

from matching.index.bits import popcount
from matching.index.jit import kernel
from matching.index.scoring import DIMENSIONS_MASK, DIMENSIONS_SHIFT, HITS_MASK, HITS_SHIFT, SUM_MASK
from matching.index.scratch import BONUS, CROWD, INDUSTRY, POINTS, REGION, Scratch

Words = npt.NDArray[np.uint64]
Int64Array = npt.NDArray[np.int64]

NEVER = -(1 << 40)
"""Bonus of a choice of dimensions that is not graded."""

FULL_TIER, PARTIAL_TIER = np.int64(0), np.int64(1)
"""Machine integers: of a Python constant the compiler makes a version of its own of every function it is handed to."""

FINISHED, UNFINISHED = np.int64(0), np.int64(1)


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
def count_choices(planes: Words, visible: Words, graded: int, zeros: Int64Array) -> None:
    """Count the visible users of every choice of dimensions but the empty one."""
    industry, region, crowd = planes[INDUSTRY], planes[REGION], planes[CROWD]
    zeros[0] = 0
    for choice in range(1, 8):
        zeros[choice] = 0
        if choice & ~graded:
            continue
        flip_industry = np.uint64(0) if choice & 1 else ~np.uint64(0)
        flip_region = np.uint64(0) if choice & 2 else ~np.uint64(0)
        flip_crowd = np.uint64(0) if choice & 4 else ~np.uint64(0)
        users = np.int64(0)
        for i in range(len(visible)):
            users += popcount(
                (industry[i] ^ flip_industry) & (region[i] ^ flip_region) & (crowd[i] ^ flip_crowd) & visible[i]
            )
        zeros[choice] = users


@kernel
def is_out(mark: int, named: int, at_least: int, tier: int) -> bool:
    """Whether a marked user does not count: full, in the partial tier; too few groups, in the full one."""
    hits = (mark >> HITS_SHIFT) & HITS_MASK
    if tier == FULL_TIER:
        return hits < at_least
    return (mark >> DIMENSIONS_SHIFT) & DIMENSIONS_MASK == named and hits >= at_least


@kernel
def reached_score(
    scratch: Scratch, named: int, at_least: int, tier: int, unfinished: int, scored: int, zeros: Int64Array, total: int,
    limit: int,
) -> int:  # fmt: skip
    """The highest score that ``limit`` users are known to reach; 0 when there are fewer.

    ``zeros`` int64 (8): users of every choice of dimensions who count, whatever groups they hit. While the groups of
    the marked users are ``unfinished`` (1), those with all named dimensions may still turn out full: they do not count.
    """
    query, counts, marks, users = scratch.query, scratch.counts, scratch.marks, scratch.users[0]
    for choice in range(8):
        for reached in range(total + 1):
            counts[choice, reached] = 0
        counts[choice, 0] = zeros[choice]
    for i in range(scored):
        mark = np.int64(marks[np.uint64(users[np.uint64(i)])])
        choice = (mark >> DIMENSIONS_SHIFT) & DIMENSIONS_MASK
        if unfinished and choice == named:
            counts[choice, 0] -= 1
        elif not is_out(mark, named, at_least, tier):
            counts[choice, 0] -= 1
            counts[choice, mark & SUM_MASK] += 1
    for choice in range(8):
        # The empty choice has no users without a group: its count went below zero for every one marked.
        counts[choice, 0] = max(np.int64(0), counts[choice, 0])
        for reached in range(total - 1, -1, -1):
            counts[choice, reached] += counts[choice, reached + 1]
    return _highest_of(query, counts, total, limit)


@kernel
def _highest_of(query: Int64Array, counts: Int64Array, total: int, limit: int) -> int:
    """The highest score that ``limit`` users reach; ``counts``: by choice, users of so large a sum or a larger one."""
    low, high = np.int64(0), np.int64(0)
    for choice in range(8):
        high = max(high, query[BONUS, choice] + query[POINTS, total])
    while low < high:
        middle = (low + high + 1) >> 1
        users = np.int64(0)
        for choice in range(8):
            if query[BONUS, choice] >= 0:
                needed = sum_for(query, middle - query[BONUS, choice], total)
                if needed <= total:
                    users += counts[choice, needed]
        if users >= limit:
            low = middle
        else:
            high = middle - 1
    return low


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
