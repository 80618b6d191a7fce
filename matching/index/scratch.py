"""Memory that the kernels reuse from query to query; one per thread."""

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

Int64Array = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


class Scratch(NamedTuple):
    """The lists of the present query (rows, cursors, ends; plane p's are ``firsts[p] .. firsts[p + 1]``, at most
    ``sizes[p]`` users), planes of the present block, points by sum of group weights, words over the whole segment, and
    the two tops.
    """

    rows: Int64Array
    cursors: Int64Array
    beginnings: Int64Array
    ends: Int64Array
    firsts: Int64Array
    sizes: Int64Array
    order: Int64Array
    points: Int64Array
    scoring: Int64Array
    bonus: Int64Array
    plane: Words
    carry: Words
    keyword: Words
    any_group: Words
    industry: Words
    region: Words
    crowd: Words
    full: Words
    chosen: Words
    spare: Words
    equals: Words
    slices: Words
    hits: Words
    ratings: Words
    visible: Words
    circle: Words
    full_state: Int64Array
    full_keys: Int64Array
    full_ids: Int64Array
    partial_state: Int64Array
    partial_keys: Int64Array
    partial_ids: Int64Array


def make_scratch(words: int, most_keys: int, highest_limit: int) -> Scratch:
    """Room for a segment of ``words`` words, queries of ``most_keys`` keys and limits up to ``highest_limit``."""
    top = 2 * min(highest_limit, words * 64) + _TOP_SLACK

    def numbers(length: int) -> Int64Array:
        return np.empty(length, np.int64)

    def bits(*shape: int) -> Words:
        return np.empty(shape, np.uint64)

    return Scratch(
        rows=numbers(most_keys),
        cursors=numbers(most_keys),
        beginnings=numbers(most_keys),
        ends=numbers(most_keys),
        plane=bits(BLOCK_WORDS),
        carry=bits(BLOCK_WORDS),
        keyword=bits(BLOCK_WORDS),
        any_group=bits(BLOCK_WORDS),
        industry=bits(BLOCK_WORDS),
        region=bits(BLOCK_WORDS),
        crowd=bits(BLOCK_WORDS),
        full=bits(BLOCK_WORDS),
        chosen=bits(BLOCK_WORDS),
        spare=bits(BLOCK_WORDS),
        equals=bits(BLOCK_WORDS),
        firsts=numbers(MAX_GROUPS + 4),
        sizes=numbers(MAX_GROUPS + 3),
        order=numbers(MAX_GROUPS + 4),
        points=numbers(MAX_SUM + 1),
        scoring=numbers(3),
        bonus=numbers(8),
        slices=bits(MAX_SUM_BITS, BLOCK_WORDS),
        hits=bits(MAX_HIT_BITS, BLOCK_WORDS),
        ratings=bits(RATING_BITS, BLOCK_WORDS),
        visible=bits(words),
        circle=bits(words),
        full_state=numbers(4),
        full_keys=numbers(top),
        full_ids=numbers(top),
        partial_state=numbers(4),
        partial_keys=numbers(top),
        partial_ids=numbers(top),
    )
