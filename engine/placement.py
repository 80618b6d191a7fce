"""Which shard holds which cell: a versioned, immutable table, packed by size times query share.

A cell that is too big for one shard is cut by user id into parts. Every user is on exactly one shard, so counts of
shards add up and nothing is found twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

PARTS_PER_SHARD = 4
"""A cell is cut when it is heavier than a shard's fair share divided by this, so that packing comes out even."""

_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio: spreads consecutive ids evenly (Fibonacci hashing)


@dataclass(frozen=True)
class PlacementTable:
    """The parts of cell ``c`` are on shards ``part_shards[part_starts[c] : part_starts[c + 1]]`` (at least one each).

    part_starts int32 (cells + 1); part_shards int32, numbers 0 .. shards - 1.
    """

    version: int
    shards: int
    part_starts: Int32Array
    part_shards: Int32Array

    def shards_of(self, cells: Int32Array, ids: Int64Array) -> Int32Array:
        """The shard of every user, given his home cell and id."""
        first = self.part_starts[cells]
        parts = (self.part_starts[cells + 1] - first).astype(np.uint64)
        mixed = (ids.astype(np.uint64) * _MIX) >> np.uint64(32)
        return self.part_shards[first + (mixed % parts).astype(np.int32)]

    @cached_property
    def holds(self) -> npt.NDArray[np.bool_]:
        """Whether a shard may hold users of a cell: bool (shards, cells)."""
        table = np.zeros((self.shards, len(self.part_starts) - 1), np.bool_)
        cells = np.repeat(np.arange(len(self.part_starts) - 1), np.diff(self.part_starts))
        table[self.part_shards, cells] = True
        return table

    def shards_open(self, open_cells: npt.NDArray[np.bool_]) -> list[int]:
        """The shards that hold a part of any open cell."""
        return [int(shard) for shard in np.flatnonzero((self.holds & open_cells).any(axis=1))]


def pack(
    sizes: Sequence[int] | Int64Array,
    shards: int,
    *,
    version: int,
    query_shares: npt.NDArray[np.float64] | None = None,
) -> PlacementTable:
    """Place cells on ``shards`` shards, the heaviest part first, each on the lightest shard.

    ``sizes`` are users per cell; ``query_shares`` (one per cell, 1.0 when not given) say how often a cell is asked.
    The same input always gives the same table.
    """
    if shards < 1:
        raise ValueError("shards: there must be at least one")
    # An empty cell weighs a little, so that empty cells spread too: users will move in.
    weights = np.maximum(np.asarray(sizes, np.float64), 1e-6)
    if query_shares is not None:
        weights = weights * query_shares
    most = max(float(weights.sum()) / shards / PARTS_PER_SHARD, 1e-9)
    cuts = np.clip(np.ceil(weights / most), 1, shards).astype(np.int32)
    starts = np.zeros(len(weights) + 1, np.int32)
    np.cumsum(cuts, out=starts[1:])
    part_cells = np.repeat(np.arange(len(weights)), cuts)
    part_weights = (weights / cuts)[part_cells]
    part_shards = np.zeros(len(part_cells), np.int32)
    loads = np.zeros(shards, np.float64)
    taken: set[tuple[int, int]] = set()
    for part in np.lexsort((part_cells, -part_weights)):
        cell = int(part_cells[part])
        # Two parts of one cell on one shard would cut nothing.
        shard = min((s for s in range(shards) if (cell, s) not in taken), key=lambda s: (loads[s], s))
        taken.add((cell, shard))
        part_shards[part] = shard
        loads[shard] += part_weights[part]
    return PlacementTable(version, shards, starts, part_shards)
