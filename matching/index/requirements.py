"""Users who meet several requirements at once: a requirement is the union of some lists, and of a circle for a region.

Two forms of the same set: a *plane* while there are many, *candidates* (a plain list) as soon as there are few. The
smallest requirement comes first; each further one only looks into the blocks where somebody is left.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import numpy as np
import numpy.typing as npt

from matching.index.bits import slices_for
from matching.index.jit import kernel
from matching.index.lookup import first_from, next_run, without_run
from matching.index.planes import (
    add_to_hits,
    bounds_of,
    clear,
    copy_plane,
    count_plane,
    keep_both,
    list_plane,
    mark_enough_hits,
    unite_lists,
    unite_plane,
)
from matching.index.postings import Lists
from matching.index.scratch import (
    BLOCKS,
    ENDS,
    FIRSTS,
    FULL,
    KEY_BLOCKS,
    ORDER,
    ROWS,
    SIZES,
    SPARSE,
    STARTS,
    UNION,
    Scratch,
)

Int64Array = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Postings = npt.NDArray[np.uint32]

_LISTED_PART = 8
"""Users of a plane are listed when they are one part in so many of those that are tested one by one from the start."""
_SEARCH_COST = 40
"""Searching a list for a user costs so many times what a posting costs that is put into a plane."""


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
def unite_enough(lists: Lists, groups: int, at_least: int, blocks: int, shift: int, scratch: Scratch) -> None:
    """Set the named blocks of row UNION of the planes, empty before, to the users who hit ``at_least`` groups."""
    query, keys, union, hits = scratch.query, scratch.keys, scratch.planes[UNION], scratch.hits
    bits = slices_for(np.int64(groups))
    for bit in range(bits):
        clear(hits[bit], blocks, shift)
    for p in range(groups):
        unite_lists(lists.postings, lists.bitmaps, keys, query[FIRSTS, p], query[FIRSTS, p + 1], blocks, shift, union)
        add_to_hits(hits, bits, union, blocks, shift)
        clear(union, blocks, shift)
    mark_enough_hits(hits, bits, at_least, union, blocks, shift)


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
    few: int,
    planes: Words,
    users: Postings,
) -> tuple[int, int]:
    """Who meets all requirements of row ORDER and is visible.

    Returns (number, 0) when the first requirement lists ``few`` at most: they are users[:number]. Else (number,
    blocks): they are row FULL of ``planes``, in these blocks.
    """
    found, union = planes[FULL], planes[UNION]
    first = query[ORDER, 0] if count > 0 else np.int64(-1)
    begin, number = np.int64(1), np.int64(0)
    if count > 0 and query[SIZES, first] <= few and first != circle_of and query[SPARSE, first] == query[SIZES, first]:
        number = _list_union(
            postings, keys, query[FIRSTS, first], query[FIRSTS, first + 1], blocks, shift, visible, union, users
        )
    else:
        blocks, number = _begin_plane(
            postings, bitmaps, keys, query, first, circle_of, circle, visible, blocks, shift, found
        )
        while begin < count and number * _LISTED_PART > few:
            p = query[ORDER, begin]
            begin += 1
            if _is_one_bitmap(keys, query, p) and p != circle_of:
                bitmap = bitmaps[keys[ROWS, query[FIRSTS, p]]]
                blocks, number = keep_both(found, found, bitmap, blocks, shift)
            else:
                fill_required(postings, bitmaps, keys, query, p, circle_of, circle, blocks, shift, union)
                left, number = keep_both(found, found, union, blocks, shift)
                clear(union, blocks, shift)
                blocks = left
        if begin == count or count == 0:
            return number, blocks
        list_plane(found, blocks, shift, number, users)
        clear(found, blocks, shift)
    number = keep_candidates(
        postings, bitmaps, keys, query, begin, count, circle_of, circle, blocks, shift, union, users, number
    )
    return number, np.int64(0)


@kernel
def _begin_plane(
    postings: Postings,
    bitmaps: Words,
    keys: Int64Array,
    query: Int64Array,
    p: int,
    circle_of: int,
    circle: Words,
    visible: Words,
    blocks: int,
    shift: int,
    found: Words,
) -> tuple[int, int]:
    """Set a plane to the visible users who meet requirement ``p``, or with -1 to all; returns (blocks, number)."""
    if p < 0:
        copy_plane(found, visible, blocks, shift)
        return blocks, count_plane(found, blocks, shift)
    if _is_one_bitmap(keys, query, p) and p != circle_of:
        return keep_both(found, bitmaps[keys[ROWS, query[FIRSTS, p]]], visible, blocks, shift)
    fill_required(postings, bitmaps, keys, query, p, circle_of, circle, blocks, shift, found)
    return keep_both(found, found, visible, blocks, shift)


@kernel
def _is_one_bitmap(keys: Int64Array, query: Int64Array, p: int) -> bool:
    """Whether a requirement is one dense list."""
    begin = query[FIRSTS, p]
    return query[FIRSTS, p + 1] - begin == 1 and keys[ROWS, begin] >= 0


@kernel
def _list_union(
    postings: Postings, keys: Int64Array, first: int, end: int, blocks: int, shift: int, visible: Words, seen: Words,
    users: Postings,
) -> int:  # fmt: skip
    """List the visible users of some sparse lists, within the named blocks, each once; returns their number.

    ``seen`` is an empty plane, and is left empty.
    """
    number = np.int64(0)
    for k in range(first, end):
        here = blocks & keys[KEY_BLOCKS, k]
        place, stop = keys[STARTS, k], keys[ENDS, k]
        while here != 0:
            begin, count = next_run(here)
            here = without_run(here, begin, count)
            low, high = bounds_of(begin, count, shift, len(visible))
            place = first_from(postings, place, stop, low * 64)
            upto = stop if high == len(visible) else first_from(postings, place, stop, high * 64)
            for i in range(place, upto):
                # Without a branch: whether a user is wanted cannot be foretold.
                user = np.uint64(postings[i])
                word, bit = user >> np.uint64(6), user & np.uint64(63)
                fresh = ((visible[word] & ~seen[word]) >> bit) & np.uint64(1)
                seen[word] |= fresh << bit
                users[np.uint64(number)] = postings[i]
                number += np.int64(fresh)
            place = upto
    for i in range(number):
        seen[users[np.uint64(i)] >> np.uint64(6)] = 0
    return number


@kernel
def keep_candidates(
    postings: Postings,
    bitmaps: Words,
    keys: Int64Array,
    query: Int64Array,
    begin: int,
    count: int,
    circle_of: int,
    circle: Words,
    blocks: int,
    shift: int,
    union: Words,
    users: Postings,
    number: int,
) -> int:
    """Keep of users[:number], in their order, who meet the requirements [begin, count) of row ORDER.

    Returns their number.
    """
    for r in range(begin, count):
        p = query[ORDER, r]
        if number > 0:
            number = _keep_members(
                postings, bitmaps, keys, query, p, p == circle_of, circle, blocks, shift, union, users, number
            )
    return number


@kernel
def _keep_members(
    postings: Postings,
    bitmaps: Words,
    keys: Int64Array,
    query: Int64Array,
    p: int,
    has_circle: int,
    circle: Words,
    blocks: int,
    shift: int,
    union: Words,
    users: Postings,
    number: int,
) -> int:
    """Keep of users[:number] who is in requirement ``p``; returns their number. ``union`` is empty, and left empty."""
    first, end = query[FIRSTS, p], query[FIRSTS, p + 1]
    if _is_one_bitmap(keys, query, p) and not has_circle:
        return _keep_in_plane(bitmaps[keys[ROWS, first]], users, number)
    if number * _SEARCH_COST > query[SPARSE, p]:
        unite_lists(postings, bitmaps, keys, first, end, blocks, shift, union)
        if has_circle:
            unite_plane(union, circle, blocks, shift)
        kept = _keep_in_plane(union, users, number)
        clear(union, blocks, shift)
        return kept
    kept = np.int64(0)
    for i in range(number):
        user = users[np.uint64(i)]
        word, bit = np.uint64(user >> np.uint32(6)), np.uint64(user & np.uint32(63))
        member = np.uint64(0)
        if has_circle:
            member |= (circle[word] >> bit) & np.uint64(1)
        for k in range(first, end):
            if keys[ROWS, k] >= 0:
                member |= (bitmaps[keys[ROWS, k], word] >> bit) & np.uint64(1)
            elif not member:
                place = first_from(postings, keys[STARTS, k], keys[ENDS, k], np.int64(user))
                member |= np.uint64(place < keys[ENDS, k] and postings[place] == user)
        users[np.uint64(kept)] = user
        kept += np.int64(member)
    return kept


@kernel
def _keep_in_plane(plane: Words, users: Postings, number: int) -> int:
    kept = np.int64(0)
    for i in range(number):
        user = users[np.uint64(i)]
        users[np.uint64(kept)] = user
        kept += np.int64((plane[np.uint64(user >> np.uint32(6))] >> np.uint64(user & np.uint32(63))) & np.uint64(1))
    return kept
