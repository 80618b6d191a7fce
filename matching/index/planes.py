"""Planes: a bit for every user of a segment, worked on only in the blocks that an answer can lie in.

Inner loops run over views that begin at 0, or index with unsigned numbers: an index that the compiler cannot prove to
be positive costs the vector instructions, ten times the time.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import numpy as np
import numpy.typing as npt

from matching.index.bits import COMPRESSES, PLACES, list_byte, list_word, lowest_bit, popcount
from matching.index.jit import kernel
from matching.index.lookup import first_from, next_run, without_run
from matching.index.scratch import ENDS, KEY_BLOCKS, ROWS, STARTS

Int64Array = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Postings = npt.NDArray[np.uint32]


_BYTE_BY_BYTE_FROM = 6
"""A word with more users is listed byte by byte."""
_TOGETHER = 8
"""Words that are looked at together, whether there is anybody at all."""


@kernel
def bounds_of(first: int, count: int, shift: int, words: int) -> tuple[int, int]:
    """The words [low, high) of a run of blocks."""
    low = first << (shift - 6)
    return min(low, words), min(low + (count << (shift - 6)), words)


@kernel
def clear(plane: Words, blocks: int, shift: int) -> None:
    """Take everybody out of the named blocks."""
    while blocks != 0:
        first, count = next_run(blocks)
        blocks = without_run(blocks, first, count)
        low, high = bounds_of(first, count, shift, len(plane))
        plane[low:high] = 0


@kernel
def unite_lists(
    postings: Postings,
    bitmaps: Words,
    keys: Int64Array,
    first_key: int,
    end_key: int,
    blocks: int,
    shift: int,
    plane: Words,
) -> None:
    """Add the users of some lists, within the named blocks, to a plane."""
    for k in range(first_key, end_key):
        here = blocks & keys[KEY_BLOCKS, k]
        row = keys[ROWS, k]
        place, stop = keys[STARTS, k], keys[ENDS, k]
        while here != 0:
            first, count = next_run(here)
            here = without_run(here, first, count)
            low, high = bounds_of(first, count, shift, len(plane))
            if row >= 0:
                into, dense = plane[low:high], bitmaps[row, low:high]
                for i in range(len(into)):
                    into[i] |= dense[i]
                continue
            place = first_from(postings, place, stop, low * 64)
            end = stop if high == len(plane) else first_from(postings, place, stop, high * 64)
            add_postings(postings, place, end, plane)
            place = end


@kernel
def add_postings(postings: Postings, place: int, end: int, plane: Words) -> None:
    """Add the users of a stretch of a list to a plane."""
    while place + 16 <= end:
        first, last = np.uint64(postings[np.uint64(place)]), np.uint64(postings[np.uint64(place + 15)])
        if last - first == np.uint64(15) and first >> np.uint64(6) == last >> np.uint64(6):
            # Neighbours, as in the list of a place.
            plane[first >> np.uint64(6)] |= np.uint64(0xFFFF) << (first & np.uint64(63))
        else:
            for i in range(16):
                user = np.uint64(postings[np.uint64(place + i)])
                plane[user >> np.uint64(6)] |= np.uint64(1) << (user & np.uint64(63))
        place += 16
    for i in range(place, end):
        user = np.uint64(postings[np.uint64(i)])
        plane[user >> np.uint64(6)] |= np.uint64(1) << (user & np.uint64(63))


@kernel
def keep_both(plane: Words, one: Words, other: Words, blocks: int, shift: int) -> tuple[int, int]:
    """Make ``plane``, in the named blocks, who is in both others; it may be one of them.

    Returns the blocks that are left with anybody, and how many users that are.
    """
    left, number = np.int64(0), np.int64(0)
    while blocks != 0:
        first, count = next_run(blocks)
        blocks = without_run(blocks, first, count)
        for block in range(first, first + count):
            low, high = bounds_of(block, np.int64(1), shift, len(plane))
            into, some, also = plane[low:high], one[low:high], other[low:high]
            users = np.int64(0)
            for i in range(len(into)):
                both = some[i] & also[i]
                into[i] = both
                users += popcount(both)
            if users > 0:
                left |= np.int64(np.uint64(1) << np.uint64(block))
                number += users
    return left, number


@kernel
def copy_plane(plane: Words, other: Words, blocks: int, shift: int) -> None:
    """Make the named blocks of ``plane`` the same as those of ``other``."""
    while blocks != 0:
        first, count = next_run(blocks)
        blocks = without_run(blocks, first, count)
        low, high = bounds_of(first, count, shift, len(plane))
        into, source = plane[low:high], other[low:high]
        for i in range(len(into)):
            into[i] = source[i]


@kernel
def unite_plane(plane: Words, other: Words, blocks: int, shift: int) -> None:
    """Add to the named blocks of ``plane`` who is in ``other``."""
    while blocks != 0:
        first, count = next_run(blocks)
        blocks = without_run(blocks, first, count)
        low, high = bounds_of(first, count, shift, len(plane))
        into, source = plane[low:high], other[low:high]
        for i in range(len(into)):
            into[i] |= source[i]


@kernel
def count_plane(plane: Words, blocks: int, shift: int) -> int:
    """Users in the named blocks."""
    total = np.int64(0)
    while blocks != 0:
        first, count = next_run(blocks)
        blocks = without_run(blocks, first, count)
        low, high = bounds_of(first, count, shift, len(plane))
        for word in plane[low:high]:
            total += popcount(word)
    return total


@kernel
def list_plane(plane: Words, blocks: int, shift: int, number: int, users: Postings) -> None:
    """Write the ``number`` users of a plane's named blocks to the front of ``users``, with room for a word more."""
    end = np.int64(0)
    crowded = number > len(plane) // 2
    while blocks != 0:
        begin, count = next_run(blocks)
        blocks = without_run(blocks, begin, count)
        low, high = bounds_of(begin, count, shift, len(plane))
        if COMPRESSES:
            end = list_compressed(plane, low, high, users, end)
        else:
            end = list_words(plane, low, high, users, end) if crowded else list_few(plane, low, high, users, end)


@kernel
def list_compressed(plane: Words, low: int, high: int, users: Postings, end: int) -> int:
    """List the users of some words, all of a word at once."""
    for start in range(low, high, _TOGETHER):
        line = plane[start : min(start + _TOGETHER, high)]
        anybody = np.uint64(0)
        for word in line:
            anybody |= word
        if anybody != np.uint64(0):
            for i in range(len(line)):
                end = list_word(line[i], (start + i) * 64, users, end)
    return end


@kernel
def list_words(plane: Words, low: int, high: int, users: Postings, end: int) -> int:
    """List the users of some words; four are written whether a word has so many or not, for that cannot be foretold."""
    for word in range(low, high):
        left, base, then = plane[np.uint64(word)], word * 64, end
        end += popcount(left)
        if end - then > _BYTE_BY_BYTE_FROM:
            for byte in range(8):
                bits = (left >> np.uint64(8 * byte)) & np.uint64(0xFF)
                list_byte(PLACES, np.int64(bits), base + 8 * byte, users, then)
                then += popcount(bits)
            continue
        while True:
            for place in range(4):
                users[np.uint64(then + place)] = base + lowest_bit(left)
                left &= left - np.uint64(1)
            then += 4
            if then >= end:
                break
    return end


@kernel
def list_few(plane: Words, low: int, high: int, users: Postings, end: int) -> int:
    """List the users of words most of which have nobody."""
    for start in range(low, high, _TOGETHER):
        line = plane[start : min(start + _TOGETHER, high)]
        anybody = np.uint64(0)
        for word in line:
            anybody |= word
        if anybody == np.uint64(0):
            continue
        for i in range(len(line)):
            left, base = line[i], (start + i) * 64
            while left != np.uint64(0):
                users[np.uint64(end)] = base + lowest_bit(left)
                left &= left - np.uint64(1)
                end += 1
    return end


@kernel
def add_to_hits(hits: Words, bits: int, plane: Words, blocks: int, shift: int) -> None:
    """Count one more group for the users of a plane; counts fit ``bits`` slices (bit b of every count in row b)."""
    while blocks != 0:
        first, count = next_run(blocks)
        blocks = without_run(blocks, first, count)
        low, high = bounds_of(first, count, shift, len(plane))
        for word in range(low, high):
            carry = plane[word]
            for bit in range(bits):
                both = hits[bit, word] & carry
                hits[bit, word] ^= carry
                carry = both


@kernel
def mark_enough_hits(hits: Words, bits: int, least: int, plane: Words, blocks: int, shift: int) -> None:
    """Set the named blocks of ``plane`` to the users who hit ``least`` groups or more."""
    while blocks != 0:
        first, count = next_run(blocks)
        blocks = without_run(blocks, first, count)
        low, high = bounds_of(first, count, shift, len(plane))
        for word in range(low, high):
            above, equal = np.uint64(0), ~np.uint64(0)
            for bit in range(bits - 1, -1, -1):
                if (least >> bit) & 1:
                    equal &= hits[bit, word]
                else:
                    above |= equal & hits[bit, word]
                    equal &= ~hits[bit, word]
            plane[word] = above | equal
