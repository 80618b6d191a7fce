"""Queries compiled to flat arrays, once and before the fan-out: what a shard needs to match and nothing else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from math import gcd, nan

import numpy as np
import numpy.typing as npt

from matching.index.columns import CrowdIds
from matching.index.keys import (
    CROWD,
    INDUSTRY_BELOW,
    INDUSTRY_OWN,
    KEYWORD,
    REGION_BELOW,
    REGION_OWN,
    key_of,
)
from matching.query import DEFAULT_WEIGHTS, Query, Weights
from matching.taxonomy import Taxonomy, Tree
from matching.vocabulary import Vocabulary

KEYWORDS_NAMED = 1
INDUSTRY_NAMED = 2
REGION_NAMED = 4
CROWD_NAMED = 8
MAX_GROUPS = 16
MAX_WEIGHT = 15
DIMENSIONS = ("keywords", "industry", "region", "crowd")
"""The order of dimensions in weights, in named bits and in hit counts."""

Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CompiledBatch:
    """Compiled queries; row ``q`` is one query. Picklable; read-only once made.

    A query is a run of *planes*, each the union of some posting lists: first its keyword groups, then always three
    more: industry, region, crowd (empty when not named). ``plane_starts[q] .. plane_starts[q + 1]`` bound its planes,
    ``key_starts[p] .. key_starts[p + 1]`` the list keys (matching.index.keys) of plane ``p``.

    plane_weights int32: a group's weight, divided by the greatest common divisor of the query's groups; else 0.
    at_least int32: groups that satisfy the keyword dimension (0 without groups).
    named int32: bits KEYWORDS_NAMED, INDUSTRY_NAMED, REGION_NAMED, CROWD_NAMED.
    near float64 (q, 3): latitude, longitude, radius in km, NaN when not given; origin float64 (q, 2), NaN likewise.
    excluded int64, sorted within each query, bounded by exclude_starts; limits int64; order_ids int64.
    weights int64 (4,): points of DIMENSIONS.
    """

    order_ids: Int64Array
    plane_starts: Int64Array
    plane_weights: Int32Array
    key_starts: Int64Array
    keys: Int64Array
    at_least: Int32Array
    named: Int32Array
    near: FloatArray
    origin: FloatArray
    exclude_starts: Int64Array
    excluded: Int64Array
    limits: Int64Array
    weights: Int64Array

    def __len__(self) -> int:
        return len(self.order_ids)

    def select(self, rows: Sequence[int]) -> "CompiledBatch":
        """The named queries only, in the named order."""
        chosen = np.asarray(rows, np.int64)
        plane_starts, planes = _take_runs(self.plane_starts, chosen)
        key_starts, keys = _take_runs(self.key_starts, planes)
        exclude_starts, excluded = _take_runs(self.exclude_starts, chosen)
        return CompiledBatch(
            self.order_ids[chosen],
            plane_starts,
            self.plane_weights[planes],
            key_starts,
            self.keys[keys],
            self.at_least[chosen],
            self.named[chosen],
            self.near[chosen],
            self.origin[chosen],
            exclude_starts,
            self.excluded[excluded],
            self.limits[chosen],
            self.weights,
        )

    def writable(self) -> "CompiledBatch":
        """The same batch in arrays of its own where a message handed over read-only memory (kernels are compiled once,
        for writable arrays).
        """
        if all(getattr(self, field.name).flags.writeable for field in fields(self)):
            return self
        return CompiledBatch(
            *(np.require(getattr(self, field.name), requirements=["C", "W"]) for field in fields(self))
        )


def compile_queries(
    queries: Sequence[Query],
    vocabulary: Vocabulary,
    taxonomy: Taxonomy,
    crowds: CrowdIds,
    weights: Weights = DEFAULT_WEIGHTS,
) -> CompiledBatch:
    """Look up every word, node and tag of the queries once.

    A word that has no number (nobody ever held it) leaves its group without that member; the group keeps its weight.
    Raises UnknownCode for a node that is in neither tree.
    """
    regions, industries = (
        _NodeKeys(taxonomy.regions, REGION_OWN, REGION_BELOW),
        _NodeKeys(taxonomy.industries, INDUSTRY_OWN, INDUSTRY_BELOW),
    )
    planes: list[list[int]] = []
    plane_weights: list[int] = []
    plane_starts = [0]
    for query in queries:
        _check_bounds(query)
        shared = gcd(*(group.weight for group in query.groups)) if query.groups else 1
        for group in query.groups:
            found = {vocabulary.find(member.text) for member in group.members}
            planes.append([key_of(KEYWORD, number) for number in found if number is not None])
            plane_weights.append(group.weight // shared)
        tags = (crowds.find(tag) for tag in query.crowds)
        planes.append(industries.keys(query.industries))
        planes.append(regions.keys(query.regions))
        planes.append([key_of(CROWD, tag) for tag in tags if tag is not None])
        plane_weights.extend((0, 0, 0))
        plane_starts.append(len(planes))
    return CompiledBatch(
        np.array([query.id for query in queries], np.int64),
        np.array(plane_starts, np.int64),
        np.array(plane_weights, np.int32),
        *_runs(planes, np.int64),
        np.array([query.at_least if query.groups else 0 for query in queries], np.int32),
        np.array([named_bits(query) for query in queries], np.int32),
        np.array([_near(query) for query in queries], np.float64).reshape(len(queries), 3),
        np.array([query.origin or (nan, nan) for query in queries], np.float64).reshape(len(queries), 2),
        *_runs([query.exclude for query in queries], np.int64),
        np.array([query.limit for query in queries], np.int64),
        np.array([weights.keywords, weights.industry, weights.region, weights.crowd], np.int64),
    )


def _check_bounds(query: Query) -> None:
    """What kernels rely on: they have room for so many groups of such weights, and do not look again."""
    if len(query.groups) > MAX_GROUPS or any(not 1 <= group.weight <= MAX_WEIGHT for group in query.groups):
        raise ValueError(f"query {query.id}: at most {MAX_GROUPS} groups of weights 1 to {MAX_WEIGHT} can be matched")


def named_bits(query: Query) -> int:
    """The dimensions that a query names, as bits."""
    return (
        KEYWORDS_NAMED * bool(query.groups)
        | INDUSTRY_NAMED * bool(query.industries)
        | REGION_NAMED * (bool(query.regions) or query.near is not None)
        | CROWD_NAMED * bool(query.crowds)
    )


class _NodeKeys:
    """Codes of one tree to list keys: ``below`` each node and ``own`` of its ancestors, none twice."""

    def __init__(self, tree: Tree, own: int, below: int) -> None:
        self._tree, self._own, self._below = tree, own, below

    def keys(self, codes: Iterable[str]) -> list[int]:
        nodes = [self._tree.index(code) for code in codes]
        above = {ancestor for node in nodes for ancestor in self._tree.ancestors(node)}
        return [key_of(self._below, node) for node in dict.fromkeys(nodes)] + [
            key_of(self._own, node) for node in sorted(above)
        ]


def _near(query: Query) -> tuple[float, float, float]:
    return (query.near.lat, query.near.lon, query.near.radius_km) if query.near else (nan, nan, nan)


def _runs(lists: Sequence[Sequence[int]], kind: type[np.int64]) -> tuple[Int64Array, Int64Array]:
    starts = np.zeros(len(lists) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, lists), np.int64, len(lists)), out=starts[1:])
    return starts, np.fromiter((number for numbers in lists for number in numbers), kind, int(starts[-1]))


def _take_runs(starts: Int64Array, rows: Int64Array) -> tuple[Int64Array, Int64Array]:
    """New starts, and the places of the taken elements in the old flat array."""
    lengths = starts[rows + 1] - starts[rows]
    taken = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(lengths, out=taken[1:])
    return taken, np.repeat(starts[rows] - taken[:-1], lengths) + np.arange(taken[-1])
