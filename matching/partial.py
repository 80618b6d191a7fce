"""The partial tier: who satisfies a dimension or hits a keyword group, and is not full; and counts of both tiers."""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import numpy as np
import numpy.typing as npt

from matching.index.bits import popcount
from matching.index.classes import PARTIAL_TIER, set_bonus
from matching.index.jit import kernel
from matching.index.planes import add_to_hits, mark_enough_hits, unite_lists
from matching.index.postings import Lists
from matching.index.requirements import fill_required
from matching.index.scratch import (
    ACTIVE,
    CIRCLE,
    FIRSTS,
    INDUSTRY,
    PARTIAL_IDS,
    PARTIAL_KEYS,
    PARTIAL_TOP,
    UNION,
    Scratch,
)
from matching.index.segment_arrays import BatchArrays, People
from matching.index.slicing import offer_sliced
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
def empty_dimensions(scratch: Scratch) -> None:
    """Leave the planes of the dimensions as the next query expects them."""
    for dimension in range(3):
        scratch.planes[INDUSTRY + dimension, :] = 0


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
    state = scratch.states[PARTIAL_TOP]
    if state[LIMIT] == 0:
        return
    first_plane = batch.plane_starts[q]
    weights = batch.plane_weights[first_plane : first_plane + groups]
    named = np.int64(batch.named[q]) >> 1
    set_bonus(scratch.query, np.int64(0), named, batch.weights)
    offer_sliced(
        lists, people, batch.origin[q], weights, named, np.int64(batch.at_least[q]), PARTIAL_TIER,
        np.int64(ALL_BLOCKS), shift, visible, scratch, state, scratch.tops[PARTIAL_KEYS], scratch.tops[PARTIAL_IDS],
    )  # fmt: skip


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
    query, keys, plane, hits = scratch.query, scratch.keys, scratch.planes[UNION], scratch.hits
    everywhere = np.int64(ALL_BLOCKS)
    if at_least == 1:
        plane[:] = scratch.planes[ACTIVE]
    else:
        bits = np.int64(0)
        while (1 << bits) <= groups:
            bits += 1
        hits[:bits] = 0
        for p in range(groups):
            plane[:] = 0
            unite_lists(
                lists.postings, lists.bitmaps, keys, query[FIRSTS, p], query[FIRSTS, p + 1], everywhere, shift, plane
            )
            add_to_hits(hits, bits, plane, everywhere, shift)
        mark_enough_hits(hits, bits, at_least, plane, everywhere, shift)
    users = np.int64(0)
    for i in range(len(visible)):
        users += popcount(plane[i] & visible[i])
    return users
