"""The best of a tier where very many hit something: sums of group weights for 64 users at a time.

The segment is worked on in chunks small enough for the first cache. Bit b of every user's sum lies in slice b; adding a
group ripples a carry through the slices, and "who reaches a sum" is one comparison on them. Only users who can be among
the best are looked at one by one. The chunk that promises most comes first, so that the bar is high when others come.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import numpy as np
import numpy.typing as npt

from matching.index.bits import lowest_bit, popcount
from matching.index.classes import FINISHED, FULL_TIER, reached_score, sum_for
from matching.index.jit import kernel
from matching.index.lookup import first_from
from matching.index.postings import Lists
from matching.index.scoring import DIMENSIONS_SHIFT, SCORED
from matching.index.scratch import (
    BONUS,
    CHUNK_WORDS,
    CROWD,
    CURSORS,
    ENDS,
    FIRSTS,
    FULL,
    INDUSTRY,
    KEY_BLOCKS,
    MAX_HIT_BITS,
    MAX_SUM_BITS,
    POINTS,
    REGION,
    ROWS,
    STARTS,
    Scratch,
)

Words = npt.NDArray[np.uint64]
Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]
Postings = npt.NDArray[np.uint32]

_FIRST, _SECOND, _THIRD = np.int64(0), np.int64(1), np.int64(2)
_HITS = MAX_SUM_BITS
_PLANE, _CARRY, _ABOVE, _EQUAL, _CHOSEN, _OPEN = range(_HITS + MAX_HIT_BITS, _HITS + MAX_HIT_BITS + 6)
"""Rows of ``Scratch.chunk`` after the slices of sums and of hits: a group's users, two for passing use, who reaches a
sum, who is chosen, who counts in the tier at all."""


@kernel
def slice_best(
    lists: Lists,
    weights: Int32Array,
    named: int,
    at_least: int,
    tier: int,
    floor: int,
    limit: int,
    shift: int,
    visible: Words,
    zeros: Int64Array,
    scratch: Scratch,
) -> tuple[int, int]:
    """As ``matching.index.best.meet_best``: mark whoever can be among the best ``limit`` of a tier and hits a group.

    Returns (users marked, a score that enough are known to reach).
    """
    total = np.int64(0)
    for weight in weights:
        total += weight
    words = len(visible)
    chunks = (words + CHUNK_WORDS - 1) // CHUNK_WORDS
    scored, counted = np.int64(0), np.int64(0)
    theta = max(floor, reached_score(scratch, named, at_least, tier, FINISHED, scored, zeros, total, limit))
    first = _promising_chunk(scratch.planes[REGION if tier != FULL_TIER else FULL], visible)
    _rewind(scratch.keys, scratch.query[FIRSTS, len(weights)])
    for turn in range(-1, chunks):
        if turn == first:
            continue
        if turn == 0:
            _rewind(scratch.keys, scratch.query[FIRSTS, len(weights)])
        low = (first if turn < 0 else np.int64(turn)) * CHUNK_WORDS
        length = min(np.int64(CHUNK_WORDS), words - low)
        scored = _slice_chunk(
            lists, weights, total, named, at_least, tier, theta, limit, low, length, shift, visible, scratch, scored
        )
        if scored >= counted + limit:
            counted = scored
            theta = max(theta, reached_score(scratch, named, at_least, tier, FINISHED, scored, zeros, total, limit))
    if scored > counted:
        theta = max(theta, reached_score(scratch, named, at_least, tier, FINISHED, scored, zeros, total, limit))
    return scored, theta


@kernel
def _promising_chunk(plane: Words, visible: Words) -> int:
    """The chunk that has most users of a plane."""
    best, most = np.int64(0), np.int64(-1)
    for low in range(0, len(plane), CHUNK_WORDS):
        high = min(low + CHUNK_WORDS, len(plane))
        users = np.int64(0)
        for i in range(low, high):
            users += popcount(plane[np.uint64(i)] & visible[np.uint64(i)])
        if users > most:
            best, most = np.int64(low // CHUNK_WORDS), users
    return best


@kernel
def _rewind(keys: Int64Array, count: int) -> None:
    for k in range(count):
        keys[CURSORS, k] = keys[STARTS, k]


@kernel
def _slice_chunk(
    lists: Lists,
    weights: Int32Array,
    total: int,
    named: int,
    at_least: int,
    tier: int,
    theta: int,
    limit: int,
    low: int,
    length: int,
    shift: int,
    visible: Words,
    scratch: Scratch,
    scored: int,
) -> int:
    """Mark those of one chunk who reach ``theta`` (or more, when very many do); returns how many are marked in all."""
    chunk, planes = scratch.chunk, scratch.planes
    groups = len(weights)
    bits = np.int64(0)
    while (1 << bits) <= total:
        bits += 1
    counts_hits = 1 < at_least < groups and total > groups
    hit_bits = np.int64(0)
    while counts_hits and (1 << hit_bits) <= groups:
        hit_bits += 1
    open_users = chunk[_OPEN, :length]
    if _open_to(theta, tier, total, low, length, visible, planes, scratch.query, open_users) == 0:
        return scored
    if not _sum_groups(lists, weights, bits, hit_bits, low, length, shift, scratch):
        return scored
    if tier != FULL_TIER:
        _leave_full_out(named, at_least, groups, total, bits, hit_bits, low, length, planes, chunk)
    chosen = _choose(theta, total, bits, low, length, planes, scratch.query, chunk)
    if chosen > 2 * limit:
        theta = _raise(theta, chosen, total, bits, limit, low, length, planes, scratch.query, chunk)
        chosen = _choose(theta, total, bits, low, length, planes, scratch.query, chunk)
    if chosen == 0:
        return scored
    return _mark_chosen(bits, low, length, planes, chunk, scratch.marks, scratch.users[0], scored)


@kernel
def _flip(choice: int, dimension: int) -> int:
    """All bits when a choice lacks a dimension: its plane is turned over then."""
    return np.uint64(0) if (choice >> dimension) & 1 else ~np.uint64(0)


@kernel
def _open_to(
    theta: int, tier: int, total: int, low: int, length: int, visible: Words, planes: Words, query: Int64Array,
    open_users: Words,
) -> int:  # fmt: skip
    """Who could reach ``theta`` by his dimensions if he hit all groups; returns 0 when nobody could, else 1."""
    seen = visible[low : low + length]
    if tier == FULL_TIER:
        seen = planes[FULL, low : low + length]
    industry, region = planes[INDUSTRY, low : low + length], planes[REGION, low : low + length]
    crowd = planes[CROWD, low : low + length]
    everybody = True
    for choice in range(8):
        if query[BONUS, choice] >= 0 and sum_for(query, theta - query[BONUS, choice], total) > total:
            everybody = False
    for i in range(length):
        open_users[i] = seen[i] if everybody else np.uint64(0)
    if not everybody:
        for choice in range(8):
            if query[BONUS, choice] >= 0 and sum_for(query, theta - query[BONUS, choice], total) <= total:
                a, b, c = _flip(choice, _FIRST), _flip(choice, _SECOND), _flip(choice, _THIRD)
                for i in range(length):
                    open_users[i] |= (industry[i] ^ a) & (region[i] ^ b) & (crowd[i] ^ c) & seen[i]
    anybody = np.uint64(0)
    for i in range(length):
        anybody |= open_users[i]
    return np.int64(anybody != np.uint64(0))


@kernel
def _sum_groups(
    lists: Lists, weights: Int32Array, bits: int, hit_bits: int, low: int, length: int, shift: int, scratch: Scratch
) -> bool:
    """Sum the groups of a chunk into the slices; says whether anybody is hit."""
    chunk, keys, query = scratch.chunk, scratch.keys, scratch.query
    for bit in range(bits):
        chunk[bit, :length] = 0
    for bit in range(hit_bits):
        chunk[_HITS + bit, :length] = 0
    carry = chunk[_CARRY, :length]
    first_block, last_block = (low * 64) >> shift, ((low + length) * 64 - 1) >> shift
    here = np.uint64(0)
    for block in range(first_block, last_block + 1):
        here |= np.uint64(1) << np.uint64(block)
    touched = False
    for p in range(len(weights)):
        first, end = query[FIRSTS, p], query[FIRSTS, p + 1]
        plane = chunk[_PLANE, :length]
        if end - first == 1 and keys[ROWS, first] >= 0:
            plane = lists.bitmaps[keys[ROWS, first], low : low + length]
        elif not _fill_group(lists.postings, lists.bitmaps, keys, first, end, here, low, length, plane):
            continue
        touched = True
        add_to_sums(chunk, np.int64(0), bits, np.int64(weights[p]), plane, carry, length)
        if hit_bits > 0:
            add_to_sums(chunk, np.int64(_HITS), hit_bits, np.int64(1), plane, carry, length)
    return touched


@kernel
def _fill_group(
    postings: Postings, bitmaps: Words, keys: Int64Array, first: int, end: int, here: int, low: int, length: int,
    plane: Words,
) -> bool:  # fmt: skip
    """Unite a group's lists in a chunk; says whether anybody is in it. Cursors move forward to the chunk's end."""
    touched = False
    low_user, high_user = low * 64, (low + length) * 64
    for k in range(first, end):
        if np.uint64(keys[KEY_BLOCKS, k]) & here == np.uint64(0):
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
def add_to_sums(chunk: Words, base: int, bits: int, weight: int, plane: Words, carry: Words, length: int) -> None:
    """Add ``weight`` to the sums, in slices ``base`` and up, of the users in ``plane``."""
    for bit in range(bits):
        if (weight >> bit) & 1:
            for i in range(length):
                carry[i] = plane[i]
            for above in range(bit, bits):
                slice_ = chunk[base + above, :length]
                for i in range(length):
                    both = slice_[i] & carry[i]
                    slice_[i] ^= carry[i]
                    carry[i] = both


@kernel
def mark_reached(chunk: Words, base: int, bits: int, least: int, above: Words, equal: Words, length: int) -> None:
    """Set ``above`` to the users whose sum is ``least`` or more."""
    for i in range(length):
        above[i] = 0
        equal[i] = ~np.uint64(0)
    for bit in range(bits - 1, -1, -1):
        slice_ = chunk[base + bit, :length]
        if (least >> bit) & 1:
            for i in range(length):
                equal[i] &= slice_[i]
        else:
            for i in range(length):
                above[i] |= equal[i] & slice_[i]
                equal[i] &= ~slice_[i]
    for i in range(length):
        above[i] |= equal[i]


@kernel
def _leave_full_out(
    named: int, at_least: int, groups: int, total: int, bits: int, hit_bits: int, low: int, length: int, planes: Words,
    chunk: Words,
) -> None:  # fmt: skip
    """Take the full tier out of row OPEN; it stands in row FULL of the planes afterwards."""
    above, equal, open_users = chunk[_ABOVE, :length], chunk[_EQUAL, :length], chunk[_OPEN, :length]
    if hit_bits > 0:
        mark_reached(chunk, np.int64(_HITS), hit_bits, at_least, above, equal, length)
    else:
        mark_reached(chunk, np.int64(0), bits, total if at_least == groups else at_least, above, equal, length)
    for dimension in range(3):
        if (named >> dimension) & 1:
            satisfied = planes[INDUSTRY + dimension, low : low + length]
            for i in range(length):
                above[i] &= satisfied[i]
    full = planes[FULL, low : low + length]
    for i in range(length):
        full[i] = above[i]
        open_users[i] &= ~above[i]


@kernel
def _choose(
    theta: int, total: int, bits: int, low: int, length: int, planes: Words, query: Int64Array, chunk: Words
) -> int:
    """Set row CHOSEN to the open users who hit a group and reach ``theta``; returns their number."""
    above, equal = chunk[_ABOVE, :length], chunk[_EQUAL, :length]
    chosen, open_users = chunk[_CHOSEN, :length], chunk[_OPEN, :length]
    industry, region = planes[INDUSTRY, low : low + length], planes[REGION, low : low + length]
    crowd = planes[CROWD, low : low + length]
    for i in range(length):
        chosen[i] = 0
    for choice in range(8):
        if query[BONUS, choice] < 0:
            continue
        needed = max(np.int64(1), sum_for(query, theta - query[BONUS, choice], total))
        if needed > total:
            continue
        mark_reached(chunk, np.int64(0), bits, needed, above, equal, length)
        a, b, c = _flip(choice, _FIRST), _flip(choice, _SECOND), _flip(choice, _THIRD)
        for i in range(length):
            chosen[i] |= (industry[i] ^ a) & (region[i] ^ b) & (crowd[i] ^ c) & above[i]
    users = np.int64(0)
    for i in range(length):
        chosen[i] &= open_users[i]
        users += popcount(chosen[i])
    return users


@kernel
def _raise(
    theta: int, chosen: int, total: int, bits: int, limit: int, low: int, length: int, planes: Words, query: Int64Array,
    chunk: Words,
) -> int:  # fmt: skip
    """A higher bar that ``limit`` users of this chunk alone still reach."""
    high = np.int64(0)
    for choice in range(8):
        high = max(high, query[BONUS, choice] + query[POINTS, total])
    while theta < high and chosen > 2 * limit:
        middle = (theta + high + 1) >> 1
        reaching = _choose(middle, total, bits, low, length, planes, query, chunk)
        if reaching >= limit:
            theta, chosen = middle, reaching
        else:
            high = middle - 1
    return theta


@kernel
def _mark_chosen(
    bits: int, low: int, length: int, planes: Words, chunk: Words, marks: Int32Array, users: Postings, scored: int
) -> int:
    """Mark the users of row CHOSEN one by one; returns how many are marked in all."""
    chosen = chunk[_CHOSEN]
    for i in range(length):
        left = chosen[i]
        word = np.uint64(low + i)
        while left != np.uint64(0):
            place = np.uint64(lowest_bit(left))
            left &= left - np.uint64(1)
            reached = np.int64(0)
            for bit in range(bits):
                reached |= np.int64((chunk[bit, i] >> place) & np.uint64(1)) << bit
            choice = np.int64((planes[INDUSTRY, word] >> place) & np.uint64(1))
            choice |= np.int64((planes[REGION, word] >> place) & np.uint64(1)) << 1
            choice |= np.int64((planes[CROWD, word] >> place) & np.uint64(1)) << 2
            user = np.int64(word) * 64 + np.int64(place)
            # Nobody here is full, and whoever was left out for it is not marked: no hits need to be known.
            marks[np.uint64(user)] = SCORED | (choice << DIMENSIONS_SHIFT) | reached
            users[np.uint64(scored)] = user
            scored += 1
    return scored
