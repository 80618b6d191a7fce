"""Finding the lists of a query's keys, and the blocks of users in which they have anybody.

A segment is cut into 64 *blocks* of users, so that one word of 64 bits says where a list has users. Users are ordered
by place, so a list of one place lies in few blocks, and an answer can only lie where all requirements have somebody.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import numpy as np
import numpy.typing as npt

from matching.index.bits import lowest_bit
from matching.index.jit import kernel
from matching.index.keys import SPACE_SHIFT
from matching.index.postings import BLOCKS as LIST_BLOCKS
from matching.index.postings import END, ROW, SIZE, START, Lists
from matching.index.scratch import BLOCKS, ENDS, FIRSTS, KEY_BLOCKS, ROWS, SIZES, SPARSE, STARTS

Int64Array = npt.NDArray[np.int64]
Postings = npt.NDArray[np.uint32]


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
    """Look up every key of the query's planes (rows of ``Scratch.keys`` and ``Scratch.query``); unknown: empty.

    Keys of empty lists are left out, so that nobody walks them again.
    """
    kept, facts = 0, lists.facts
    query[FIRSTS, 0] = 0
    for p in range(planes):
        size, sparse, blocks = np.int64(0), np.int64(0), np.int64(0)
        for k in range(key_starts[first_plane + p], key_starts[first_plane + p + 1]):
            slot = _slot_of(lists, batch_keys[k])
            if slot >= 0:
                keys[ROWS, kept] = facts[slot, ROW]
                keys[STARTS, kept] = facts[slot, START]
                keys[ENDS, kept] = facts[slot, END]
                keys[KEY_BLOCKS, kept] = facts[slot, LIST_BLOCKS]
                size += facts[slot, SIZE]
                if facts[slot, ROW] < 0:
                    sparse += facts[slot, SIZE]
                blocks |= facts[slot, LIST_BLOCKS]
                kept += 1
        query[FIRSTS, p + 1] = kept
        query[SIZES, p] = size
        query[SPARSE, p] = sparse
        query[BLOCKS, p] = blocks


@kernel
def _slot_of(lists: Lists, key: int) -> int:
    """The slot of a key's list, or -1."""
    space = key >> SPACE_SHIFT
    number = key & ((1 << SPACE_SHIFT) - 1)
    low, high = lists.space_starts[space], lists.space_starts[space + 1]
    stop = high
    while low < high:
        middle = (low + high) >> 1
        if lists.numbers[middle] < number:
            low = middle + 1
        else:
            high = middle
    return low if low < stop and lists.numbers[low] == number else np.int64(-1)


@kernel
def first_from(postings: Postings, place: int, stop: int, wanted: int) -> int:
    """The first place in [place, stop) from which postings are not below ``wanted``."""
    low, high = place, stop
    while low < high:
        middle = (low + high) >> 1
        if np.int64(postings[middle]) < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def blocks_of(low: int, length: int, shift: int) -> int:
    """The blocks that the words [low, low + length) touch."""
    here = np.uint64(0)
    for block in range((low * 64) >> shift, (((low + length) * 64 - 1) >> shift) + 1):
        here |= np.uint64(1) << np.uint64(block)
    return np.int64(here)


@kernel
def next_run(blocks: int) -> tuple[int, int]:
    """First block and number of blocks of the first run of set bits; ``blocks`` is not 0."""
    bits = np.uint64(blocks)
    first = lowest_bit(bits)
    rest = ~(bits >> np.uint64(first))
    return first, (64 if rest == np.uint64(0) else lowest_bit(rest))


@kernel
def without_run(blocks: int, first: int, count: int) -> int:
    """``blocks`` without the run that ``next_run`` named."""
    if first + count >= 64:
        return np.int64(0)
    return np.int64(np.uint64(blocks) & ~((np.uint64(1) << np.uint64(first + count)) - np.uint64(1)))
