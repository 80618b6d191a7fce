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
    lists: Lists,
    batch_keys: Int64Array,
    key_starts: Int64Array,
    first_plane: int,
    planes: int,
    keys: Int64Array,
    query: Int64Array,
) -> None:
    """Look up every key of the query's planes (rows of ``Scratch.keys``, ``Scratch.query``); unknown: empty."""
    first_key = key_starts[first_plane]
    query[0, 0] = 0
    for p in range(planes):
        first, end = key_starts[first_plane + p] - first_key, key_starts[first_plane + p + 1] - first_key
        query[0, p + 1] = end
        query[1, p] = 0
        for k in range(first, end):
            space = batch_keys[first_key + k] >> SPACE_SHIFT
            number = batch_keys[first_key + k] & ((1 << SPACE_SHIFT) - 1)
            low, high = lists.space_starts[space], lists.space_starts[space + 1]
            stop = high
            while low < high:
                middle = (low + high) >> 1
                if lists.numbers[middle] < number:
                    low = middle + 1
                else:
                    high = middle
            keys[0, k] = -1
            keys[1, k] = 0
            keys[2, k] = 0
            keys[3, k] = 0
            if low < stop and lists.numbers[low] == number:
                keys[0, k] = lists.dense_rows[low]
                keys[1, k] = lists.list_starts[low]
                keys[2, k] = lists.list_starts[low]
                keys[3, k] = lists.list_starts[low + 1]
                query[1, p] += lists.sizes[low]


@kernel
def fill_plane(
    postings: npt.NDArray[np.uint32],
    bitmaps: Words,
    keys: Int64Array,
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
        if keys[0, k] >= 0:
            touched = True
            dense = bitmaps[keys[0, k], word : word + length]
            for i in range(length):
                plane[i] |= dense[i]
            continue
        place, stop = keys[1, k], keys[3, k]
        if place < stop and np.int64(postings[place]) < low:
            place = _gallop(postings, place, stop, low)
        if place < stop and np.int64(postings[place]) < high:
            touched = True
            stop = _gallop(postings, place, stop, high)
            for i in range(place, stop):
                # Unsigned, so that the index needs no test for "from the end".
                user = np.uint64(np.int64(postings[i]) - low)
                plane[user >> np.uint64(6)] |= np.uint64(1) << (user & np.uint64(63))
            keys[1, k] = stop
        else:
            keys[1, k] = place
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
