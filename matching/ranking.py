"""The order of results, score descending, tie descending, id ascending, as integers that compare fast.

A *key* packs score and tie: ``score << TIE_BITS | tie + TIE_SHIFT``. An *entry* packs a key and a user of a segment:
``key << RANK_BITS | LAST_RANK - rank``, where the rank is the user's place among the segment's ids in ascending order;
so the better of two users has the greater entry. A *top* keeps the best ``limit`` of the entries pushed into it: an
array with room for more than ``limit``, sorted and cut back whenever it is full, after which entries below the worst of
the kept are turned away at the door. ``state`` is int64: entries held, the door, the limit.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import numpy as np
import numpy.typing as npt

from matching.index.jit import kernel

TIE_BITS = 9
TIE_SHIFT = 255
TIE_MASK = (1 << TIE_BITS) - 1
RANK_BITS = 20
LAST_RANK = (1 << RANK_BITS) - 1
"""A segment has at most 2^RANK_BITS users."""

HELD, DOOR, LIMIT = 0, 1, 2
_INSERTION_SORT_UP_TO = 24
_DIGIT_BITS = 8

Int64Array = npt.NDArray[np.int64]


@kernel
def open_top(state: Int64Array, limit: int, floor_key: int) -> None:
    """Start an empty top of ``limit`` users that takes keys from ``floor_key`` on."""
    state[HELD] = 0
    state[DOOR] = floor_key << RANK_BITS
    state[LIMIT] = limit


@kernel
def entry_of(key: int, rank: int) -> int:
    """What a top holds of a user."""
    return (key << RANK_BITS) | (LAST_RANK - rank)


@kernel
def push(state: Int64Array, top: Int64Array, spare: Int64Array, entry: int) -> None:
    """Offer one entry to a top (never with limit 0)."""
    if entry < state[DOOR]:
        return
    held = state[HELD]
    top[held] = entry
    state[HELD] = held + 1
    if held + 1 == len(top):
        cut_top(state, top, spare)


@kernel
def cut_top(state: Int64Array, top: Int64Array, spare: Int64Array) -> None:
    """Sort a top, best first, keep ``limit`` at most, and when there are so many move the door to the worst of them."""
    sort_falling(top, spare, state[HELD])
    if state[HELD] >= state[LIMIT] > 0:
        state[HELD] = state[LIMIT]
        state[DOOR] = top[state[LIMIT] - 1]


@kernel
def sort_falling(numbers: Int64Array, spare: Int64Array, count: int) -> None:
    """Sort the first ``count`` numbers, none negative, the greatest first; ``spare`` has room for as many."""
    if count <= _INSERTION_SORT_UP_TO:
        for i in range(1, count):
            number = numbers[i]
            place = i - 1
            while place >= 0 and numbers[place] < number:
                numbers[place + 1] = numbers[place]
                place -= 1
            numbers[place + 1] = number
        return
    # By digits, the lowest first; digits that all have in common are passed over.
    different = np.int64(0)
    for i in range(1, count):
        different |= numbers[i] ^ numbers[0]
    starts = np.empty(1 << _DIGIT_BITS, np.int64)
    source, target = numbers, spare
    turned = False
    for shift in range(0, 63, _DIGIT_BITS):
        mask = (1 << _DIGIT_BITS) - 1
        if (different >> shift) & mask == 0:
            continue
        starts[:] = 0
        for i in range(count):
            starts[np.uint64((source[i] >> shift) & mask)] += 1
        first = np.int64(0)
        for digit in range(mask, -1, -1):
            of_digit = starts[digit]
            starts[digit] = first
            first += of_digit
        for i in range(count):
            digit = np.uint64((source[i] >> shift) & mask)
            target[np.uint64(starts[digit])] = source[i]
            starts[digit] += 1
        source, target, turned = target, source, not turned
    if turned:
        for i in range(count):
            numbers[i] = spare[i]


@kernel
def merge_tops(
    starts: Int64Array, keys: Int64Array, ids: Int64Array, limits: Int64Array
) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Merge the tops of several answers to the same queries, each best first, and cut them at ``limits``.

    ``starts`` int64 (answers, queries + 1): rows of ``keys`` and ``ids``. Returns new starts, keys, ids.
    """
    answers, queries = len(starts), len(limits)
    new_starts = np.zeros(queries + 1, np.int64)
    for q in range(queries):
        held = np.int64(0)
        for answer in range(answers):
            held += starts[answer, q + 1] - starts[answer, q]
        new_starts[q + 1] = new_starts[q] + min(limits[q], held)
    new_keys = np.empty(new_starts[queries], np.int64)
    new_ids = np.empty(new_starts[queries], np.int64)
    heads = np.empty(answers, np.int64)
    for q in range(queries):
        for answer in range(answers):
            heads[answer] = starts[answer, q]
        for row in range(new_starts[q], new_starts[q + 1]):
            best = np.int64(-1)
            for answer in range(answers):
                head = heads[answer]
                if head < starts[answer, q + 1] and (
                    best < 0
                    or keys[head] > keys[heads[best]]
                    or (keys[head] == keys[heads[best]] and ids[head] < ids[heads[best]])
                ):
                    best = np.int64(answer)
            new_keys[row], new_ids[row] = keys[heads[best]], ids[heads[best]]
            heads[best] += 1
    return new_starts, new_keys, new_ids


def join_tops(
    parts: list[tuple[Int64Array, Int64Array, Int64Array]], limits: Int64Array
) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Join (starts, keys, ids) of several answers to the same queries, each best first and cut at its limit."""
    if not parts:
        return np.zeros(len(limits) + 1, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64)
    if len(parts) == 1:
        return parts[0]
    firsts = np.cumsum([0, *(len(keys) for _, keys, _ in parts[:-1])])
    return merge_tops(
        np.stack([starts + first for (starts, *_), first in zip(parts, firsts, strict=True)]),
        np.concatenate([keys for _, keys, _ in parts]),
        np.concatenate([ids for *_, ids in parts]),
        limits,
    )


def unpack_keys(keys: Int64Array) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Scores and ties of keys."""
    return (keys >> TIE_BITS).astype(np.int32), ((keys & TIE_MASK) - TIE_SHIFT).astype(np.int32)
