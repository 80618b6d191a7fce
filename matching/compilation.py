"""Queries compiled to flat arrays, once and before the fan-out: what a shard needs to match and nothing else."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
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
from matching.query import DEFAULT_WEIGHTS, Group, Query, Weights
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

TREES_REMEMBERED = 8
_KEYWORDS, _CROWDS = key_of(KEYWORD, 0), key_of(CROWD, 0)
_UNWEIGHTED = (0, 0, 0)
_NO_CIRCLE, _NO_POINT = (nan, nan, nan), (nan, nan)


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
    find_word, tag_ids = vocabulary.ids().get, crowds.ids()
    industries = _node_keys(taxonomy.industries, INDUSTRY_OWN, INDUSTRY_BELOW)
    regions = _node_keys(taxonomy.regions, REGION_OWN, REGION_BELOW)
    plane_weights: list[int] = []
    keys: list[int] = []
    named: list[int] = []
    plane_starts, key_starts = [0], [0]
    # Lists are flat, and one pass appends to them: every match pays for it.
    for query in queries:
        bits = 0
        if query.groups:
            bits = KEYWORDS_NAMED
            plane_weights += _group_weights(query)
            _add_words(query.groups, find_word, keys, key_starts)
        if query.industries:
            bits |= INDUSTRY_NAMED
            keys += industries.of(query.industries)
        key_starts.append(len(keys))
        if query.regions:
            bits |= REGION_NAMED
            keys += regions.of(query.regions)
        elif query.near:
            bits |= REGION_NAMED
        key_starts.append(len(keys))
        if query.crowds:
            bits |= CROWD_NAMED
            keys += [_CROWDS + tag_ids[tag] for tag in query.crowds if tag in tag_ids]
        key_starts.append(len(keys))
        plane_weights += _UNWEIGHTED
        plane_starts.append(len(plane_weights))
        named.append(bits)
    return CompiledBatch(
        np.array([query.id for query in queries], np.int64),
        np.array(plane_starts, np.int64),
        np.array(plane_weights, np.int32),
        np.array(key_starts, np.int64),
        np.array(keys, np.int64),
        np.array([query.at_least if query.groups else 0 for query in queries], np.int32),
        np.array(named, np.int32),
        *_places(queries),
        *_excluded(queries),
        np.array([query.limit for query in queries], np.int64),
        np.array([weights.keywords, weights.industry, weights.region, weights.crowd], np.int64),
    )


def _places(queries: Sequence[Query]) -> tuple[FloatArray, FloatArray]:
    """The circles and the origins."""
    near: list[float] = []
    origin: list[float] = []
    for query in queries:
        circle = query.near
        near += (circle.lat, circle.lon, circle.radius_km) if circle else _NO_CIRCLE
        origin += query.origin or _NO_POINT
    count = len(queries)
    return np.array(near, np.float64).reshape(count, 3), np.array(origin, np.float64).reshape(count, 2)


def _excluded(queries: Sequence[Query]) -> tuple[Int64Array, Int64Array]:
    starts = [0]
    excluded: list[int] = []
    for query in queries:
        excluded += query.exclude
        starts.append(len(excluded))
    return np.array(starts, np.int64), np.array(excluded, np.int64)


def _add_words(
    groups: Sequence[Group], find_word: Callable[[str], int | None], keys: list[int], key_starts: list[int]
) -> None:
    """Append a plane for each group."""
    for group in groups:
        if len(group.members) == 1:  # as most are
            number = find_word(group.members[0].text)
            keys += () if number is None else (_KEYWORDS + number,)
        else:
            found = {find_word(member.text) for member in group.members}
            keys += [_KEYWORDS + number for number in found if number is not None]
        key_starts.append(len(keys))


def _group_weights(query: Query) -> list[int]:
    """Weights of the groups over their greatest common divisor.

    Checks what kernels rely on: they have room for so many groups of such weights, and do not look again.
    """
    weights = [group.weight for group in query.groups]
    if len(weights) > MAX_GROUPS or min(weights) < 1 or max(weights) > MAX_WEIGHT:
        raise ValueError(f"query {query.id}: at most {MAX_GROUPS} groups of weights 1 to {MAX_WEIGHT} can be matched")
    shared = gcd(*weights)
    return weights if shared == 1 else [weight // shared for weight in weights]


class _NodeKeys:
    """Codes of one tree to list keys: ``below`` each node and ``own`` of its ancestors, none twice.

    The keys of a code are remembered once they are asked for; a tree never changes.
    """

    def __init__(self, tree: Tree, own: int, below: int) -> None:
        self._tree, self._own, self._below = tree, own, below
        self._remembered: dict[str, tuple[int, ...]] = {}

    def of(self, codes: Sequence[str]) -> Iterable[int]:
        """Keys of any of the codes; raises UnknownCode."""
        if len(codes) == 1:
            return self._of_one(codes[0])
        return dict.fromkeys(key for code in codes for key in self._of_one(code))

    def _of_one(self, code: str) -> tuple[int, ...]:
        keys = self._remembered.get(code)
        if keys is None:
            node = self._tree.index(code)
            above = (key_of(self._own, ancestor) for ancestor in self._tree.ancestors(node))
            keys = self._remembered[code] = (key_of(self._below, node), *above)
        return keys


@lru_cache(maxsize=TREES_REMEMBERED)
def _node_keys(tree: Tree, own: int, below: int) -> _NodeKeys:
    """One per tree and process: trees are compared by identity, so a replaced one never answers for the new one."""
    return _NodeKeys(tree, own, below)


def _take_runs(starts: Int64Array, rows: Int64Array) -> tuple[Int64Array, Int64Array]:
    """New starts, and the places of the taken elements in the old flat array."""
    lengths = starts[rows + 1] - starts[rows]
    taken = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(lengths, out=taken[1:])
    return taken, np.repeat(starts[rows] - taken[:-1], lengths) + np.arange(taken[-1])
