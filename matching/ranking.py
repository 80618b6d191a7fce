"""The order of results, score descending, tie descending, id ascending, as integers that compare fast.

A *key* packs score and tie: ``score << TIE_BITS | tie + TIE_SHIFT``. A *top* keeps the best ``limit`` of the users that
are pushed into it: arrays ``keys`` and ``ids`` with room for more than ``limit``, cut back by a quickselect whenever
they are full, after which users below the worst of the kept are turned away at the door. ``state`` is int64: users
held, key and id of the door, limit.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import numpy as np
import numpy.typing as npt

from matching.index.jit import kernel

TIE_BITS = 9
TIE_SHIFT = 255
TIE_MASK = (1 << TIE_BITS) - 1
LAST_ID = 1 << 62

HELD, DOOR_KEY, DOOR_ID, LIMIT = 0, 1, 2, 3
_INSERTION_SORT_UP_TO = 16

Int64Array = npt.NDArray[np.int64]


@kernel
def open_top(state: Int64Array, limit: int, floor_key: int) -> None:
    """Start an empty top of ``limit`` users that takes keys from ``floor_key`` on."""
    state[HELD] = 0
    state[DOOR_KEY] = floor_key
    state[DOOR_ID] = LAST_ID
    state[LIMIT] = limit


@kernel
def push(state: Int64Array, keys: Int64Array, ids: Int64Array, key: int, user_id: int) -> bool:
    """Offer one user to a top (never with limit 0); says whether it was taken. Whoever fills it must make room."""
    if key < state[DOOR_KEY] or (key == state[DOOR_KEY] and user_id >= state[DOOR_ID]):
        return False
    held = state[HELD]
    keys[held] = key
    ids[held] = user_id
    state[HELD] = held + 1
    return True


@kernel
def cut_top(state: Int64Array, keys: Int64Array, ids: Int64Array) -> None:
    """Keep only the best ``limit`` and move the door to the worst of them."""
    limit = state[LIMIT]
    if state[HELD] < limit or limit == 0:
        return
    arrange(keys, ids, np.int64(0), state[HELD], limit, np.int64(0))
    worst = 0
    for i in range(1, limit):
        if keys[i] < keys[worst] or (keys[i] == keys[worst] and ids[i] > ids[worst]):
            worst = i
    state[HELD] = limit
    state[DOOR_KEY] = keys[worst]
    state[DOOR_ID] = ids[worst]


@kernel
def arrange(keys: Int64Array, ids: Int64Array, first: int, end: int, best: int, in_order: int) -> None:
    """Move the best ``best`` of rows [first, end) to the front; ``in_order`` (1 or 0) sorts the front as well."""
    pending_first = np.empty(64, np.int64)
    pending_end = np.empty(64, np.int64)
    pending_first[0] = first
    pending_end[0] = end
    pending = 1
    front = first + best
    while pending > 0:
        pending -= 1
        low, high = pending_first[pending], pending_end[pending]
        if low >= front or (in_order == 0 and high <= front):
            continue
        if high - low <= _INSERTION_SORT_UP_TO:
            _insertion_sort(keys, ids, low, high)
            continue
        middle_key, middle_id = _median(keys, ids, low, high)
        left, right = low, high - 1
        while left <= right:
            while keys[left] > middle_key or (keys[left] == middle_key and ids[left] < middle_id):
                left += 1
            while keys[right] < middle_key or (keys[right] == middle_key and ids[right] > middle_id):
                right -= 1
            if left <= right:
                keys[left], keys[right] = keys[right], keys[left]
                ids[left], ids[right] = ids[right], ids[left]
                left += 1
                right -= 1
        # The longer part waits: the stack stays below one entry a halving.
        if right + 1 - low > high - left:
            pending_first[pending], pending_end[pending] = low, right + 1
            pending_first[pending + 1], pending_end[pending + 1] = left, high
        else:
            pending_first[pending], pending_end[pending] = left, high
            pending_first[pending + 1], pending_end[pending + 1] = low, right + 1
        pending += 2


@kernel
def _insertion_sort(keys: Int64Array, ids: Int64Array, first: int, end: int) -> None:
    for i in range(first + 1, end):
        key, user_id = keys[i], ids[i]
        place = i - 1
        while place >= first and (keys[place] < key or (keys[place] == key and ids[place] > user_id)):
            keys[place + 1] = keys[place]
            ids[place + 1] = ids[place]
            place -= 1
        keys[place + 1] = key
        ids[place + 1] = user_id


@kernel
def _median(keys: Int64Array, ids: Int64Array, first: int, end: int) -> tuple[int, int]:
    """The middle of three rows, so that sorted input does not take quadratic time."""
    a, b, c = first, (first + end) // 2, end - 1
    if keys[a] < keys[b] or (keys[a] == keys[b] and ids[a] > ids[b]):
        a, b = b, a
    if keys[b] < keys[c] or (keys[b] == keys[c] and ids[b] > ids[c]):
        b = c
        if keys[a] < keys[b] or (keys[a] == keys[b] and ids[a] > ids[b]):
            b = a
    return keys[b], ids[b]


@kernel
def merge_tops(
    starts: Int64Array, keys: Int64Array, ids: Int64Array, limits: Int64Array
) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Best ``limits[q]`` of rows ``starts[q] .. starts[q + 1]`` of each query, in the order of results.

    Works in place on ``keys`` and ``ids``; returns new starts, keys, ids.
    """
    queries = len(limits)
    new_starts = np.zeros(queries + 1, np.int64)
    for q in range(queries):
        new_starts[q + 1] = new_starts[q] + min(limits[q], starts[q + 1] - starts[q])
    new_keys = np.empty(new_starts[queries], np.int64)
    new_ids = np.empty(new_starts[queries], np.int64)
    for q in range(queries):
        best = new_starts[q + 1] - new_starts[q]
        arrange(keys, ids, starts[q], starts[q + 1], best, np.int64(1))
        for i in range(best):
            new_keys[new_starts[q] + i] = keys[starts[q] + i]
            new_ids[new_starts[q] + i] = ids[starts[q] + i]
    return new_starts, new_keys, new_ids


def join_tops(
    parts: list[tuple[Int64Array, Int64Array, Int64Array]], limits: Int64Array
) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Join (starts, keys, ids) of several answers to the same queries: best first, at most the limit of each query."""
    queries = len(limits)
    if not parts:
        return np.zeros(queries + 1, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64)
    if len(parts) == 1:
        starts, keys, ids = parts[0]
        return merge_tops(starts, keys.copy(), ids.copy(), limits)
    lengths = [np.diff(starts) for starts, _, _ in parts]
    of_query = np.concatenate([np.repeat(np.arange(queries, dtype=np.int32), length) for length in lengths])
    order = np.argsort(of_query, kind="stable")
    joined = np.zeros(queries + 1, np.int64)
    np.cumsum(np.sum(lengths, axis=0), out=joined[1:])
    keys = np.concatenate([part[1] for part in parts])[order]
    ids = np.concatenate([part[2] for part in parts])[order]
    return merge_tops(joined, keys, ids, limits)


def unpack_keys(keys: Int64Array) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Scores and ties of keys."""
    return (keys >> TIE_BITS).astype(np.int32), ((keys & TIE_MASK) - TIE_SHIFT).astype(np.int32)
