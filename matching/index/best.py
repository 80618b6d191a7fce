"""The best of a tier: groups are met by falling weight, and whoever cannot reach the best any more is no longer met.

A user's class is the choice of dimensions that he satisfies and the sum of the weights of the groups that he hits; its
score is known. *theta* is a score that enough users are known to reach: it only rises, and from it follows for every
choice of dimensions the sum that such a user still needs. When the groups that are left cannot give it, their lists take
note only of users who were met before (MaxScore, over classes instead of documents).
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import math

import numpy as np
import numpy.typing as npt

from matching.index.bits import popcount
from matching.index.choosing import list_plane, offer_users
from matching.index.jit import kernel
from matching.index.planes import clear, copy_plane
from matching.index.postings import Lists
from matching.index.scoring import (
    DIMENSIONS_MASK,
    DIMENSIONS_SHIFT,
    HITS_MASK,
    HITS_SHIFT,
    SUM_MASK,
    meet_group,
)
from matching.index.scratch import (
    ACTIVE,
    BONUS,
    CROWD,
    FIRSTS,
    FULL,
    INDUSTRY,
    ORDER,
    POINTS,
    REGION,
    SIZES,
    UNION,
    Scratch,
)
from matching.index.segment_arrays import People
from matching.index.sphere import set_point, steps_away
from matching.ranking import DOOR_KEY, LIMIT, TIE_BITS, TIE_SHIFT, push

Words = npt.NDArray[np.uint64]
Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float64]

NEVER = -(1 << 40)
"""Bonus of a choice of dimensions that is not graded."""

FULL_TIER, PARTIAL_TIER = 0, 1
_NEVER_NEEDED = 1 << 20
_WORTH_A_LOOK = 4
"""theta is looked for again when so many times more postings are left than users were met."""


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
def order_by_weight(query: Int64Array, weights: Int32Array, groups: int) -> None:
    """Groups in row ORDER: the heaviest first, of equals the one with the shorter lists."""
    for p in range(groups):
        place = p - 1
        while place >= 0:
            other = query[ORDER, place]
            if weights[other] > weights[p] or (weights[other] == weights[p] and query[SIZES, other] <= query[SIZES, p]):
                break
            query[ORDER, place + 1] = other
            place -= 1
        query[ORDER, place + 1] = p


@kernel
def meet_best(
    lists: Lists,
    weights: Int32Array,
    named: int,
    at_least: int,
    tier: int,
    floor: int,
    limit: int,
    blocks: int,
    shift: int,
    visible: Words,
    zeros: Int64Array,
    scratch: Scratch,
) -> tuple[int, int]:
    """Meet everybody who can be among the best ``limit`` of a tier; returns (users met, a score that enough reach).

    The full tier is row FULL of the planes. The partial tier are the visible users of all choices of dimensions in the
    dimensions' planes; ``zeros`` int64 (8): how many there are of each choice. ``floor``: a score known from elsewhere.
    """
    query, keys, planes = scratch.query, scratch.keys, scratch.planes
    marks, users = scratch.marks, scratch.users[0]
    groups = len(weights)
    total = np.int64(0)
    for p in range(groups):
        total += weights[p]
    order_by_weight(query, weights, groups)
    scored = np.int64(0)
    theta = max(floor, reached_score(scratch, named, at_least, tier, groups > 0, scored, zeros, total, limit))
    left, postings_left = total, np.int64(0)
    for p in range(groups):
        postings_left += query[SIZES, p]
    eligible = np.int64(-1)
    for j in range(groups):
        p = query[ORDER, j]
        now = _eligible(query, theta, total, left)
        if now != eligible:
            eligible = now
            _activate(query, eligible, tier, blocks, shift, visible, planes, users, scored)
        if eligible == 0 and scored == 0:
            break
        scored = meet_group(
            lists.postings, lists.bitmaps, keys, query[FIRSTS, p], query[FIRSTS, p + 1], p, np.int64(weights[p]),
            blocks, shift, planes, marks, users, scored,
        )  # fmt: skip
        left -= weights[p]
        postings_left -= query[SIZES, p]
        if j + 1 < groups and postings_left > _WORTH_A_LOOK * scored:
            theta = max(theta, reached_score(scratch, named, at_least, tier, True, scored, zeros, total, limit))
    if eligible != -1:
        clear(planes[ACTIVE], blocks, shift)
    return scored, max(theta, reached_score(scratch, named, at_least, tier, False, scored, zeros, total, limit))


@kernel
def _eligible(query: Int64Array, theta: int, total: int, left: int) -> int:
    """The choices of dimensions (one bit each) of which an unmet user can still reach ``theta``."""
    eligible = np.int64(0)
    for choice in range(8):
        needed = np.int64(_NEVER_NEEDED)
        if query[BONUS, choice] >= 0:
            needed = np.int64(0)
            while needed <= total and query[BONUS, choice] + query[POINTS, needed] < theta:
                needed += 1
        if needed == 0 or needed <= left:
            eligible |= 1 << choice
    return eligible


@kernel
def _graded(query: Int64Array) -> int:
    """Every choice of dimensions that is graded (one bit each)."""
    graded = np.int64(0)
    for choice in range(8):
        if query[BONUS, choice] >= 0:
            graded |= 1 << choice
    return graded


@kernel
def _activate(
    query: Int64Array, eligible: int, tier: int, blocks: int, shift: int, visible: Words, planes: Words, users: npt.NDArray[np.uint32],
    scored: int,
) -> None:  # fmt: skip
    """Set row ACTIVE to the users of the eligible choices and to those who were met before."""
    active = planes[ACTIVE]
    if tier == FULL_TIER:
        if eligible & 1:
            copy_plane(active, planes[FULL], blocks, shift)
            return
        clear(active, blocks, shift)
    elif eligible == _graded(query):
        copy_plane(active, visible, blocks, shift)
        return
    else:
        industry, region, crowd = planes[INDUSTRY], planes[REGION], planes[CROWD]
        active[:] = 0
        for choice in range(8):
            if (eligible >> choice) & 1:
                flip_industry = np.uint64(0) if choice & 1 else ~np.uint64(0)
                flip_region = np.uint64(0) if choice & 2 else ~np.uint64(0)
                flip_crowd = np.uint64(0) if choice & 4 else ~np.uint64(0)
                for i in range(len(active)):
                    active[i] |= (
                        (industry[i] ^ flip_industry) & (region[i] ^ flip_region) & (crowd[i] ^ flip_crowd) & visible[i]
                    )
    for i in range(scored):
        user = np.uint64(users[np.uint64(i)])
        active[user >> np.uint64(6)] |= np.uint64(1) << (user & np.uint64(63))


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
def _is_out(mark: int, named: int, at_least: int, tier: int, unfinished: bool) -> bool:
    """Whether a met user does not count: in the partial tier who is full (or, while groups are left, may become it), in the
    full tier who hits too few groups.
    """
    hits = (mark >> HITS_SHIFT) & HITS_MASK
    if tier == FULL_TIER:
        return hits < at_least
    return (mark >> DIMENSIONS_SHIFT) & DIMENSIONS_MASK == named and (unfinished or hits >= at_least)


@kernel
def reached_score(
    scratch: Scratch, named: int, at_least: int, tier: int, unfinished: bool, scored: int, zeros: Int64Array, total: int,
    limit: int,
) -> int:  # fmt: skip
    """The highest score that ``limit`` users are known to reach; 0 when there are fewer."""
    query, counts, marks, users = scratch.query, scratch.counts, scratch.marks, scratch.users[0]
    for choice in range(8):
        for reached in range(total + 1):
            counts[choice, reached] = 0
        if query[BONUS, choice] >= 0 and choice > 0 and not (choice == named and unfinished):
            counts[choice, 0] = zeros[choice]
    for i in range(scored):
        mark = np.int64(marks[np.uint64(users[np.uint64(i)])])
        choice = (mark >> DIMENSIONS_SHIFT) & DIMENSIONS_MASK
        if choice > 0 and not (choice == named and unfinished):
            counts[choice, 0] -= 1
        if not _is_out(mark, named, at_least, tier, unfinished):
            counts[choice, mark & SUM_MASK] += 1
    low, high = np.int64(0), np.int64(0)
    for choice in range(8):
        high = max(high, query[BONUS, choice] + query[POINTS, total])
        for reached in range(total - 1, -1, -1):
            counts[choice, reached] += counts[choice, reached + 1]
    while low < high:
        middle = (low + high + 1) >> 1
        users_reaching = np.int64(0)
        for choice in range(8):
            if query[BONUS, choice] >= 0:
                needed = _sum_for(query, middle - query[BONUS, choice], total)
                if needed <= total:
                    users_reaching += counts[choice, needed]
        if users_reaching >= limit:
            low = middle
        else:
            high = middle - 1
    return low


@kernel
def _sum_for(query: Int64Array, points: int, total: int) -> int:
    """The smallest sum of weights that gives so many points; above ``total`` when none does."""
    low, high = np.int64(0), total + 1
    while low < high:
        middle = (low + high) >> 1
        if query[POINTS, middle] < points:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def offer_met(
    people: People,
    origin: FloatArray,
    named: int,
    at_least: int,
    tier: int,
    theta: int,
    scored: int,
    visible: Words,
    shift: int,
    scratch: Scratch,
    state: Int64Array,
    keys: Int64Array,
    ids: Int64Array,
) -> None:
    """Offer to a top those who were met (and in the partial tier the unmet of strong dimensions) with ``theta`` or more."""
    query, planes, marks = scratch.query, scratch.planes, scratch.marks
    users, equals = scratch.users[0], scratch.users[1]
    point = np.empty(3, np.float64)
    has_origin = not math.isnan(origin[0])
    if has_origin:
        set_point(origin[0], origin[1], point)
    equal = np.int64(0)
    for i in range(scored):
        user = np.int64(users[np.uint64(i)])
        mark = np.int64(marks[np.uint64(user)])
        choice = (mark >> DIMENSIONS_SHIFT) & DIMENSIONS_MASK
        score = query[BONUS, choice] + query[POINTS, mark & SUM_MASK]
        if score < theta or _is_out(mark, named, at_least, tier, False):
            continue
        if score == theta:
            equals[np.uint64(equal)] = user
            equal += 1
            continue
        key = (score << TIE_BITS) + TIE_SHIFT + 2 * np.int64(people.ratings[np.uint64(user)])
        if has_origin and key >= state[DOOR_KEY]:
            key -= steps_away(people.points, people.latitudes, people.longitudes, user, origin, point)
        push(state, keys, ids, key, people.ids[np.uint64(user)])
    if tier == PARTIAL_TIER:
        for choice in range(1, 8):
            score = query[BONUS, choice]
            # Of those with all dimensions and no group, nobody is full: an order with groups needs one, and without
            # groups they all are.
            if score < theta or score < 0 or (choice == named and at_least == 0):
                continue
            begin = equal
            equal = _list_unmet(choice, visible, shift, planes, marks, equals, begin)
            if score > theta:
                offer_users(people, origin, equals, begin, equal, score, state, keys, ids)
                equal = begin
    offer_users(people, origin, equals, np.int64(0), equal, theta, state, keys, ids)


@kernel
def _list_unmet(
    choice: int, visible: Words, shift: int, planes: Words, marks: Int32Array, users: npt.NDArray[np.uint32], begin: int
) -> int:
    """Append the visible users of exactly these dimensions who were not met; returns the new end."""
    industry, region, crowd, union = planes[INDUSTRY], planes[REGION], planes[CROWD], planes[UNION]
    flip_industry = np.uint64(0) if choice & 1 else ~np.uint64(0)
    flip_region = np.uint64(0) if choice & 2 else ~np.uint64(0)
    flip_crowd = np.uint64(0) if choice & 4 else ~np.uint64(0)
    for i in range(len(visible)):
        union[i] = (industry[i] ^ flip_industry) & (region[i] ^ flip_region) & (crowd[i] ^ flip_crowd) & visible[i]
    listed = list_plane(union, np.int64(-1), shift, users, begin)
    union[:] = 0
    end = begin
    for i in range(begin, listed):
        user = users[np.uint64(i)]
        if marks[np.uint64(user)] == 0:
            users[np.uint64(end)] = user
            end += 1
    return end
