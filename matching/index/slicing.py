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
from matching.index.planes import clear
from matching.index.postings import Lists
from matching.index.scoring import CHOICE_SHIFT, score_of
from matching.index.scratch import (
    BLOCKS,
    BONUS,
    CHUNK_WORDS,
    CLASS_CHOICES,
    CLASS_SUMS,
    CROWD,
    CURSORS,
    ENDS,
    FIRSTS,
    INDUSTRY,
    KEY_BLOCKS,
    MAX_CHUNKS,
    MOST,
    NEEDED,
    POINTS,
    REGION,
    ROWS,
    STARTS,
    UNION,
    Scratch,
)
from matching.index.segment_arrays import People
from matching.ranking import DOOR, LIMIT, RANK_BITS, TIE_BITS

Words = npt.NDArray[np.uint64]
Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float64]
Postings = npt.NDArray[np.uint32]

_FIRST, _SECOND, _THIRD, _FOURTH = np.int64(0), np.int64(1), np.int64(2), np.int64(3)
_PLANE, _CARRY, _EQUAL, _MEMBERS, _NOBODY = range(5)
"""Rows of ``Scratch.chunk``: a group's users, a carry, who has some bits of a sum, who is of a class, and nobody."""
_HERE = 8
"""Rows of ``Scratch.counts`` from here on count the users of one chunk."""
_COMPARED_AT_ONCE = 4
"""Slices that one pass over a chunk compares."""


@kernel
def sum_of(weights: Int32Array) -> int:
    """The sum of the weights of all groups."""
    total = np.int64(0)
    for weight in weights:
        total += weight
    return total


@kernel
def offer_sliced(
    lists: Lists,
    people: People,
    origin: FloatArray,
    weights: Int32Array,
    graded: int,
    least: int,
    tier: int,
    blocks: int,
    shift: int,
    seen: Words,
    scratch: Scratch,
) -> None:
    """Offer the best of the users in ``seen`` and ``blocks``, who are no class's but the tier's, to the tier's top.

    ``graded``: the dimensions (bits 1 industry, 2 region, 4 crowd) by which they differ: none in the full tier; in the
    partial one the named dimensions, of which the planes are filled. ``least``: the smallest sum that counts without
    any dimension; row MOST of ``scratch.query`` has the largest that counts with every choice of them, row BONUS what
    they give.
    """
    query, counts, limit = scratch.query, scratch.counts, scratch.states[tier, LIMIT]
    total, groups = sum_of(weights), len(weights)
    counts[:, : total + 1] = 0
    theta = max(np.int64(0), scratch.states[tier, DOOR] >> (RANK_BITS + TIE_BITS))
    if set_needed(query, graded, least, theta - 1, total) == 0:
        return
    set_needed(query, graded, least, theta, total)
    words = len(seen)
    chunks = (words + CHUNK_WORDS - 1) // CHUNK_WORDS
    first = _promising_chunk(seen if tier == FULL_TIER else scratch.planes[REGION])
    _rewind(scratch.keys, query[FIRSTS, groups])
    depths = np.zeros(MAX_CHUNKS, np.int64)
    above, listed = np.int64(0), np.int64(0)
    for turn in range(-1, chunks):
        if turn == first:
            continue
        if turn == 0:
            _rewind(scratch.keys, query[FIRSTS, groups])
        chunk = first if turn < 0 else np.int64(turn)
        low = chunk * CHUNK_WORDS
        length = min(np.int64(CHUNK_WORDS), words - low)
        here = _blocks_of(low, length, shift)
        if blocks & here == 0:
            continue
        depth = _sum_groups(lists, weights, here, low, length, scratch)
        depths[chunk] = depth
        satisfiable = _satisfiable(query, graded, groups, here)
        counted = _count_above(query, satisfiable, depth, low, length, seen, scratch, counts)
        if counted == 0:
            continue
        above += counted
        if above >= limit:
            theta, above = reached_score(query, counts, graded, least, limit)
            set_needed(query, graded, least, theta, total)
        listed = _list_above(query, satisfiable, depth, low, length, seen, scratch, listed)
    _offer_listed(people, origin, theta, listed, tier, scratch)
    if above < limit and theta > 0:
        _offer_equals(people, origin, theta, graded, least, total, tier, blocks, shift, seen, depths, scratch)


@kernel
def _depth_for(total: int) -> int:
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
def _satisfiable(query: Int64Array, graded: int, groups: int, here: int) -> int:
    """The graded dimensions that anybody of some blocks satisfies."""
    found = np.int64(0)
    for dimension in range(3):
        if query[BLOCKS, groups + dimension] & here:
            found |= 1 << dimension
    return found & graded


@kernel
def _promising_chunk(plane: Words) -> int:
    """The chunk that has most users of a plane."""
    best, most = np.int64(0), np.int64(-1)
    for low in range(0, len(plane), CHUNK_WORDS):
        users = np.int64(0)
        for word in plane[low : min(low + CHUNK_WORDS, len(plane))]:
            users += popcount(word)
        if users > most:
            best, most = np.int64(low // CHUNK_WORDS), users
    return best


@kernel
def _rewind(keys: Int64Array, count: int) -> None:
    for k in range(count):
        keys[CURSORS, k] = keys[STARTS, k]


@kernel
def _flip(number: int, bit: int) -> int:
    """All bits when a number lacks a bit: the bit's plane is turned over then."""
    return np.uint64(0) if (number >> bit) & 1 else ~np.uint64(0)


@kernel
def _sum_groups(lists: Lists, weights: Int32Array, here: int, low: int, length: int, scratch: Scratch) -> int:
    """Sum the groups of a chunk into the slices; returns how many slices the sums take: 0 when nobody hits anything."""
    chunk, keys, query, sums = scratch.chunk, scratch.keys, scratch.query, scratch.sums
    carry = chunk[_CARRY, :length]
    total, depth = np.int64(0), np.int64(0)
    for p in range(len(weights)):
        first, end = query[FIRSTS, p], query[FIRSTS, p + 1]
        plane = chunk[_PLANE, :length]
        if end - first == 1 and keys[ROWS, first] >= 0:
            plane = lists.bitmaps[keys[ROWS, first], low : low + length]
        elif not _fill_group(lists.postings, lists.bitmaps, keys, first, end, here, low, length, plane):
            continue
        total += weights[p]
        needed = _depth_for(total)
        for bit in range(depth, needed):
            sums[bit, low : low + length] = 0
        depth = needed
        add_to_sums(sums, low, depth, np.int64(weights[p]), plane, carry, length)
    return depth


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
def add_to_sums(sums: Words, low: int, depth: int, weight: int, plane: Words, carry: Words, length: int) -> None:
    """Add ``weight`` to the sums, from word ``low`` on, of the users in ``plane``; the sums fit ``depth`` slices."""
    high = low + length
    for bit in range(depth):
        if (weight >> bit) & 1 == 0:
            continue
        moving, above = plane, bit
        # Two slices at a time: the carry between them never leaves a register.
        while depth - above > 2:
            lower, upper = sums[above, low:high], sums[above + 1, low:high]
            for i in range(length):
                both = lower[i] & moving[i]
                lower[i] ^= moving[i]
                carry[i] = upper[i] & both
                upper[i] ^= both
            moving, above = carry, above + 2
        lower = sums[above, low:high]
        if depth - above == 2:
            upper = sums[above + 1, low:high]
            for i in range(length):
                upper[i] ^= lower[i] & moving[i]
                lower[i] ^= moving[i]
        elif depth - above == 1:
            for i in range(length):
                lower[i] ^= moving[i]


@kernel
def _bits_above(sums: Words, depth: int, reached: int, low: int, length: int, chunk: Words) -> bool:
    """Whether a sum has more bits than are compared at once; row EQUAL is then who has the highest of them."""
    if depth <= _COMPARED_AT_ONCE:
        return False
    equal = chunk[_EQUAL, :length]
    for i in range(length):
        equal[i] = ~np.uint64(0)
    for bit in range(_COMPARED_AT_ONCE - 1, depth):
        flip, slice_ = _flip(reached, np.int64(bit)), sums[bit, low : low + length]
        for i in range(length):
            equal[i] &= slice_[i] ^ flip
    return True


@kernel
def _count_class(choice: int, reached: int, depth: int, low: int, length: int, seen: Words, scratch: Scratch) -> int:
    """The users of a class in a chunk: in one pass that only reads."""
    planes, sums, nobody = scratch.planes, scratch.sums, scratch.chunk[_NOBODY, :length]
    high = low + length
    industry, region, crowd = planes[INDUSTRY, low:high], planes[REGION, low:high], planes[CROWD, low:high]
    a, b, c = _flip(choice, _FIRST), _flip(choice, _SECOND), _flip(choice, _THIRD)
    d, e, f, g = _flip(reached, _FIRST), _flip(reached, _SECOND), _flip(reached, _THIRD), _flip(reached, _FOURTH)
    p = sums[0, low:high] if depth > 0 else nobody
    q = sums[1, low:high] if depth > 1 else nobody
    r = sums[2, low:high] if depth > 2 else nobody
    s = sums[3, low:high] if depth > 3 else nobody
    if _bits_above(sums, depth, reached, low, length, scratch.chunk):
        s, g = scratch.chunk[_EQUAL, :length], np.uint64(0)
    some = seen[low:high]
    users = np.int64(0)
    for i in range(length):
        users += popcount(
            some[i] & (industry[i] ^ a) & (region[i] ^ b) & (crowd[i] ^ c) & (p[i] ^ d) & (q[i] ^ e) & (r[i] ^ f)
            & (s[i] ^ g)
        )  # fmt: skip
    return users


@kernel
def _set_class(
    choice: int, reached: int, depth: int, low: int, length: int, seen: Words, scratch: Scratch, members: Words
) -> None:
    """Set ``members`` to the users of a class in a chunk."""
    planes, sums = scratch.planes, scratch.sums
    high = low + length
    industry, region, crowd = planes[INDUSTRY, low:high], planes[REGION, low:high], planes[CROWD, low:high]
    a, b, c = _flip(choice, _FIRST), _flip(choice, _SECOND), _flip(choice, _THIRD)
    some = seen[low:high]
    for i in range(length):
        members[i] = some[i] & (industry[i] ^ a) & (region[i] ^ b) & (crowd[i] ^ c)
    for bit in range(depth):
        flip, slice_ = _flip(reached, np.int64(bit)), sums[bit, low:high]
        for i in range(length):
            members[i] &= slice_[i] ^ flip


@kernel
def _is_possible(choice: int, satisfiable: int, reached: int, depth: int) -> bool:
    """Whether a chunk can have users of a class."""
    return choice & ~satisfiable == 0 and reached >> depth == 0


@kernel
def _count_above(
    query: Int64Array, satisfiable: int, depth: int, low: int, length: int, seen: Words, scratch: Scratch,
    counts: Int64Array,
) -> int:  # fmt: skip
    """Count the users of a chunk whose class is above theta, class by class; returns how many they are."""
    found = np.int64(0)
    for choice in range(8):
        for reached in range(query[NEEDED, choice], query[MOST, choice] + 1):
            if _is_possible(choice, satisfiable, reached, depth):
                users = _count_class(np.int64(choice), np.int64(reached), depth, low, length, seen, scratch)
                counts[choice, reached] += users
                counts[_HERE + choice, reached] = users
                found += users
    return found


@kernel
def _list_above(
    query: Int64Array, satisfiable: int, depth: int, low: int, length: int, seen: Words, scratch: Scratch, listed: int
) -> int:
    """Append to ``scratch.users`` the users of a chunk above theta, with their classes; returns the new end."""
    users, of_class, members = scratch.users[0], scratch.users[1], scratch.chunk[_MEMBERS, :length]
    for choice in range(8):
        for reached in range(query[NEEDED, choice], query[MOST, choice] + 1):
            if not _is_possible(choice, satisfiable, reached, depth) or scratch.counts[_HERE + choice, reached] == 0:
                continue
            _set_class(np.int64(choice), np.int64(reached), depth, low, length, seen, scratch, members)
            for i in range(length):
                left = members[i]
                while left != np.uint64(0):
                    users[np.uint64(listed)] = (low + i) * 64 + lowest_bit(left)
                    of_class[np.uint64(listed)] = (choice << CHOICE_SHIFT) | reached
                    left &= left - np.uint64(1)
                    listed += 1
    return listed


@kernel
def _offer_listed(people: People, origin: FloatArray, theta: int, listed: int, tier: int, scratch: Scratch) -> None:
    """Offer the listed users above the final theta."""
    users, scores = scratch.users[0], scratch.users[1]
    kept = np.int64(0)
    for i in range(listed):
        score = score_of(scratch.query, np.int64(scores[np.uint64(i)]))
        if score > theta:
            users[np.uint64(kept)] = users[np.uint64(i)]
            scores[np.uint64(kept)] = score
            kept += 1
    offer_users(people, origin, kept, np.int64(-1), tier, scratch)


@kernel
def _offer_equals(
    people: People,
    origin: FloatArray,
    theta: int,
    graded: int,
    least: int,
    total: int,
    tier: int,
    blocks: int,
    shift: int,
    seen: Words,
    depths: Int64Array,
    scratch: Scratch,
) -> None:
    """Offer the users whose score is theta: a plane of them is drawn, as row UNION, and walked through."""
    query, equals = scratch.query, scratch.planes[UNION]
    members = scratch.chunk[_MEMBERS]
    classes = _set_classes(query, graded, least, theta, total)
    inhabited = np.int64(0)
    for chunk in range((len(seen) + CHUNK_WORDS - 1) // CHUNK_WORDS):
        low = chunk * CHUNK_WORDS
        length = min(np.int64(CHUNK_WORDS), len(seen) - low)
        here = _blocks_of(low, length, shift)
        if blocks & here == 0:
            continue
        for c in range(classes):
            choice, reached = query[CLASS_CHOICES, c], query[CLASS_SUMS, c]
            if reached >> depths[chunk] != 0:
                continue
            some = equals[low : low + length]
            if c == 0:
                _set_class(choice, reached, depths[chunk], low, length, seen, scratch, some)
            else:
                _set_class(choice, reached, depths[chunk], low, length, seen, scratch, members)
                for i in range(length):
                    some[i] |= members[i]
            inhabited |= here
    offer_class(people, origin, theta, inhabited, shift, equals, tier, scratch)
    clear(equals, inhabited, shift)


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
        if reached <= query[MOST, choice] and query[BONUS, choice] + query[POINTS, reached] == theta:
            query[CLASS_CHOICES, classes] = choice
            query[CLASS_SUMS, classes] = reached
            classes += 1
    return classes
