"""Planes: for one query and one block of users, who is in a keyword group, an industry, a region, a crowd.

A block is BLOCK_WORDS words of users, small enough for the first cache. Counting over groups is done for 64 users at a
time with *slices*: bit b of every user's sum lies in slice b, and adding a plane ripples a carry through the slices.

Inner loops run over views that begin at 0: an index that the compiler cannot prove to be positive costs the vector
instructions, ten times the time.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import numpy as np
import numpy.typing as npt

from matching.index.bits import popcount
from matching.index.jit import kernel
from matching.index.keys import SPACE_SHIFT
from matching.index.postings import Lists

BLOCK_WORDS = 512
Int64Array = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Slices = npt.NDArray[np.uint64]


@kernel
def find_lists(
    lists: Lists, keys: Int64Array, first: int, end: int, rows: Int64Array, cursors: Int64Array, ends: Int64Array
) -> int:
    """Look up keys [first, end): bitmap row (or -1) and run of postings of each. Returns the sum of their sizes.

    A key without a list gets an empty run.
    """
    total = 0
    for i in range(first, end):
        space = keys[i] >> SPACE_SHIFT
        number = keys[i] & ((1 << SPACE_SHIFT) - 1)
        low, high = lists.space_starts[space], lists.space_starts[space + 1]
        stop = high
        while low < high:
            middle = (low + high) >> 1
            if lists.numbers[middle] < number:
                low = middle + 1
            else:
                high = middle
        rows[i - first] = -1
        cursors[i - first] = 0
        ends[i - first] = 0
        if low < stop and lists.numbers[low] == number:
            rows[i - first] = lists.dense_rows[low]
            cursors[i - first] = lists.list_starts[low]
            ends[i - first] = lists.list_starts[low + 1]
            total += lists.sizes[low]
    return total


@kernel
def fill_plane(
    lists: Lists,
    rows: Int64Array,
    cursors: Int64Array,
    ends: Int64Array,
    first: int,
    end: int,
    word: int,
    length: int,
    plane: Words,
) -> bool:
    """Unite lists [first, end) over words [word, word + length) into ``plane``; says whether anybody may be in it.

    Cursors move forward to the end of the block; blocks may be left out but not revisited.
    """
    for i in range(length):
        plane[i] = 0
    touched = False
    low, high = np.int64(word) * 64, np.int64(word + length) * 64
    for k in range(first, end):
        if rows[k] >= 0:
            touched = True
            dense = lists.bitmaps[rows[k], word : word + length]
            for i in range(length):
                plane[i] |= dense[i]
            continue
        place, stop = cursors[k], ends[k]
        if place < stop and np.int64(lists.postings[place]) < low:
            place = _gallop(lists.postings, place, stop, low)
        if place < stop and np.int64(lists.postings[place]) < high:
            touched = True
            stop = _gallop(lists.postings, place, stop, high)
            for i in range(place, stop):
                # Unsigned, so that the index needs no test for "from the end".
                user = np.uint64(np.int64(lists.postings[i]) - low)
                plane[user >> np.uint64(6)] |= np.uint64(1) << (user & np.uint64(63))
            cursors[k] = stop
        else:
            cursors[k] = place
    return touched


@kernel
def _gallop(postings: npt.NDArray[np.uint32], place: int, stop: int, wanted: int) -> int:
    """The first place from which postings are not below ``wanted``."""
    step = 1
    while place + step < stop and np.int64(postings[place + step]) < wanted:
        place += step
        step <<= 1
    high = min(place + step, stop)
    low = place
    while low < high:
        middle = (low + high) >> 1
        if np.int64(postings[middle]) < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def add_plane(slices: Slices, bits: int, weight: int, plane: Words, carry: Words, length: int) -> None:
    """Add ``weight`` to the sums of the users in ``plane``; sums fit ``bits`` slices."""
    for bit in range(bits):
        if (weight >> bit) & 1:
            for i in range(length):
                carry[i] = plane[i]
            for above in range(bit, bits):
                for i in range(length):
                    both = slices[above, i] & carry[i]
                    slices[above, i] ^= carry[i]
                    carry[i] = both


@kernel
def mark_at_least(slices: Slices, bits: int, least: int, marked: Words, equal: Words, length: int) -> None:
    """Set ``marked`` to the users whose sum is ``least`` (0 .. 2^bits - 1) or more."""
    for i in range(length):
        marked[i] = 0
        equal[i] = ~np.uint64(0)
    for bit in range(bits - 1, -1, -1):
        if (least >> bit) & 1:
            for i in range(length):
                equal[i] &= slices[bit, i]
        else:
            for i in range(length):
                marked[i] |= equal[i] & slices[bit, i]
                equal[i] &= ~slices[bit, i]
    for i in range(length):
        marked[i] |= equal[i]


@kernel
def intersect(plane: Words, other: Words, length: int) -> None:
    """Keep in ``plane`` who is also in ``other``."""
    for i in range(length):
        plane[i] &= other[i]


@kernel
def unite(plane: Words, other: Words, length: int) -> None:
    """Add to ``plane`` who is in ``other``."""
    for i in range(length):
        plane[i] |= other[i]


@kernel
def assign(plane: Words, other: Words, length: int) -> None:
    """Make ``plane`` the same as ``other``."""
    for i in range(length):
        plane[i] = other[i]


@kernel
def count_both(one: Words, other: Words, length: int) -> int:
    """Users in both."""
    total = 0
    for i in range(length):
        total += popcount(one[i] & other[i])
    return total
