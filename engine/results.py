"""The answer to one query, with the proof that nobody was forgotten."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.reference import Match


@dataclass(frozen=True, slots=True)
class Certificate:
    """Why an answer is complete: ``evaluated + closed_by_routing == population`` at one barrier.

    evaluated: users of the shards that were asked; closed_by_routing: users of shards none of whose cells can hold a
    full match (only when FULL alone was asked).
    """

    barrier: int
    placement_version: int
    vocabulary_version: int
    evaluated: int
    closed_by_routing: int
    population: int

    def document(self) -> dict[str, int]:
        """The fields by their names, to be stored."""
        return {name: getattr(self, name) for name in self.__slots__}

    def is_complete(self) -> bool:
        """Whether every user of the population is accounted for."""
        return self.evaluated + self.closed_by_routing == self.population


PIECE_IDS = 65_536
"""Ids of one piece of a packed full set: half a megabyte."""


@dataclass(frozen=True, slots=True)
class FullSet:
    """Everybody in the full tier of one query, whatever its limit; arrays as large as the answer and nothing besides.

    parts: external ids int64 of one shard each, in no order; everybody once.
    """

    order: int
    parts: tuple[npt.NDArray[np.int64], ...]
    certificate: Certificate

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def ids(self) -> npt.NDArray[np.int64]:
        """All external ids as one array, ascending."""
        return np.sort(np.concatenate((np.zeros(0, np.int64), *self.parts)))

    def packed(self) -> Iterator[memoryview]:
        """All external ids as bytes, int64 little endian, in no order, in pieces of at most PIECE_IDS ids."""
        for part in self.parts:
            for first in range(0, len(part), PIECE_IDS):
                yield part[first : first + PIECE_IDS].astype("<i8", copy=False).data.cast("B")


@dataclass(frozen=True, slots=True)
class RankedUsers:
    """Users of one tier, best first: ids int64, scores int32, ties int32, all of one length."""

    ids: npt.NDArray[np.int64]
    scores: npt.NDArray[np.int32]
    ties: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self) -> list[tuple[int, int, int]]:
        """(user id, score, tie) as plain integers."""
        return list(zip(self.ids.tolist(), self.scores.tolist(), self.ties.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class MatchResult:
    """Whole counts, lists cut at the query's limit.

    ``partial_count``, ``partial`` and ``dimension_counts`` are empty when only the full tier was asked (``full_only``).
    ``shard_us``: (shard, microseconds that it worked on the batch of this query), for every shard that was asked.
    """

    order: int
    full_count: int
    partial_count: int
    full: RankedUsers
    partial: RankedUsers
    dimension_counts: dict[str, int]
    certificate: Certificate
    full_only: bool = False
    shard_us: tuple[tuple[int, int], ...] = ()

    def to_match(self) -> Match:
        """The same answer as the reference gives it."""
        return Match(
            order=self.order,
            full_count=self.full_count,
            partial_count=self.partial_count,
            full=self.full.rows(),
            partial=self.partial.rows(),
            dimension_counts=dict(self.dimension_counts),
        )
