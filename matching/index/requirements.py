"""Users who meet several requirements at once: a requirement is the union of some lists, and of a circle for a region.

Two forms of the same set: a *plane* while there are many, *candidates* (a plain list) as soon as there are few. The
smallest requirement comes first; each further one only looks into the blocks where somebody is left.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import numpy as np
import numpy.typing as npt

from matching.index.jit import kernel
from matching.index.choosing import list_plane
from matching.index.lookup import first_from
from matching.index.planes import clear, copy_plane, count_plane, keep_both, unite_lists, unite_plane
from matching.index.scratch import BLOCKS, ENDS, FIRSTS, FULL, ORDER, ROWS, SIZES, SPARSE, STARTS, UNION

Int64Array = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Postings = npt.NDArray[np.uint32]

FEW = 4_096
"""So many users are tested one by one; more are worked on as a plane."""

_SEARCH_COST = 5
"""A step of a binary search costs so many times what a posting costs that is put into a plane."""


@kernel
def order_by_size(query: Int64Array, count: int) -> None:
    """Sort the planes in row ORDER, the one with the fewest users first."""
    for i in range(1, count):
        p = query[ORDER, i]
        size = query[SIZES, p]
        place = i - 1
        while place >= 0 and query[SIZES, query[ORDER, place]] > size:
            query[ORDER, place + 1] = query[ORDER, place]
            place -= 1
        query[ORDER, place + 1] = p


@kernel
def common_blocks(query: Int64Array, count: int, blocks: int) -> int:
    """The blocks in which every plane of row ORDER has somebody."""
    for i in range(count):
        blocks &= query[BLOCKS, query[ORDER, i]]
    return blocks


@kernel
def fill_required(
    postings: Postings, bitmaps: Words, keys: Int64Array, query: Int64Array, p: int, circle_of: int, circle: Words,
    blocks: int, shift: int, plane: Words,
) -> None:  # fmt: skip
    """Add the users of requirement ``p`` to a plane; ``circle_of`` is the requirement that the circle belongs to."""
    unite_lists(postings, bitmaps, keys, query[FIRSTS, p], query[FIRSTS, p + 1], blocks, shift, plane)
    if p == circle_of:
        unite_plane(plane, circle, blocks, shift)


@kernel
def meet_all(
    postings: Postings,
    bitmaps: Words,
    keys: Int64Array,
    query: Int64Array,
    count: int,
    circle_of: int,
    circle: Words,
    visible: Words,
    blocks: int,
    shift: int,
    planes: Words,
    users: Postings,
) -> tuple[int, int]:
    """Who meets all requirements of row ORDER and is visible.

    Returns (number, 0) when they were few: they are users[:number]; or (number, blocks): they are row FULL of ``planes``,
    in these blocks.
    """
    found = planes[FULL]
    if count == 0:
        copy_plane(found, visible, blocks, shift)
        return count_plane(found, blocks, shift), blocks
    first = query[ORDER, 0]
    listed = query[SIZES, first] <= FEW and first != circle_of and query[SPARSE, first] == query[SIZES, first]
    if listed and query[FIRSTS, first + 1] - query[FIRSTS, first] == 1:
        number = _copy_list(postings, keys[STARTS, query[FIRSTS, first]], keys[ENDS, query[FIRSTS, first]], users)
        return keep_candidates(postings, bitmaps, keys, query, np.int64(1), count, circle_of, circle, visible, planes, users, number), 0
    fill_required(postings, bitmaps, keys, query, first, circle_of, circle, blocks, shift, found)
    blocks = keep_both(found, visible, blocks, shift)
    for i in range(1, count):
        if blocks == 0:
            return np.int64(0), np.int64(0)
        if query[SIZES, first] <= FEW or count_plane(found, blocks, shift) <= FEW:
            number = _take_plane(found, blocks, shift, users)
            return keep_candidates(postings, bitmaps, keys, query, i, count, circle_of, circle, visible, planes, users, number), 0
        p = query[ORDER, i]
        begin = query[FIRSTS, p]
        if query[FIRSTS, p + 1] - begin == 1 and keys[ROWS, begin] >= 0 and p != circle_of:
            narrowed = keep_both(found, bitmaps[keys[ROWS, begin]], blocks, shift)
        else:
            fill_required(postings, bitmaps, keys, query, p, circle_of, circle, blocks, shift, planes[UNION])
            narrowed = keep_both(found, planes[UNION], blocks, shift)
            clear(planes[UNION], blocks, shift)
        blocks = narrowed
    return count_plane(found, blocks, shift), blocks


@kernel
def _copy_list(postings: Postings, start: int, end: int, users: Postings) -> int:
    for i in range(end - start):
        users[i] = postings[start + i]
    return end - start


@kernel
def _take_plane(plane: Words, blocks: int, shift: int, users: Postings) -> int:
    """Move the users of a plane into a list; the plane is empty afterwards."""
    number = list_plane(plane, blocks, shift, users, np.int64(0))
    clear(plane, blocks, shift)
    return number


@kernel
def keep_candidates(
    postings: Postings,
    bitmaps: Words,
    keys: Int64Array,
    query: Int64Array,
    first: int,
    count: int,
    circle_of: int,
    circle: Words,
    visible: Words,
    planes: Words,
    users: Postings,
    number: int,
) -> int:
    """Keep of users[:number] who meet the requirements ORDER[first:count] and is visible; returns their number."""
    kept = np.int64(0)
    for i in range(number):
        user = np.uint64(users[np.uint64(i)])
        if (visible[user >> np.uint64(6)] >> (user & np.uint64(63))) & np.uint64(1):
            users[np.uint64(kept)] = user
            kept += 1
    for r in range(first, count):
        if kept == 0:
            return kept
        p = query[ORDER, r]
        kept = _keep_members(postings, bitmaps, keys, query, p, p == circle_of, circle, planes, users, kept)
    return kept


@kernel
def _keep_members(
    postings: Postings,
    bitmaps: Words,
    keys: Int64Array,
    query: Int64Array,
    p: int,
    has_circle: bool,
    circle: Words,
    planes: Words,
    users: Postings,
    number: int,
) -> int:
    """Keep of users[:number] who is in requirement ``p``; returns their number."""
    first, end = query[FIRSTS, p], query[FIRSTS, p + 1]
    plane = planes[UNION]
    spread = number * _SEARCH_COST > query[SPARSE, p]
    for k in range(first, end):
        if spread and keys[ROWS, k] < 0:
            for i in range(keys[STARTS, k], keys[ENDS, k]):
                user = np.uint64(postings[i])
                plane[user >> np.uint64(6)] |= np.uint64(1) << (user & np.uint64(63))
    kept = np.int64(0)
    for i in range(number):
        user = np.uint64(users[np.uint64(i)])
        word, bit = user >> np.uint64(6), user & np.uint64(63)
        member = (plane[word] >> bit) & np.uint64(1)
        if has_circle:
            member |= (circle[word] >> bit) & np.uint64(1)
        for k in range(first, end):
            if member:
                break
            row = keys[ROWS, k]
            if row >= 0:
                member = (bitmaps[row, word] >> bit) & np.uint64(1)
            elif not spread:
                place = first_from(postings, keys[STARTS, k], keys[ENDS, k], np.int64(user))
                if place < keys[ENDS, k] and postings[place] == user:
                    member = np.uint64(1)
        if member:
            users[np.uint64(kept)] = user
            kept += 1
    if spread:
        for k in range(first, end):
            if keys[ROWS, k] < 0:
                for i in range(keys[STARTS, k], keys[ENDS, k]):
                    plane[postings[i] >> np.uint64(6)] = 0
    return kept
