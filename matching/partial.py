"""The partial tier: who satisfies a dimension or hits a keyword group, and is not full; and counts of both tiers."""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import numpy as np
import numpy.typing as npt

from matching.index.bits import popcount
from matching.index.classes import PARTIAL_TIER, set_bonus
from matching.index.jit import kernel
from matching.index.planes import clear, unite_lists
from matching.index.postings import Lists
from matching.index.requirements import fill_required, unite_enough
from matching.index.scratch import (
    ACTIVE,
    BLOCKS,
    CIRCLE,
    FIRSTS,
    INDUSTRY,
    MOST,
    OPEN,
    UNION,
    Scratch,
)
from matching.index.segment_arrays import BatchArrays, People
from matching.index.slicing import offer_sliced, sum_of
from matching.ranking import LIMIT

ALL_BLOCKS = -1

Words = npt.NDArray[np.uint64]
Int64Array = npt.NDArray[np.int64]


@kernel
def fill_dimensions(lists: Lists, groups: int, circle_of: int, shift: int, scratch: Scratch) -> None:
    """Set the planes of the three dimensions; those that the query does not name stay empty."""
    for dimension in range(3):
        fill_required(
            lists.postings, lists.bitmaps, scratch.keys, scratch.query, groups + dimension, circle_of,
            scratch.planes[CIRCLE], np.int64(ALL_BLOCKS), shift, scratch.planes[INDUSTRY + dimension],
        )  # fmt: skip


@kernel
def empty_dimensions(groups: int, shift: int, scratch: Scratch) -> None:
    """Leave the planes of the dimensions as the next query expects them."""
    for dimension in range(3):
        clear(scratch.planes[INDUSTRY + dimension], scratch.query[BLOCKS, groups + dimension], shift)


@kernel
def match_partial(
    lists: Lists,
    people: People,
    batch: BatchArrays,
    q: int,
    groups: int,
    visible: Words,
    shift: int,
    scratch: Scratch,
) -> None:
    """Push the best of the partial tier of query ``q`` to the partial top; the dimensions' planes are filled."""
    if scratch.states[PARTIAL_TIER, LIMIT] == 0:
        return
    first_plane = batch.plane_starts[q]
    weights = batch.plane_weights[first_plane : first_plane + groups]
    named, at_least = np.int64(batch.named[q]) >> 1, np.int64(batch.at_least[q])
    total = sum_of(weights)
    set_bonus(scratch.query, np.int64(0), named, batch.weights)
    least, seen = np.int64(1), visible
    for choice in range(8):
        scratch.query[MOST, choice] = total
    # Of those who satisfy all dimensions, whoever hits enough groups is full: his sum tells, but for one case.
    if at_least <= 1 or total == groups:
        scratch.query[MOST, named] = at_least - 1
    elif at_least == groups:
        scratch.query[MOST, named] = total - 1
    else:
        seen = scratch.wide[OPEN]
        leave_full_out(lists, groups, named, at_least, visible, shift, scratch, seen)
    offer_sliced(
        lists, people, batch.origin[q], weights, named, least, PARTIAL_TIER, np.int64(ALL_BLOCKS), shift, seen, scratch
    )


@kernel
def leave_full_out(
    lists: Lists, groups: int, named: int, at_least: int, visible: Words, shift: int, scratch: Scratch, seen: Words
) -> None:
    """Set ``seen`` to the visible users who lack a named dimension or hit fewer than ``at_least`` groups."""
    planes, plane = scratch.planes, scratch.planes[UNION]
    unite_enough(lists, groups, at_least, np.int64(ALL_BLOCKS), shift, scratch)
    for dimension in range(3):
        if (named >> dimension) & 1:
            satisfied = planes[INDUSTRY + dimension]
            for i in range(len(plane)):
                plane[i] &= satisfied[i]
    for i in range(len(plane)):
        seen[i] = visible[i] & ~plane[i]
    plane[:] = 0


@kernel
def count_tiers(
    lists: Lists,
    batch: BatchArrays,
    q: int,
    groups: int,
    visible: Words,
    shift: int,
    scratch: Scratch,
    dimension_counts: Int64Array,
) -> int:
    """Count who satisfies each dimension of query ``q``; returns the users of both tiers together.

    The dimensions' planes are filled.
    """
    query, keys, planes = scratch.query, scratch.keys, scratch.planes
    some, plane = planes[ACTIVE], planes[UNION]
    named, at_least = np.int64(batch.named[q]), np.int64(batch.at_least[q])
    everywhere = np.int64(ALL_BLOCKS)
    for dimension in range(3):
        if named & (2 << dimension):
            satisfied = planes[INDUSTRY + dimension]
            users = np.int64(0)
            for i in range(len(visible)):
                users += popcount(satisfied[i] & visible[i])
            dimension_counts[dimension + 1] = users
    if groups > 0:
        unite_lists(
            lists.postings, lists.bitmaps, keys, query[FIRSTS, 0], query[FIRSTS, groups], everywhere, shift, some
        )
        dimension_counts[0] = _count_keywords(lists, groups, at_least, visible, shift, scratch)
    total = np.int64(0)
    for i in range(len(visible)):
        anything = some[i] | planes[INDUSTRY, i] | planes[INDUSTRY + 1, i] | planes[INDUSTRY + 2, i]
        total += popcount(anything & visible[i])
    some[:] = 0
    plane[:] = 0
    return total


@kernel
def _count_keywords(lists: Lists, groups: int, at_least: int, visible: Words, shift: int, scratch: Scratch) -> int:
    """Visible users who hit ``at_least`` groups; row ACTIVE has those who hit any."""
    plane = scratch.planes[UNION]
    if at_least == 1:
        plane[:] = scratch.planes[ACTIVE]
    else:
        unite_enough(lists, groups, at_least, np.int64(ALL_BLOCKS), shift, scratch)
    users = np.int64(0)
    for i in range(len(visible)):
        users += popcount(plane[i] & visible[i])
    return users
