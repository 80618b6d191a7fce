"""Memory that the kernels reuse from query to query; one per thread.

Few arrays of many rows: every array that a kernel is called with is taken and given back by an atomic count, and forty
of them cost more than a pass over a segment.
"""

import sys
import threading
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matching.index.sphere import NEIGHBOURS

MAX_GROUPS = 16
MAX_SUM = 240
"""16 groups of weight 15."""
SUMS = 256
"""Room for the sums of group weights, 0 to MAX_SUM."""
MAX_SUM_BITS = 8
MAX_HIT_BITS = 5
CHUNK_WORDS = 256

PLANE, CARRY, EQUAL, MEMBERS, NOBODY = 0, 1, 2, 3, 4
"""Rows of ``Scratch.chunk``: a group's users, a carry, who has some bits of a sum, who is of a class, and nobody."""
_CHUNK_ROWS = 5
MAX_CHUNKS = 64
_TOP_SLACK = 512
_MOST_KEPT, _MOST_KEPT_BYTES = 4, 1 << 26
_HELD_HERE = 3
"""References to memory for sets that nobody else holds: of the list, of the name that walks it, and of the count."""

ROWS, STARTS, ENDS, KEY_BLOCKS, CURSORS = 0, 1, 2, 3, 4
"""Rows of ``Scratch.keys``, for every list of the query: bitmap row or -1; first and past the last posting; its blocks
(matching.index.lookup); where a walk over it goes on."""

FIRSTS, SIZES, SPARSE, BLOCKS, ORDER, POINTS, BONUS = 0, 1, 2, 3, 4, 5, 6
NEEDED, MOST, CLASS_CHOICES, CLASS_SUMS = 7, 8, 9, 10
"""Rows of ``Scratch.query``: lists of plane p are FIRSTS[p] .. FIRSTS[p + 1]; SIZES[p] users at most, SPARSE[p] of them
in sparse lists, in BLOCKS[p]; requirements or groups in order; points by sum of group weights; points of each choice of
dimensions; the sums with which each choice is looked at, from NEEDED to MOST; the classes of one score."""
_QUERY_ROWS, _QUERY_COLUMNS = 11, 256

INDUSTRY, REGION, CROWD, FULL, ACTIVE, UNION, CIRCLE = 0, 1, 2, 3, 4, 5, 6
"""Rows of ``Scratch.planes``, a bit a user of the segment, all empty between queries: the dimensions; the full tier;
who hits any group; for passing use; who lives in the query's circle."""
_PLANES = 7

VISIBLE, OPEN = 0, 1
_WIDE = 2
"""Rows of ``Scratch.wide``, written before they are read: who is seen by a query that excludes somebody; who is seen
and not full."""

SPARE = 2
"""Row of ``Scratch.tops`` for passing use, after those of the tiers (matching.index.classes, matching.ranking);
``Scratch.states`` has the tops' states."""

FEW, MET_FIRST, MET_AT_MOST = 0, 1, 2
TUNING = [16_384, 1_024, 4_096]
"""Where one way of working gives place to another (``Scratch.tuning``); no result depends on it.

FEW: so many users are tested one by one, more as a plane. MET_FIRST: groups whose lists are so short in all are met
before the dimensions are looked at. MET_AT_MOST: when the groups' lists are expected to meet more of the users who
satisfy the dimensions, planes come first.
"""

Int64Array = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


class Scratch(NamedTuple):
    """See the rows above.

    marks int32 (users): what is known of a scored user (matching.index.scoring), 0 of everybody between queries.
    users uint32 (3, users): the users found, in the order in which they were met; their scores; their ties. The last
    two are for passing use, too.
    counts int64 (16, SUMS): users by choice of dimensions and sum of group weights, in all and of one chunk.
    sums uint64 (MAX_SUM_BITS, words), chunk uint64 (rows, CHUNK_WORDS): see matching.index.slicing.
    nearest int64, nearby uint32: the fewest steps that users who stand together are away (matching.index.sphere), and
    such neighbourhoods in order, with room for as many again.
    hits uint64 (MAX_HIT_BITS, words): groups hit, bit by bit.
    set_room int64 (1): rows of the largest sets of a batch so far, which the next one starts with room for.
    left int64 (1): where a full set was left (matching.full).
    """

    keys: Int64Array
    query: Int64Array
    planes: Words
    wide: Words
    hits: Words
    chunk: Words
    marks: npt.NDArray[np.int32]
    users: npt.NDArray[np.uint32]
    counts: Int64Array
    sums: Words
    nearest: Int64Array
    nearby: npt.NDArray[np.uint32]
    tuning: Int64Array
    states: Int64Array
    tops: Int64Array
    set_room: Int64Array
    left: Int64Array


class _Kept(threading.local):
    """Flat memory of one thread, and how much it has room for: words, keys, entries of a top."""

    def __init__(self) -> None:
        self.room: tuple[int, int, int] = (0, 0, 0)
        self.flat: Scratch | None = None
        self.rows: list[npt.NDArray[np.uint32]] = []


_kept = _Kept()


def scratch_for(words: int, most_keys: int, highest_limit: int) -> Scratch:
    """Memory of the calling thread for a segment of ``words`` words, queries of ``most_keys`` keys, limits up to
    ``highest_limit``.

    It is made anew only when a query or a segment is larger than all before: fresh memory costs more than a query.
    """
    wanted = (words, most_keys, 2 * min(highest_limit, words * 64) + _TOP_SLACK)
    if _kept.flat is None or any(want > has for want, has in zip(wanted, _kept.room, strict=True)):
        _kept.room = tuple(max(pair) for pair in zip(wanted, _kept.room, strict=True))  # type: ignore[assignment]
        _kept.flat = _make(*_kept.room)
    flat = _kept.flat
    # Planes of a smaller segment lie closer together: kernels want rows without gaps.
    return flat._replace(
        planes=flat.planes.reshape(-1)[: _PLANES * words].reshape(_PLANES, words),
        wide=flat.wide.reshape(-1)[: _WIDE * words].reshape(_WIDE, words),
        sums=flat.sums.reshape(-1)[: MAX_SUM_BITS * words].reshape(MAX_SUM_BITS, words),
        hits=flat.hits.reshape(-1)[: MAX_HIT_BITS * words].reshape(MAX_HIT_BITS, words),
    )


def rows_for_sets() -> npt.NDArray[np.uint32]:
    """Memory of the calling thread for the sets of a batch, as much as the largest took so far (uint32).

    Answers are views of it, so it is used again only when nobody holds one any longer: fresh memory would cost as much
    as finding the users.
    """
    wanted = int(_kept.flat.set_room[0]) if _kept.flat else 0
    for rows in _kept.rows:
        if len(rows) >= wanted and sys.getrefcount(rows) <= _HELD_HERE:
            return rows
    fresh = np.empty(wanted + wanted // 2 + _TOP_SLACK, np.uint32)
    if fresh.nbytes <= _MOST_KEPT_BYTES:
        _kept.rows = [fresh, *_kept.rows][:_MOST_KEPT]
    return fresh


def _make(words: int, keys: int, top: int) -> Scratch:
    return Scratch(
        keys=np.empty((5, keys), np.int64),
        query=np.empty((_QUERY_ROWS, _QUERY_COLUMNS), np.int64),
        planes=np.zeros((_PLANES, words), np.uint64),
        wide=np.zeros((_WIDE, words), np.uint64),
        hits=np.empty((MAX_HIT_BITS, words), np.uint64),
        chunk=np.zeros((_CHUNK_ROWS, CHUNK_WORDS), np.uint64),
        marks=np.zeros(words * 64, np.int32),
        users=np.empty((3, words * 64), np.uint32),
        counts=np.zeros((16, SUMS), np.int64),
        sums=np.empty((MAX_SUM_BITS, words), np.uint64),
        nearest=np.empty(words * 64 // NEIGHBOURS + 1, np.int64),
        nearby=np.empty(2 * (words * 64 // NEIGHBOURS + 1), np.uint32),
        tuning=np.array(TUNING, np.int64),
        states=np.empty((2, 3), np.int64),
        tops=np.empty((3, top), np.int64),
        set_room=np.full(1, 1024, np.int64),
        left=np.zeros(1, np.int64),
    )
