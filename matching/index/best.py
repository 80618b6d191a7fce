"""The best of a tier: groups are met by falling weight, and whoever cannot reach the best any more is no longer met.

*theta* is a score that enough users are known to reach: it only rises, and from it follows for every choice of
dimensions the sum of group weights that such a user still needs. When the groups that are left cannot give it, their
lists take note only of users who were met before (MaxScore, over classes instead of documents).
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import numpy as np
import numpy.typing as npt

from matching.index.choosing import list_plane, offer_users, score_of
from matching.index.classes import FINISHED, PARTIAL_TIER, UNFINISHED, is_out, reached_score, sum_for
from matching.index.jit import kernel
from matching.index.planes import copy_plane
from matching.index.postings import Lists
from matching.index.scoring import meet_group
from matching.index.scratch import (
    ACTIVE,
    BONUS,
    CROWD,
    FIRSTS,
    FULL,
    INDUSTRY,
    ORDER,
    REGION,
    SIZES,
    UNION,
    Scratch,
)
from matching.index.segment_arrays import People

Words = npt.NDArray[np.uint64]
Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float64]

ALL_BLOCKS = -1
_WORTH_A_LOOK = 4
"""theta is looked for again when so many times more postings are left than users were met."""


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
    floor: int,
    limit: int,
    shift: int,
    visible: Words,
    zeros: Int64Array,
    scratch: Scratch,
) -> tuple[int, int]:
    """Mark everybody who can be among the best ``limit`` of the partial tier and hits a group.

    Returns (users marked, a score that enough are known to reach). The dimensions' planes are filled; ``zeros`` as in
    ``reached_score``; ``floor`` is a score known from elsewhere.
    """
    query, keys, planes = scratch.query, scratch.keys, scratch.planes
    marks, users = scratch.marks, scratch.users[0]
    groups = len(weights)
    everywhere = np.int64(ALL_BLOCKS)
    total, postings_left = np.int64(0), np.int64(0)
    for p in range(groups):
        total += weights[p]
        postings_left += query[SIZES, p]
    order_by_weight(query, weights, groups)
    scored = np.int64(0)
    theta = max(floor, reached_score(scratch, named, at_least, PARTIAL_TIER, UNFINISHED, scored, zeros, total, limit))
    left = total
    eligible = np.int64(-1)
    for j in range(groups):
        p = query[ORDER, j]
        now = _eligible(query, theta, total, left)
        if now != eligible:
            eligible = now
            _activate(query, eligible, shift, visible, planes, users, scored)
        if eligible == 0 and scored == 0:
            break
        scored = meet_group(
            lists.postings, lists.bitmaps, keys, query[FIRSTS, p], query[FIRSTS, p + 1], p, np.int64(weights[p]),
            everywhere, shift, planes[ACTIVE], planes, marks, scratch.users, scored,
        )  # fmt: skip
        left -= weights[p]
        postings_left -= query[SIZES, p]
        if j + 1 < groups and postings_left > _WORTH_A_LOOK * scored:
            reached = reached_score(scratch, named, at_least, PARTIAL_TIER, UNFINISHED, scored, zeros, total, limit)
            theta = max(theta, reached)
    if eligible != -1:
        planes[ACTIVE, :] = 0
    return scored, max(
        theta, reached_score(scratch, named, at_least, PARTIAL_TIER, FINISHED, scored, zeros, total, limit)
    )


@kernel
def _eligible(query: Int64Array, theta: int, total: int, left: int) -> int:
    """The choices of dimensions (one bit each) of which an unmet user can still reach ``theta``."""
    eligible = np.int64(0)
    for choice in range(8):
        if query[BONUS, choice] >= 0 and sum_for(query, theta - query[BONUS, choice], total) <= left:
            eligible |= 1 << choice
    return eligible


@kernel
def _activate(
    query: Int64Array, eligible: int, shift: int, visible: Words, planes: Words, users: npt.NDArray[np.uint32],
    scored: int,
) -> None:  # fmt: skip
    """Set row ACTIVE to the users of the eligible choices and to those who were met before."""
    active = planes[ACTIVE]
    graded = np.int64(0)
    for choice in range(8):
        if query[BONUS, choice] >= 0:
            graded |= 1 << choice
    if eligible == graded:
        copy_plane(active, visible, np.int64(ALL_BLOCKS), shift)
        return
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
    """Offer to a top whoever has ``theta`` or more: of those who were met, and in the partial tier of the unmet too."""
    query, planes, marks = scratch.query, scratch.planes, scratch.marks
    users, chosen = scratch.users[0], scratch.users[1]
    equal, above = np.int64(0), np.int64(len(chosen))
    for i in range(scored):
        user = users[np.uint64(i)]
        mark = np.int64(marks[np.uint64(user)])
        score = score_of(query, mark)
        if score < theta or is_out(mark, named, at_least, tier):
            continue
        # Whoever is better than theta fills the row from its end.
        if score == theta:
            chosen[np.uint64(equal)] = user
            equal += 1
        else:
            above -= 1
            chosen[np.uint64(above)] = user
    offer_users(people, origin, above, np.int64(len(chosen)), np.int64(-1), np.int64(1), scratch, state, keys, ids)
    if tier == PARTIAL_TIER:
        for choice in range(1, 8):
            score = query[BONUS, choice]
            # Of those with all dimensions and no group nobody is full, for that takes a group; without groups all are.
            if score < theta or score < 0 or (choice == named and at_least == 0):
                continue
            begin = equal
            equal = _list_unmet(choice, visible, shift, planes, marks, chosen, begin)
            if score > theta:
                offer_users(people, origin, begin, equal, score, np.int64(1), scratch, state, keys, ids)
                equal = begin
    offer_users(people, origin, np.int64(0), equal, theta, np.int64(1), scratch, state, keys, ids)


@kernel
def _list_unmet(
    choice: int, visible: Words, shift: int, planes: Words, marks: Int32Array, users: npt.NDArray[np.uint32], begin: int
) -> int:
    """Append the visible users of exactly these dimensions who were neither met nor found full; returns the new end."""
    industry, region, crowd, union = planes[INDUSTRY], planes[REGION], planes[CROWD], planes[UNION]
    full = planes[FULL]
    flip_industry = np.uint64(0) if choice & 1 else ~np.uint64(0)
    flip_region = np.uint64(0) if choice & 2 else ~np.uint64(0)
    flip_crowd = np.uint64(0) if choice & 4 else ~np.uint64(0)
    for i in range(len(visible)):
        union[i] = (industry[i] ^ flip_industry) & (region[i] ^ flip_region) & (crowd[i] ^ flip_crowd)
        union[i] &= visible[i] & ~full[i]
    listed = list_plane(union, np.int64(-1), shift, users, begin)
    union[:] = 0
    end = begin
    for i in range(begin, listed):
        user = users[np.uint64(i)]
        if marks[np.uint64(user)] == 0:
            users[np.uint64(end)] = user
            end += 1
    return end
