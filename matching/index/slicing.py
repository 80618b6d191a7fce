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
from matching.index.lookup import blocks_of
from matching.index.planes import clear
from matching.index.postings import Lists
from matching.index.scoring import CHOICE_SHIFT, score_of
from matching.index.scratch import (
    BLOCKS,
    BONUS,
    CHUNK_WORDS,
    CLASS_CHOICES,
    CLASS_SUMS,
    CURSORS,
    FIRSTS,
    MAX_CHUNKS,
    MEMBERS,
    MOST,
    NEEDED,
    POINTS,
    REGION,
    STARTS,
    UNION,
    Scratch,
)
from matching.index.segment_arrays import People
from matching.index.sums import count_class, is_possible, set_class, sum_groups
from matching.ranking import DOOR, LIMIT, RANK_BITS, TIE_BITS

Words = npt.NDArray[np.uint64]
Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float64]
Postings = npt.NDArray[np.uint32]

_HERE = 8
"""Rows of ``Scratch.counts`` from here on count the users of one chunk."""


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
        here = blocks_of(low, length, shift)
        if blocks & here == 0:
            continue
        satisfiable = _satisfiable(query, graded, groups, here)
        if not _can_reach(query, satisfiable, theta):
            continue
        depth = sum_groups(lists, weights, here, low, length, scratch)
        depths[chunk] = depth
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
        _offer_equals(people, origin, theta, graded, groups, least, total, tier, blocks, shift, seen, depths, scratch)


@kernel
def _can_reach(query: Int64Array, satisfiable: int, theta: int) -> bool:
    """Whether anybody of a chunk could have ``theta``, by the dimensions that anybody there satisfies.

    Where nobody could, nothing is summed: theta only rises.
    """
    for choice in range(8):
        most = query[MOST, choice]
        if choice & ~satisfiable == 0 and most >= 0 and query[BONUS, choice] + query[POINTS, most] >= theta:
            return True
    return False


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
def _count_above(
    query: Int64Array, satisfiable: int, depth: int, low: int, length: int, seen: Words, scratch: Scratch,
    counts: Int64Array,
) -> int:  # fmt: skip
    """Count the users of a chunk whose class is above theta, class by class; returns how many they are."""
    found = np.int64(0)
    for choice in range(8):
        for reached in range(query[NEEDED, choice], query[MOST, choice] + 1):
            if is_possible(choice, satisfiable, reached, depth):
                users = count_class(np.int64(choice), np.int64(reached), depth, low, length, seen, scratch)
                counts[choice, reached] += users
                counts[_HERE + choice, reached] = users
                found += users
    return found


@kernel
def _list_above(
    query: Int64Array, satisfiable: int, depth: int, low: int, length: int, seen: Words, scratch: Scratch, listed: int
) -> int:
    """Append to ``scratch.users`` the users of a chunk above theta, with their classes; returns the new end."""
    users, of_class, members = scratch.users[0], scratch.users[1], scratch.chunk[MEMBERS, :length]
    for choice in range(8):
        for reached in range(query[NEEDED, choice], query[MOST, choice] + 1):
            if not is_possible(choice, satisfiable, reached, depth) or scratch.counts[_HERE + choice, reached] == 0:
                continue
            set_class(np.int64(choice), np.int64(reached), depth, low, length, seen, scratch, members)
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
    groups: int,
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
    members = scratch.chunk[MEMBERS]
    classes = _set_classes(query, graded, least, theta, total)
    inhabited = np.int64(0)
    for chunk in range((len(seen) + CHUNK_WORDS - 1) // CHUNK_WORDS):
        low = chunk * CHUNK_WORDS
        length = min(np.int64(CHUNK_WORDS), len(seen) - low)
        here = blocks_of(low, length, shift)
        if blocks & here == 0:
            continue
        satisfiable, drawn = _satisfiable(query, graded, groups, here), False
        for c in range(classes):
            choice, reached = query[CLASS_CHOICES, c], query[CLASS_SUMS, c]
            if not is_possible(choice, satisfiable, reached, depths[chunk]):
                continue
            some = equals[low : low + length]
            if not drawn:
                drawn = True
                set_class(choice, reached, depths[chunk], low, length, seen, scratch, some)
            else:
                set_class(choice, reached, depths[chunk], low, length, seen, scratch, members)
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
