"""Memory that the kernels reuse from query to query; one per thread.

Few arrays of many rows: every array that a kernel is called with is taken and given back by an atomic count, and forty
of them cost more than a pass over a block.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matching.index.planes import BLOCK_WORDS
from matching.index.segment_arrays import RATING_BITS

MAX_GROUPS = 16
MAX_SUM_BITS = 8
"""16 groups of weight 15 are 240."""
MAX_HIT_BITS = 5
MAX_SUM = 240
_TOP_SLACK = 512

ROWS, CURSORS, BEGINNINGS, ENDS = 0, 1, 2, 3
"""Rows of ``Scratch.keys``, for every key of the query: bitmap row or -1; next, first and past the last posting."""

FIRSTS, SIZES, ORDER, POINTS, SCORING, BONUS = 0, 1, 2, 3, 4, 5
"""Rows of ``Scratch.query``: keys of plane p are FIRSTS[p] .. FIRSTS[p + 1]; SIZES[p] users at most; requirements in
order; points by sum of group weights; how the tier at hand is scored (see matching.index.offering)."""
_QUERY_COLUMNS = 256

PLANE, CARRY, KEYWORD, SOME, INDUSTRY, REGION, CROWD, FULL, CHOSEN, SPARE, EQUALS = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
"""Rows of ``Scratch.planes``: two for passing use, the dimensions, the tiers, who is chosen for scoring."""
_PLANES = 11

VISIBLE, CIRCLE = 0, 1
"""Rows of ``Scratch.wide``, over the whole segment: who is seen by the query, who lives in its circle."""

FULL_KEYS, FULL_IDS, PARTIAL_KEYS, PARTIAL_IDS = 0, 1, 2, 3
"""Rows of ``Scratch.tops``; ``Scratch.states`` has the state of the full and of the partial top."""
FULL_TOP, PARTIAL_TOP = 0, 1

Int64Array = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


class Scratch(NamedTuple):
    """See the rows above; ``slices``, ``hits`` and ``ratings`` are sums bit by bit (matching.index.planes)."""

    keys: Int64Array
    query: Int64Array
    planes: Words
    slices: Words
    hits: Words
    ratings: Words
    wide: Words
    states: Int64Array
    tops: Int64Array


def make_scratch(words: int, most_keys: int, highest_limit: int) -> Scratch:
    """Room for a segment of ``words`` words, queries of ``most_keys`` keys and limits up to ``highest_limit``."""
    top = 2 * min(highest_limit, words * 64) + _TOP_SLACK
    return Scratch(
        keys=np.empty((4, most_keys), np.int64),
        query=np.empty((6, _QUERY_COLUMNS), np.int64),
        planes=np.empty((_PLANES, BLOCK_WORDS), np.uint64),
        slices=np.empty((MAX_SUM_BITS, BLOCK_WORDS), np.uint64),
        hits=np.empty((MAX_HIT_BITS, BLOCK_WORDS), np.uint64),
        ratings=np.empty((RATING_BITS, BLOCK_WORDS), np.uint64),
        wide=np.empty((2, words), np.uint64),
        states=np.empty((2, 4), np.int64),
        tops=np.empty((4, top), np.int64),
    )
