"""The full tier: who satisfies every named dimension. Four ways, by what is few:

- rule "all": groups are requirements like dimensions, and everybody who meets them scores the same;
- few users hit any group: they are met first, and the dimensions filter them;
- few users meet the dimensions: they are made active, and the groups' lists meet them;
- many of both: planes decide who is in, and the groups are summed in slices.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import numpy as np
import numpy.typing as npt

from matching.compilation import REGION_NAMED
from matching.index.choosing import AS_CLASS_FROM, offer_class, offer_users, spread
from matching.index.classes import FULL_TIER, reached_score, set_bonus
from matching.index.geogrid import keep_near
from matching.index.jit import kernel
from matching.index.planes import (
    clear,
    copy_plane,
    keep_both,
    unite_lists,
)
from matching.index.postings import Lists
from matching.index.requirements import common_blocks, keep_candidates, meet_all, order_by_size, unite_enough
from matching.index.scoring import HITS_MASK, HITS_SHIFT, SUM_MASK, meet_group, score_of
from matching.index.scratch import (
    BLOCKS,
    FEW,
    FIRSTS,
    FULL,
    MET_AT_MOST,
    MET_FIRST,
    MOST,
    ORDER,
    POINTS,
    SIZES,
    SPARSE,
    UNION,
    Scratch,
)
from matching.index.segment_arrays import BatchArrays, People
from matching.index.slicing import offer_sliced, sum_of
from matching.ranking import DOOR, LIMIT, RANK_BITS, TIE_BITS

Words = npt.NDArray[np.uint64]
Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float64]


MEASURED = -3
"""In place of the plane that a circle belongs to: it is not drawn, for few users meet the rest; they are measured."""


@kernel
def sum_of_dimensions(named: int, weights: Int64Array) -> int:
    """The weights of the named dimensions other than keywords."""
    total = np.int64(0)
    for dimension in range(1, 4):
        if named & (1 << dimension):
            total += weights[dimension]
    return total


@kernel
def _list_requirements(query: Int64Array, named: int, groups: int, required_groups: int) -> int:
    """Planes that must all be met, in row ORDER: the named dimensions and the first groups; returns their number."""
    required = np.int64(0)
    for dimension in range(1, 4):
        if named & (1 << dimension):
            query[ORDER, required] = groups + dimension - 1
            required += 1
    for p in range(required_groups):
        query[ORDER, required] = p
        required += 1
    return required


@kernel
def match_full(
    lists: Lists,
    people: People,
    batch: BatchArrays,
    q: int,
    groups: int,
    total: int,
    circle_of: int,
    circle: Words,
    visible: Words,
    shift: int,
    keeps_set: int,
    scratch: Scratch,
) -> int:
    """Count the full tier of the prepared query ``q`` and push its best to the full top.

    With ``keeps_set`` nothing is ranked: the users are row FULL of the planes afterwards, in blocks ``scratch.left``,
    or when that is 0 in the first row of ``scratch.users``.
    """
    scratch.left[0] = 0
    query, planes, users = scratch.query, scratch.planes, scratch.users[0]
    first_plane = batch.plane_starts[q]
    weights = batch.plane_weights[first_plane : first_plane + groups]
    named, at_least = np.int64(batch.named[q]), np.int64(batch.at_least[q])
    base = sum_of_dimensions(named, batch.weights)
    graded = groups > 0 and at_least < groups
    measured = circle_of == MEASURED
    required = _list_requirements(
        query, named & ~REGION_NAMED if measured else named, groups, np.int64(0) if graded else groups
    )
    if groups > 0 and not graded:
        base += query[POINTS, total]
    order_by_size(query, required)
    blocks = common_blocks(query, required, np.int64(-1))
    if graded:
        return _match_graded(
            lists, people, batch, q, weights, total, base, required, circle_of, circle, visible, blocks, shift,
            keeps_set, scratch,
        )  # fmt: skip
    if blocks == 0:
        return np.int64(0)
    found, left = meet_all(
        lists.postings, lists.bitmaps, scratch.keys, query, required, circle_of, circle, visible, blocks, shift,
        scratch.tuning[FEW], planes, users,
    )  # fmt: skip
    if measured:
        found = keep_near(people, batch.near[q], users, found)
    if keeps_set:
        scratch.left[0] = left
        return found
    if found > 0 and scratch.states[FULL_TIER, LIMIT] > 0:
        _offer_equals(people, batch.origin[q], base, found, left, shift, scratch)
    clear(planes[FULL], blocks, shift)
    return found


@kernel
def _match_graded(
    lists: Lists,
    people: People,
    batch: BatchArrays,
    q: int,
    weights: Int32Array,
    total: int,
    base: int,
    required: int,
    circle_of: int,
    circle: Words,
    visible: Words,
    blocks: int,
    shift: int,
    keeps_set: int,
    scratch: Scratch,
) -> int:
    """The full tier of a query of which some groups are enough: "any", or "at least" so many."""
    query, keys, planes, users = scratch.query, scratch.keys, scratch.planes, scratch.users[0]
    groups, at_least = len(weights), np.int64(batch.at_least[q])
    postings, bitmaps = lists.postings, lists.bitmaps
    listed, sparse, of_groups = np.int64(0), np.int64(0), np.int64(0)
    for p in range(groups):
        listed += query[SIZES, p]
        sparse += query[SPARSE, p]
        of_groups |= query[BLOCKS, p]
    blocks &= of_groups
    if blocks == 0:
        return np.int64(0)
    set_bonus(query, base, np.int64(0), batch.weights)
    few = listed <= scratch.tuning[MET_FIRST] and sparse == listed
    active, left = visible, blocks
    if not few and required > 0:
        number, left = meet_all(
            postings, bitmaps, keys, query, required, circle_of, circle, visible, blocks, shift, scratch.tuning[FEW],
            planes, users,
        )  # fmt: skip
        if left == 0:
            left = spread(users, number, shift, planes[FULL])
        active = planes[FULL]
        most = np.int64(0) if keeps_set else scratch.tuning[MET_AT_MOST]
        if listed * number > most * planes.shape[1] * 64:
            return _match_planes(lists, people, batch, q, weights, left, blocks, shift, keeps_set, scratch)
    elif required == 0 and (keeps_set or listed > scratch.tuning[MET_AT_MOST]):
        copy_plane(planes[FULL], visible, blocks, shift)
        return _match_planes(lists, people, batch, q, weights, blocks, blocks, shift, keeps_set, scratch)
    scored = np.int64(0)
    for p in range(groups):
        scored = meet_group(
            postings, bitmaps, keys, query[FIRSTS, p], query[FIRSTS, p + 1], p, np.int64(weights[p]), left, shift,
            active, scratch.marks, scratch.users, scored,
        )  # fmt: skip
    clear(planes[FULL], blocks, shift)
    met = scored
    if few and required > 0:
        met = _filter_met(lists, required, circle_of, circle, blocks, shift, scored, scratch)
    return _finish(people, batch, q, total, met, at_least, shift, keeps_set, scratch)


@kernel
def _offer_equals(
    people: People, origin: FloatArray, score: int, found: int, left: int, shift: int, scratch: Scratch
) -> None:
    """Offer users of one score to the full top: row FULL of the planes in blocks ``left``, or a list when that is 0."""
    planes, users = scratch.planes, scratch.users[0]
    if left == 0 and found < AS_CLASS_FROM:
        offer_users(people, origin, found, score, FULL_TIER, scratch)
        return
    plane, blocks = planes[FULL], left
    if left == 0:
        plane = planes[UNION]
        blocks = spread(users, found, shift, plane)
    offer_class(people, origin, score, blocks, shift, plane, FULL_TIER, scratch)
    if left == 0:
        clear(plane, blocks, shift)


@kernel
def _filter_met(
    lists: Lists, required: int, circle_of: int, circle: Words, blocks: int, shift: int, scored: int, scratch: Scratch
) -> int:
    """Keep of the users who were met those who meet the requirements of row ORDER; the others are forgotten."""
    users, kept_users, marks = scratch.users[0], scratch.users[1], scratch.marks
    for i in range(scored):
        kept_users[i] = users[i]
    kept = keep_candidates(
        lists.postings, lists.bitmaps, scratch.keys, scratch.query, np.int64(0), required, circle_of, circle, blocks,
        shift, scratch.planes[UNION], kept_users, scored,
    )  # fmt: skip
    place = np.int64(0)
    for i in range(scored):
        user = users[i]
        if place < kept and kept_users[place] == user:
            users[place] = user
            place += 1
        else:
            marks[np.uint64(user)] = 0
    return kept


@kernel
def _finish(
    people: People,
    batch: BatchArrays,
    q: int,
    total: int,
    scored: int,
    at_least: int,
    shift: int,
    keeps_set: int,
    scratch: Scratch,
) -> int:
    """Count, rank (or list) and forget the users who were met and hit enough groups."""
    query, counts, users, scores = scratch.query, scratch.counts, scratch.users[0], scratch.users[1]
    marks, state = scratch.marks, scratch.states[FULL_TIER]
    counts[0, : total + 1] = 0
    found = np.int64(0)
    for i in range(scored):
        user = users[np.uint64(i)]
        mark = np.int64(marks[np.uint64(user)])
        marks[np.uint64(user)] = 0
        users[np.uint64(found)] = user
        scores[np.uint64(found)] = score_of(query, mark & SUM_MASK)
        enough = np.int64((mark >> HITS_SHIFT) & HITS_MASK >= at_least)
        counts[0, mark & SUM_MASK] += enough
        found += enough
    if keeps_set or found == 0 or state[LIMIT] == 0:
        return found
    theta = max(np.int64(0), state[DOOR] >> (RANK_BITS + TIE_BITS))
    if found > state[LIMIT]:
        query[MOST, 0] = total
        reached, _ = reached_score(query, counts, np.int64(0), np.int64(0), state[LIMIT])
        theta = max(theta, reached)
    origin, planes = batch.origin[q], scratch.planes
    above, equal, blocks = np.int64(0), np.int64(0), np.uint64(0)
    for i in range(found):
        user, score = users[np.uint64(i)], np.int64(scores[np.uint64(i)])
        users[np.uint64(above)] = user
        scores[np.uint64(above)] = score
        above += np.int64(score > theta)
        if score == theta:
            planes[UNION, np.uint64(user >> np.uint32(6))] |= np.uint64(1) << np.uint64(user & np.uint32(63))
            blocks |= np.uint64(1) << np.uint64(user >> np.uint32(shift))
            equal += 1
    offer_users(people, origin, above, np.int64(-1), FULL_TIER, scratch)
    if equal > 0:
        offer_class(people, origin, theta, np.int64(blocks), shift, planes[UNION], FULL_TIER, scratch)
        clear(planes[UNION], np.int64(blocks), shift)
    return found


@kernel
def _match_planes(
    lists: Lists,
    people: People,
    batch: BatchArrays,
    q: int,
    weights: Int32Array,
    left: int,
    blocks: int,
    shift: int,
    keeps_set: int,
    scratch: Scratch,
) -> int:
    """Finish a graded query whose dimensions are met by row FULL of the planes, in the blocks ``left``."""
    query, keys, planes, state = scratch.query, scratch.keys, scratch.planes, scratch.states[FULL_TIER]
    full, union = planes[FULL], planes[UNION]
    groups, at_least = len(weights), np.int64(batch.at_least[q])
    if at_least == 1:
        unite_lists(lists.postings, lists.bitmaps, keys, query[FIRSTS, 0], query[FIRSTS, groups], left, shift, union)
    else:
        unite_enough(lists, groups, at_least, left, shift, scratch)
    kept, counted = keep_both(full, full, union, left, shift)
    clear(union, left, shift)
    if keeps_set:
        scratch.left[0] = kept
        return counted
    if counted > 0 and state[LIMIT] > 0:
        query[MOST, 0] = sum_of(weights)
        offer_sliced(
            lists, people, batch.origin[q], weights, np.int64(0), np.int64(0), FULL_TIER, kept, shift, full, scratch
        )
    clear(full, blocks, shift)
    return counted
