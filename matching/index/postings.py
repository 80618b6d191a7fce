"""Building of posting lists: users' numbers turned inside out, tree nodes closed upward, dense lists packed to bits."""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matching.index import keys
from matching.index.bits import words_for
from matching.index.columns import ProfileColumns
from matching.index.jit import kernel

Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]

DENSE_PART = 96
"""A list longer than one user in so many is kept as bits instead of numbers."""
DENSE_FROM = 64
"""No list shorter than this is dense, however small the segment."""


SIZE, ROW, START, END, BLOCKS = 0, 1, 2, 3, 4
_FACTS = 8
"""Columns of ``Lists.facts``, the last three without meaning."""


class Lists(NamedTuple):
    """All posting lists of a segment.

    Lists of space s (matching.index.keys) are slots ``space_starts[s] .. space_starts[s + 1]``, sorted by ``numbers``.
    Row i of ``facts`` says of slot i: its users (SIZE); its row in ``bitmaps`` (ROW), or -1 and first and past the last
    of its local ids in ``postings``, ascending (START, END); and in bit b of BLOCKS whether it has anybody among users
    [b << shift, (b + 1) << shift) (``block_shift``). A row is a line of memory: it comes from there at once.
    """

    space_starts: Int64Array
    numbers: Int32Array
    facts: Int64Array
    postings: npt.NDArray[np.uint32]
    bitmaps: npt.NDArray[np.uint64]


def block_shift(words: int) -> int:
    """Binary logarithm of the users of a block: 64 blocks cover ``words`` words, and no word is cut."""
    return max(6, (words * 64 - 1).bit_length() - 6)


def build_lists(columns: ProfileColumns, region_parents: Int32Array, industry_parents: Int32Array) -> Lists:
    """Turn columns inside out; local ids are the rows."""
    users = len(columns)
    spaces: list[tuple[Int64Array, Int32Array]] = [(np.zeros(1, np.int64), np.zeros(0, np.int32))] * keys.SPACES
    spaces[keys.KEYWORD] = columns.keyword_starts, columns.keywords
    spaces[keys.CROWD] = columns.crowd_starts, columns.crowds
    spaces[keys.REGION_OWN] = columns.region_starts, columns.regions
    spaces[keys.REGION_BELOW] = _closed(columns.region_starts, columns.regions, region_parents)
    spaces[keys.INDUSTRY_OWN] = columns.industry_starts, columns.industries
    spaces[keys.INDUSTRY_BELOW] = _closed(columns.industry_starts, columns.industries, industry_parents)

    counts = [np.bincount(flat, minlength=1) for _, flat in spaces]
    present = [np.flatnonzero(count).astype(np.int32) for count in counts]
    space_starts = np.zeros(keys.SPACES + 1, np.int64)
    np.cumsum([len(numbers) for numbers in present], out=space_starts[1:])
    sizes = np.concatenate([count[numbers] for count, numbers in zip(counts, present, strict=True)]).astype(np.int64)
    dense = sizes > max(users / DENSE_PART, DENSE_FROM)
    dense_rows = np.where(dense, np.cumsum(dense) - 1, -1).astype(np.int32)
    list_starts = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(np.where(dense, 0, sizes), out=list_starts[1:])
    postings = np.empty(int(list_starts[-1]), np.uint32)
    bitmaps = np.zeros((int(dense.sum()), words_for(users)), np.uint64)
    blocks = np.zeros(len(sizes), np.uint64)
    shift = block_shift(words_for(users))
    cursors = list_starts[:-1].copy()
    for space, (starts, flat) in enumerate(spaces):
        slots = np.full(len(counts[space]), -1, np.int64)
        slots[present[space]] = np.arange(space_starts[space], space_starts[space + 1])
        _fill(starts, flat, slots, dense_rows, cursors, postings, bitmaps, blocks, shift)
    facts = np.zeros((len(sizes), _FACTS), np.int64)
    facts[:, SIZE], facts[:, ROW], facts[:, BLOCKS] = sizes, dense_rows, blocks.view(np.int64)
    facts[:, START], facts[:, END] = list_starts[:-1], list_starts[1:]
    return Lists(space_starts, np.concatenate(present), facts, postings, bitmaps)


def _closed(starts: Int64Array, nodes: Int32Array, parents: Int32Array) -> tuple[Int64Array, Int32Array]:
    depths = np.zeros(len(parents), np.int64)
    above = parents
    while (above >= 0).any():
        depths += above >= 0
        above = np.where(above >= 0, parents[above], -1)
    room = int(depths[nodes].sum()) + len(nodes)
    return _close_upward(starts, nodes, parents, room)


@kernel
def _close_upward(
    starts: Int64Array, nodes: Int32Array, parents: Int32Array, room: int
) -> tuple[Int64Array, Int32Array]:
    """Every node of a user and all nodes above, none twice."""
    users = len(starts) - 1
    closed_starts = np.zeros(users + 1, np.int64)
    closed = np.empty(room, np.int32)
    end = 0
    for user in range(users):
        first = end
        for i in range(starts[user], starts[user + 1]):
            node = nodes[i]
            while node >= 0:
                known = False
                for j in range(first, end):
                    if closed[j] == node:
                        known = True
                        break
                if known:
                    break
                closed[end] = node
                end += 1
                node = parents[node]
        closed_starts[user + 1] = end
    return closed_starts, closed[:end].copy()


@kernel
def _fill(
    starts: Int64Array,
    flat: Int32Array,
    slots: Int64Array,
    dense_rows: Int32Array,
    cursors: Int64Array,
    postings: npt.NDArray[np.uint32],
    bitmaps: npt.NDArray[np.uint64],
    blocks: npt.NDArray[np.uint64],
    shift: int,
) -> None:
    for user in range(len(starts) - 1):
        block = np.uint64(1) << np.uint64(user >> shift)
        for i in range(starts[user], starts[user + 1]):
            slot = slots[flat[i]]
            row = dense_rows[slot]
            blocks[slot] |= block
            if row >= 0:
                bitmaps[row, user >> 6] |= np.uint64(1) << np.uint64(user & 63)
            else:
                postings[cursors[slot]] = user
                cursors[slot] += 1
