"""Sums of group weights in slices, for one chunk of a segment: bit b of every user's sum lies in slice b.

A chunk fits the first cache. Adding a group ripples a carry through the slices; who is of a class, a choice of
dimensions and a sum, are some planes ANDed.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import numpy as np
import numpy.typing as npt

from matching.index.bits import popcount, slices_for
from matching.index.jit import kernel
from matching.index.lookup import first_from
from matching.index.postings import Lists
from matching.index.scratch import (
    CARRY,
    CROWD,
    CURSORS,
    ENDS,
    EQUAL,
    FIRSTS,
    INDUSTRY,
    KEY_BLOCKS,
    NOBODY,
    PLANE,
    REGION,
    ROWS,
    Scratch,
)

Words = npt.NDArray[np.uint64]
Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]
Postings = npt.NDArray[np.uint32]

_FIRST, _SECOND, _THIRD, _FOURTH = np.int64(0), np.int64(1), np.int64(2), np.int64(3)
_COMPARED_AT_ONCE = 4
"""Slices that one pass over a chunk compares."""


@kernel
def _flip(number: int, bit: int) -> int:
    """All bits when a number lacks a bit: the bit's plane is turned over then."""
    return np.uint64(0) if (number >> bit) & 1 else ~np.uint64(0)


@kernel
def sum_groups(lists: Lists, weights: Int32Array, here: int, low: int, length: int, scratch: Scratch) -> int:
    """Sum the groups of a chunk into the slices; returns how many slices the sums take: 0 when nobody hits anything."""
    chunk, keys, query, sums = scratch.chunk, scratch.keys, scratch.query, scratch.sums
    carry = chunk[CARRY, :length]
    total, depth = np.int64(0), np.int64(0)
    for p in range(len(weights)):
        first, end = query[FIRSTS, p], query[FIRSTS, p + 1]
        plane = chunk[PLANE, :length]
        if end - first == 1 and keys[ROWS, first] >= 0:
            plane = lists.bitmaps[keys[ROWS, first], low : low + length]
        elif not fill_chunk(lists.postings, lists.bitmaps, keys, first, end, here, low, length, plane):
            continue
        total += weights[p]
        needed = slices_for(total)
        for bit in range(depth, needed):
            sums[bit, low : low + length] = 0
        depth = needed
        add_to_sums(sums, low, depth, np.int64(weights[p]), plane, carry, length)
    return depth


@kernel
def fill_chunk(
    postings: Postings, bitmaps: Words, keys: Int64Array, first: int, end: int, here: int, low: int, length: int,
    plane: Words,
) -> bool:  # fmt: skip
    """Unite some lists in a chunk of a plane; says whether anything was written. Cursors move forward to its end."""
    touched = False
    low_user, high_user = low * 64, (low + length) * 64
    for k in range(first, end):
        if keys[KEY_BLOCKS, k] & here == 0:
            continue
        if not touched:
            for i in range(length):
                plane[i] = 0
            touched = True
        if keys[ROWS, k] >= 0:
            dense = bitmaps[keys[ROWS, k], low : low + length]
            for i in range(length):
                plane[i] |= dense[i]
            continue
        place, stop = keys[CURSORS, k], keys[ENDS, k]
        if place < stop and np.int64(postings[place]) < low_user:
            place = first_from(postings, place, stop, low_user)
        while place < stop and np.int64(postings[place]) < high_user:
            user = np.uint64(np.int64(postings[place]) - low_user)
            plane[user >> np.uint64(6)] |= np.uint64(1) << (user & np.uint64(63))
            place += 1
        keys[CURSORS, k] = place
    return touched


@kernel
def add_to_sums(sums: Words, low: int, depth: int, weight: int, plane: Words, carry: Words, length: int) -> None:
    """Add ``weight`` to the sums, from word ``low`` on, of the users in ``plane``; the sums fit ``depth`` slices."""
    high = low + length
    for bit in range(depth):
        if (weight >> bit) & 1 == 0:
            continue
        moving, above = plane, bit
        # Two slices at a time: the carry between them never leaves a register.
        while depth - above > 2:
            lower, upper = sums[above, low:high], sums[above + 1, low:high]
            for i in range(length):
                both = lower[i] & moving[i]
                lower[i] ^= moving[i]
                carry[i] = upper[i] & both
                upper[i] ^= both
            moving, above = carry, above + 2
        lower = sums[above, low:high]
        if depth - above == 2:
            upper = sums[above + 1, low:high]
            for i in range(length):
                upper[i] ^= lower[i] & moving[i]
                lower[i] ^= moving[i]
        elif depth - above == 1:
            for i in range(length):
                lower[i] ^= moving[i]


@kernel
def _bits_above(sums: Words, depth: int, reached: int, low: int, length: int, chunk: Words) -> bool:
    """Whether a sum has more bits than are compared at once; row EQUAL is then who has the highest of them."""
    if depth <= _COMPARED_AT_ONCE:
        return False
    equal = chunk[EQUAL, :length]
    for i in range(length):
        equal[i] = ~np.uint64(0)
    for bit in range(_COMPARED_AT_ONCE - 1, depth):
        flip, slice_ = _flip(reached, np.int64(bit)), sums[bit, low : low + length]
        for i in range(length):
            equal[i] &= slice_[i] ^ flip
    return True


@kernel
def count_class(choice: int, reached: int, depth: int, low: int, length: int, seen: Words, scratch: Scratch) -> int:
    """The users of a class in a chunk: in one pass that only reads."""
    planes, sums, nobody = scratch.planes, scratch.sums, scratch.chunk[NOBODY, :length]
    high = low + length
    industry, region, crowd = planes[INDUSTRY, low:high], planes[REGION, low:high], planes[CROWD, low:high]
    a, b, c = _flip(choice, _FIRST), _flip(choice, _SECOND), _flip(choice, _THIRD)
    d, e, f, g = _flip(reached, _FIRST), _flip(reached, _SECOND), _flip(reached, _THIRD), _flip(reached, _FOURTH)
    p = sums[0, low:high] if depth > 0 else nobody
    q = sums[1, low:high] if depth > 1 else nobody
    r = sums[2, low:high] if depth > 2 else nobody
    s = sums[3, low:high] if depth > 3 else nobody
    if _bits_above(sums, depth, reached, low, length, scratch.chunk):
        s, g = scratch.chunk[EQUAL, :length], np.uint64(0)
    some = seen[low:high]
    users = np.int64(0)
    for i in range(length):
        users += popcount(
            some[i] & (industry[i] ^ a) & (region[i] ^ b) & (crowd[i] ^ c) & (p[i] ^ d) & (q[i] ^ e) & (r[i] ^ f)
            & (s[i] ^ g)
        )  # fmt: skip
    return users


@kernel
def set_class(
    choice: int, reached: int, depth: int, low: int, length: int, seen: Words, scratch: Scratch, members: Words
) -> None:
    """Set ``members`` to the users of a class in a chunk."""
    planes, sums = scratch.planes, scratch.sums
    high = low + length
    industry, region, crowd = planes[INDUSTRY, low:high], planes[REGION, low:high], planes[CROWD, low:high]
    a, b, c = _flip(choice, _FIRST), _flip(choice, _SECOND), _flip(choice, _THIRD)
    some = seen[low:high]
    for i in range(length):
        members[i] = some[i] & (industry[i] ^ a) & (region[i] ^ b) & (crowd[i] ^ c)
    for bit in range(depth):
        flip, slice_ = _flip(reached, np.int64(bit)), sums[bit, low:high]
        for i in range(length):
            members[i] &= slice_[i] ^ flip


@kernel
def is_possible(choice: int, satisfiable: int, reached: int, depth: int) -> bool:
    """Whether a chunk can have users of a class."""
    return choice & ~satisfiable == 0 and reached >> depth == 0
