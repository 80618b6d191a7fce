"""The best of a tier where many hit something: sums of group weights for 64 users at a time.

The segment is worked on in chunks small enough for the first cache. Bit b of every user's sum lies in slice b; adding a
group ripples a carry through the slices, and "who reaches a sum" is one comparison on them. A *class* is a choice of
dimensions and a sum: all of its users have one score. Classes above *theta*, a score that enough users are known to
reach, are counted by population counts, and from the counts theta rises; so nobody is looked at one by one but the few
above the final theta, and of the class that equals it those who stand near (matching.index.choosing). The chunk that
promises most comes first, so that theta is high when others come.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import numpy as np
import numpy.typing as npt

from matching.index.bits import lowest_bit, popcount
from matching.index.choosing import offer_class, offer_users
from matching.index.classes import FULL_TIER, reached_score, set_needed, sum_for
from matching.index.jit import kernel
from matching.index.lookup import first_from
from matching.index.postings import Lists
from matching.index.scoring import CHOICE_SHIFT, score_of
from matching.index.scratch import (
    BONUS,
    CHUNK_WORDS,
    CLASS_CHOICES,
    CLASS_SUMS,
    CROWD,
    CURSORS,
    ENDS,
    FIRSTS,
    FULL,
    INDUSTRY,
    KEY_BLOCKS,
    MAX_HIT_BITS,
    NEEDED,
    OPEN,
    POINTS,
    REGION,
    ROWS,
    STARTS,
    Scratch,
)
from matching.index.segment_arrays import People
from matching.ranking import DOOR_KEY, LIMIT, TIE_BITS

Words = npt.NDArray[np.uint64]
Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float64]
Postings = npt.NDArray[np.uint32]

_FIRST, _SECOND, _THIRD = np.int64(0), np.int64(1), np.int64(2)
_PLANE, _CARRY, _ABOVE, _EQUAL, _MEMBERS = range(MAX_HIT_BITS, MAX_HIT_BITS + 5)
"""Rows of ``Scratch.chunk`` after the slices of hits: a group's users, two for passing use, who reaches a sum, who
satisfies exactly a choice of dimensions."""
_FEW_CLASSES = 2
"""With more classes above theta it is first asked whether anybody is in them at all."""


@kernel
def offer_sliced(
    lists: Lists,
    people: People,
    origin: FloatArray,
    weights: Int32Array,
    graded: int,
    at_least: int,
    tier: int,
    blocks: int,
    shift: int,
    visible: Words,
    scratch: Scratch,
    state: Int64Array,
    keys: Int64Array,
    ids: Int64Array,
) -> None:
    """Offer the best of a tier to a top.

    ``graded``: the dimensions (bits 1 industry, 2 region, 4 crowd) by which users of the tier differ: none in the full
    tier, whose users are row FULL of the planes, in ``blocks``; the named ones in the partial tier, of which their
    planes are filled. The bonus of every choice of them is set.
    """
    query, counts, limit = scratch.query, scratch.counts, state[LIMIT]
    total = np.int64(0)
    for weight in weights:
        total += weight
    counts[:, : total + 1] = 0
    theta = max(np.int64(0), state[DOOR_KEY] >> TIE_BITS)
    least = np.int64(0) if tier == FULL_TIER else np.int64(1)
    set_needed(query, graded, least, theta, total)
    words = len(visible)
    chunks = (words + CHUNK_WORDS - 1) // CHUNK_WORDS
    first = _promising_chunk(scratch.planes[FULL if tier == FULL_TIER else REGION], visible)
    _rewind(scratch.keys, query[FIRSTS, len(weights)])
    above, listed = np.int64(0), np.int64(0)
    for turn in range(-1, chunks):
        if turn == first:
            continue
        if turn == 0:
            _rewind(scratch.keys, query[FIRSTS, len(weights)])
        low = (first if turn < 0 else np.int64(turn)) * CHUNK_WORDS
        length = min(np.int64(CHUNK_WORDS), words - low)
        here = _blocks_of(low, length, shift)
        if tier == FULL_TIER and blocks & here == 0:
            continue
        if not _open_chunk(lists, weights, total, graded, at_least, tier, here, low, length, visible, scratch):
            continue
        counted = _count_above(query, graded, total, low, length, tier, scratch, counts)
        if counted == 0:
            continue
        above += counted
        if above >= limit:
            theta, above = reached_score(query, counts, graded, least, total, limit)
            set_needed(query, graded, least, theta, total)
        listed = _list_above(query, graded, total, low, length, tier, scratch, listed)
    _offer_listed(people, origin, theta, listed, scratch, state, keys, ids)
    if above < limit and theta > 0:
        open_users = scratch.planes[FULL] if tier == FULL_TIER else scratch.wide[OPEN]
        classes = _set_classes(query, graded, least, theta, total)
        for low in range(0, words, CHUNK_WORDS):
            length = min(np.int64(CHUNK_WORDS), words - low)
            if blocks & _blocks_of(low, length, shift):
                _keep_classes(query, classes, total, low, length, tier, scratch, open_users[low : low + length])
        offer_class(people, origin, theta, blocks, shift, open_users, scratch, state, keys, ids)


@kernel
def _bits_for(total: int) -> int:
    """Slices that hold sums up to ``total``."""
    bits = np.int64(0)
    while (1 << bits) <= total:
        bits += 1
    return bits


@kernel
def _blocks_of(low: int, length: int, shift: int) -> int:
    """The blocks that the words [low, low + length) touch."""
    here = np.uint64(0)
    for block in range((low * 64) >> shift, (((low + length) * 64 - 1) >> shift) + 1):
        here |= np.uint64(1) << np.uint64(block)
    return np.int64(here)


@kernel
def _promising_chunk(plane: Words, visible: Words) -> int:
    """The chunk that has most users of a plane."""
    best, most = np.int64(0), np.int64(-1)
    for low in range(0, len(plane), CHUNK_WORDS):
        high = min(low + CHUNK_WORDS, len(plane))
        some, seen = plane[low:high], visible[low:high]
        users = np.int64(0)
        for i in range(len(some)):
            users += popcount(some[i] & seen[i])
        if users > most:
            best, most = np.int64(low // CHUNK_WORDS), users
    return best


@kernel
def _rewind(keys: Int64Array, count: int) -> None:
    for k in range(count):
        keys[CURSORS, k] = keys[STARTS, k]


@kernel
def _flip(choice: int, dimension: int) -> int:
    """All bits when a choice lacks a dimension: its plane is turned over then."""
    return np.uint64(0) if (choice >> dimension) & 1 else ~np.uint64(0)


@kernel
def _open_chunk(
    lists: Lists,
    weights: Int32Array,
    total: int,
    graded: int,
    at_least: int,
    tier: int,
    here: int,
    low: int,
    length: int,
    visible: Words,
    scratch: Scratch,
) -> bool:
    """Sum the groups of a chunk and, in the partial tier, set row OPEN to the visible users who are not full.

    Says whether anybody can be in the tier; if not, nobody is open there.
    """
    chunk, sums, planes = scratch.chunk, scratch.sums, scratch.planes
    groups = len(weights)
    bits = _bits_for(total)
    hit_bits = np.int64(0)
    if tier != FULL_TIER and 1 < at_least < groups and total > groups:
        hit_bits = _bits_for(groups)
    for bit in range(bits):
        sums[bit, low : low + length] = 0
    for bit in range(hit_bits):
        chunk[bit, :length] = 0
    touched = _sum_groups(lists, weights, bits, hit_bits, here, low, length, scratch)
    if tier == FULL_TIER:
        return True
    open_users, seen = scratch.wide[OPEN, low : low + length], visible[low : low + length]
    if not touched and graded == 0:
        open_users[:] = 0
        return False
    if not touched and groups > 0:
        for i in range(length):
            open_users[i] = seen[i]
        return True
    above, equal = chunk[_ABOVE, :length], chunk[_EQUAL, :length]
    if groups == 0:
        above[:] = ~np.uint64(0)
    elif hit_bits > 0:
        mark_reached(chunk, np.int64(0), hit_bits, at_least, above, equal, length)
    else:
        enough = total if at_least == groups else at_least
        mark_reached(sums, low, bits, enough, above, equal, length)
    for dimension in range(3):
        if (graded >> dimension) & 1:
            satisfied = planes[INDUSTRY + dimension, low : low + length]
            for i in range(length):
                above[i] &= satisfied[i]
    for i in range(length):
        open_users[i] = seen[i] & ~above[i]
    return True


@kernel
def _sum_groups(
    lists: Lists, weights: Int32Array, bits: int, hit_bits: int, here: int, low: int, length: int, scratch: Scratch
) -> bool:
    """Add the groups of a chunk to the slices of sums and of hits, which are empty; says whether anybody is hit."""
    chunk, keys, query = scratch.chunk, scratch.keys, scratch.query
    sums = scratch.sums
    carry = chunk[_CARRY, :length]
    touched = False
    for p in range(len(weights)):
        first, end = query[FIRSTS, p], query[FIRSTS, p + 1]
        plane = chunk[_PLANE, :length]
        if end - first == 1 and keys[ROWS, first] >= 0:
            plane = lists.bitmaps[keys[ROWS, first], low : low + length]
        elif not _fill_group(lists.postings, lists.bitmaps, keys, first, end, here, low, length, plane):
            continue
        touched = True
        add_to_sums(sums, low, bits, np.int64(weights[p]), plane, carry, length)
        if hit_bits > 0:
            add_to_sums(chunk, np.int64(0), hit_bits, np.int64(1), plane, carry, length)
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
def add_to_sums(sums: Words, low: int, bits: int, weight: int, plane: Words, carry: Words, length: int) -> None:
    """Add ``weight`` to the sums, from word ``low`` on, of the users in ``plane``; the sums fit ``bits`` slices."""
    for bit in range(bits):
        if (weight >> bit) & 1:
            for i in range(length):
                carry[i] = plane[i]
            for above in range(bit, bits):
                slice_ = sums[above, low : low + length]
                for i in range(length):
                    both = slice_[i] & carry[i]
                    slice_[i] ^= carry[i]
                    carry[i] = both


@kernel
def mark_reached(sums: Words, low: int, bits: int, least: int, above: Words, equal: Words, length: int) -> None:
    """Set ``above`` to the users whose sum, from word ``low`` on, is ``least`` or more."""
    for i in range(length):
        above[i] = 0
        equal[i] = ~np.uint64(0)
    for bit in range(bits - 1, -1, -1):
        slice_ = sums[bit, low : low + length]
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
def _set_members(choice: int, low: int, length: int, tier: int, scratch: Scratch, members: Words) -> bool:
    """Set ``members`` to the open users of a chunk who satisfy exactly ``choice`` of the dimensions.

    Says whether there is anybody.
    """
    if tier == FULL_TIER:
        open_users = scratch.planes[FULL, low : low + length]
        for i in range(length):
            members[i] = open_users[i]
    else:
        open_users = scratch.wide[OPEN, low : low + length]
        a, b, c = _flip(choice, _FIRST), _flip(choice, _SECOND), _flip(choice, _THIRD)
        industry, region = scratch.planes[INDUSTRY, low : low + length], scratch.planes[REGION, low : low + length]
        crowd = scratch.planes[CROWD, low : low + length]
        for i in range(length):
            members[i] = (industry[i] ^ a) & (region[i] ^ b) & (crowd[i] ^ c) & open_users[i]
    anybody = np.uint64(0)
    for i in range(length):
        anybody |= members[i]
    return anybody != np.uint64(0)


@kernel
def _count_above(
    query: Int64Array, graded: int, total: int, low: int, length: int, tier: int, scratch: Scratch, counts: Int64Array
) -> int:
    """Count the users of a chunk whose class is above theta, class by class; returns how many they are."""
    chunk, sums = scratch.chunk, scratch.sums
    above, equal, members = chunk[_ABOVE, :length], chunk[_EQUAL, :length], chunk[_MEMBERS, :length]
    bits = _bits_for(total)
    found = np.int64(0)
    for choice in range(8):
        needed = query[NEEDED, choice]
        if choice & ~graded or needed > total or not _set_members(choice, low, length, tier, scratch, members):
            continue
        left = np.int64(-1)
        if total - needed >= _FEW_CLASSES:
            mark_reached(sums, low, bits, needed, above, equal, length)
            left = np.int64(0)
            for i in range(length):
                left += popcount(above[i] & members[i])
        reached = total
        while reached >= needed and left != 0:
            for i in range(length):
                equal[i] = members[i]
            for bit in range(bits):
                flip = np.uint64(0) if (reached >> bit) & 1 else ~np.uint64(0)
                slice_ = sums[bit, low : low + length]
                for i in range(length):
                    equal[i] &= slice_[i] ^ flip
            users = np.int64(0)
            for i in range(length):
                users += popcount(equal[i])
            counts[choice, reached] += users
            found += users
            if left > 0:
                left -= users
            reached -= 1
    return found


@kernel
def _list_above(
    query: Int64Array, graded: int, total: int, low: int, length: int, tier: int, scratch: Scratch, listed: int
) -> int:
    """Append to ``scratch.users`` the users of a chunk above theta, with their classes; returns the new end."""
    chunk, sums = scratch.chunk, scratch.sums
    above, equal, members = chunk[_ABOVE, :length], chunk[_EQUAL, :length], chunk[_MEMBERS, :length]
    users, marks = scratch.users[0], scratch.users[1]
    bits = _bits_for(total)
    for choice in range(8):
        needed = query[NEEDED, choice]
        if choice & ~graded or needed > total or not _set_members(choice, low, length, tier, scratch, members):
            continue
        mark_reached(sums, low, bits, needed, above, equal, length)
        for i in range(length):
            left = above[i] & members[i]
            while left != np.uint64(0):
                place = np.uint64(lowest_bit(left))
                left &= left - np.uint64(1)
                reached = np.int64(0)
                for bit in range(bits):
                    reached |= np.int64((sums[bit, low + i] >> place) & np.uint64(1)) << bit
                users[np.uint64(listed)] = (low + i) * 64 + np.int64(place)
                marks[np.uint64(listed)] = (choice << CHOICE_SHIFT) | reached
                listed += 1
    return listed


@kernel
def _offer_listed(
    people: People, origin: FloatArray, theta: int, listed: int, scratch: Scratch, state: Int64Array, keys: Int64Array,
    ids: Int64Array,
) -> None:  # fmt: skip
    """Offer the listed users above the final theta."""
    query, users, marks = scratch.query, scratch.users[0], scratch.users[1]
    kept = np.int64(0)
    for i in range(listed):
        mark = np.int64(marks[np.uint64(i)])
        score = score_of(query, mark)
        if score > theta:
            users[np.uint64(kept)] = users[np.uint64(i)]
            marks[np.uint64(kept)] = score
            kept += 1
    offer_users(people, origin, kept, np.int64(-1), scratch, state, keys, ids)


@kernel
def _set_classes(query: Int64Array, graded: int, least: int, theta: int, total: int) -> int:
    """Write the classes whose score is theta into rows CLASS_CHOICES and CLASS_SUMS; returns their number."""
    classes = np.int64(0)
    for choice in range(8):
        if choice & ~graded:
            continue
        reached = sum_for(query, theta - query[BONUS, choice], total)
        if choice == 0:
            reached = max(reached, least)
        if reached <= total and query[BONUS, choice] + query[POINTS, reached] == theta:
            query[CLASS_CHOICES, classes] = choice
            query[CLASS_SUMS, classes] = reached
            classes += 1
    return classes


@kernel
def _keep_classes(
    query: Int64Array, classes: int, total: int, low: int, length: int, tier: int, scratch: Scratch, open_users: Words
) -> None:
    """Keep in ``open_users``, a chunk, who is of one of the classes in rows CLASS_CHOICES and CLASS_SUMS."""
    chunk, sums, bits = scratch.chunk, scratch.sums, _bits_for(total)
    above, members = chunk[_ABOVE, :length], chunk[_MEMBERS, :length]
    above[:] = 0
    for c in range(classes):
        if not _set_members(query[CLASS_CHOICES, c], low, length, tier, scratch, members):
            continue
        for bit in range(bits):
            flip = np.uint64(0) if (query[CLASS_SUMS, c] >> bit) & 1 else ~np.uint64(0)
            slice_ = sums[bit, low : low + length]
            for i in range(length):
                members[i] &= slice_[i] ^ flip
        for i in range(length):
            above[i] |= members[i]
    for i in range(length):
        open_users[i] = above[i]
