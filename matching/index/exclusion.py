"""Excluded users: their bits are taken out of a copy of who is seen, and given back when the query is answered."""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import numpy as np
import numpy.typing as npt

from matching.index.jit import kernel
from matching.index.segment_arrays import People

Words = npt.NDArray[np.uint64]
Int64Array = npt.NDArray[np.int64]


@kernel
def hide(people: People, excluded: Int64Array, seen: Words) -> npt.NDArray[np.uint32]:
    """Take the excluded users out of ``seen``; returns which there are."""
    hidden, found = np.empty(len(excluded), np.uint32), 0
    for i in range(len(excluded)):
        place = _place_of(people.sorted_ids, excluded[i])
        if place >= 0:
            user = np.int64(people.sorted_rows[place])
            seen[user >> 6] &= ~(np.uint64(1) << np.uint64(user & 63))
            hidden[found] = user
            found += 1
    return hidden[:found]


@kernel
def show(hidden: npt.NDArray[np.uint32], visible: Words, seen: Words) -> None:
    """Make ``seen`` the same as ``visible`` again."""
    for user in hidden:
        seen[user >> np.uint32(6)] = visible[user >> np.uint32(6)]


@kernel
def _place_of(sorted_ids: Int64Array, wanted: int) -> int:
    """The place of an id among ascending ones, or -1; ids are often given in a row, so the first guess assumes it."""
    last = len(sorted_ids) - 1
    lowest, highest = sorted_ids[0], sorted_ids[last]
    if wanted < lowest or wanted > highest:
        return np.int64(-1)
    low = np.int64((wanted - lowest) * (last / max(1.0, float(highest - lowest))))
    high, step = low, np.int64(1)
    while sorted_ids[low] > wanted:
        high = low
        low = max(np.int64(0), low - step)
        step <<= 1
    while sorted_ids[high] < wanted:
        low = high
        high = min(last, high + step)
        step <<= 1
    while low < high:
        middle = (low + high) >> 1
        if sorted_ids[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low if sorted_ids[low] == wanted else np.int64(-1)
