"""Who hits which keyword groups: users are met list by list, and each carries a mark of what is known of him.

Not everybody is scored: *active* are the users of whom a group's list takes note, so whoever cannot be among
the best costs one bit test a posting.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import numpy as np
import numpy.typing as npt

from matching.index.bits import lowest_bit
from matching.index.jit import kernel
from matching.index.lookup import first_from, next_run, without_run
from matching.index.planes import bounds_of
from matching.index.scratch import BONUS, ENDS, KEY_BLOCKS, POINTS, ROWS, STARTS

Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]
Words = npt.NDArray[np.uint64]
Postings = npt.NDArray[np.uint32]
Users = npt.NDArray[np.uint32]

SUM_MASK = 0xFF
HITS_SHIFT, HITS_MASK = 8, 0x1F
LAST_SHIFT, LAST_MASK = 13, 0x1F
SCORED = 1 << 18
"""A mark: sum of the weights of the groups hit, number of groups hit, the last of them (from 1), and a bit that says
that the user was met at all."""

CHOICE_SHIFT = 8
"""A class is written as its sum and, from this bit on, its choice of dimensions (matching.index.classes)."""


@kernel
def meet_group(
    postings: Postings,
    bitmaps: Words,
    keys: Int64Array,
    first_key: int,
    end_key: int,
    group: int,
    weight: int,
    blocks: int,
    shift: int,
    active: Words,
    marks: Int32Array,
    users: Users,
    scored: int,
) -> int:
    """Meet the ``active`` users of a group's lists within the named blocks; returns how many were met in all.

    ``users`` uint32 (2, n): those met, in its first row; the second is for passing use. Groups come one after another.
    """
    named, words = users[1], len(active)
    for k in range(first_key, end_key):
        here = blocks & keys[KEY_BLOCKS, k]
        row = keys[ROWS, k]
        place, stop = keys[STARTS, k], keys[ENDS, k]
        while here != 0:
            first, count = next_run(here)
            here = without_run(here, first, count)
            low, high = bounds_of(first, count, shift, words)
            number = np.int64(0)
            if row >= 0:
                for word in range(low, high):
                    left = bitmaps[row, np.uint64(word)] & active[np.uint64(word)]
                    while left != np.uint64(0):
                        named[np.uint64(number)] = word * 64 + lowest_bit(left)
                        left &= left - np.uint64(1)
                        number += 1
            else:
                place = first_from(postings, place, stop, low * 64)
                end = stop if high == words else first_from(postings, place, stop, high * 64)
                # Without a branch: whether a user is active cannot be foretold.
                for i in range(place, end):
                    user = postings[np.uint64(i)]
                    named[np.uint64(number)] = user
                    word, bit = np.uint64(user >> np.uint32(6)), np.uint64(user & np.uint32(63))
                    number += np.int64((active[word] >> bit) & np.uint64(1))
                place = end
            scored = _meet(named, number, group, weight, marks, users[0], scored)
    return scored


@kernel
def _meet(
    named: npt.NDArray[np.uint32],
    number: int,
    group: int,
    weight: int,
    marks: Int32Array,
    users: npt.NDArray[np.uint32],
    scored: int,
) -> int:
    """Note that named[:number] hit a group (counted from 0); returns how many were met in all."""
    fresh = SCORED | ((group + 1) << LAST_SHIFT) | (1 << HITS_SHIFT) | weight
    for i in range(number):
        user = np.uint64(named[np.uint64(i)])
        mark = np.int64(marks[user])
        if mark == 0:
            marks[user] = fresh
            users[np.uint64(scored)] = named[np.uint64(i)]
            scored += 1
        elif (mark >> LAST_SHIFT) & LAST_MASK != group + 1:
            mark &= ~(LAST_MASK << LAST_SHIFT)
            marks[user] = mark + ((group + 1) << LAST_SHIFT) + (1 << HITS_SHIFT) + weight
    return scored


@kernel
def score_of(query: Int64Array, of_class: int) -> int:
    """The score of a class."""
    return query[BONUS, of_class >> CHOICE_SHIFT] + query[POINTS, of_class & SUM_MASK]
