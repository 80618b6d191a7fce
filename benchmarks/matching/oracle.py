"""An oracle for a million users: the contract of matching in NumPy, sentence by sentence, without the engine's index.

It is checked against ``matching.reference`` on small populations, and stands in for it on large ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

import numpy as np
import numpy.typing as npt

from benchmarks.matching.contest import Int64Array, Ranked
from matching.geometry import DISTANCE_STEP_KM, EARTH_RADIUS_KM, FARTHEST_STEPS, distance_km
from matching.index.columns import CrowdIds, ProfileColumns
from matching.query import DEFAULT_WEIGHTS, Query, Weights
from matching.taxonomy import Taxonomy, Tree
from matching.vocabulary import Vocabulary

CLOSE_KM = 1e-6
"""Nearer to a bound than this, a distance is computed again by the contract's own scalar formula: NumPy's sine may
differ from the C library's in the last bit."""

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Truth:
    """The right answer to one query; ``full_ids`` ascending, the lists cut at the query's limit."""

    full_ids: Int64Array
    full: Ranked
    partial_count: int
    partial: Ranked


class Oracle:
    """Answers queries over one part of a population."""

    def __init__(
        self,
        columns: ProfileColumns,
        vocabulary: Vocabulary,
        taxonomy: Taxonomy,
        crowds: CrowdIds,
        weights: Weights = DEFAULT_WEIGHTS,
    ) -> None:
        """Sort who holds which word, once."""
        self._columns, self._vocabulary, self._taxonomy = columns, vocabulary, taxonomy
        self._crowds, self._weights = crowds, weights
        holders = np.repeat(np.arange(len(columns)), np.diff(columns.keyword_starts))
        order = np.argsort(columns.keywords, kind="stable")
        self._holders = holders[order]
        self._sorted_words = columns.keywords[order]
        self._related: dict[tuple[str, str], BoolArray] = {}

    def answer(self, query: Query) -> Truth:
        """Both tiers of one query."""
        size, weights = len(self._columns), self._weights
        satisfied: list[BoolArray] = []
        score = np.zeros(size, np.int64)
        any_hit = np.zeros(size, np.bool_)
        if query.groups:
            hits = [self._holds_any([member.text for member in group.members]) for group in query.groups]
            number = np.zeros(size, np.int64)
            weight = np.zeros(size, np.int64)
            for group, hit in zip(query.groups, hits, strict=True):
                number += hit
                weight += group.weight * hit
                any_hit |= hit
            satisfied.append(number >= query.at_least)
            score += weights.keywords * weight // sum(group.weight for group in query.groups)
        for named, hit, worth in self._other_dimensions(query):
            if named:
                satisfied.append(hit)
                score += worth * hit
        everything = np.logical_and.reduce(satisfied)
        something = np.logical_or.reduce(satisfied) | any_hit
        eligible = self._columns.available & ~np.isin(self._columns.ids, np.array(query.exclude, np.int64))
        full = np.flatnonzero(everything & eligible)
        partial = np.flatnonzero(something & ~everything & eligible)
        return Truth(
            np.sort(self._columns.ids[full]),
            self._best(full, score, query),
            len(partial),
            self._best(partial, score, query),
        )

    def _other_dimensions(self, query: Query) -> list[tuple[bool, BoolArray, int]]:
        """Whether each is named, who satisfies it, what it is worth: industry, region, crowd."""
        columns, weights = self._columns, self._weights
        trees = self._taxonomy
        industry = self._on_one_path(trees.industries, query.industries, columns.industry_starts, columns.industries)
        region = self._on_one_path(trees.regions, query.regions, columns.region_starts, columns.regions)
        if query.near is not None:
            region |= self._within(query.near.lat, query.near.lon, query.near.radius_km)
        tags = np.zeros(len(self._crowds) + 1, np.bool_)
        for tag in query.crowds:
            number = self._crowds.find(tag)
            tags[len(self._crowds) if number is None else number] = number is not None
        crowd = _some(columns.crowd_starts, tags[columns.crowds])
        return [
            (bool(query.industries), industry, weights.industry),
            (bool(query.regions) or query.near is not None, region, weights.region),
            (bool(query.crowds), crowd, weights.crowd),
        ]

    def _holds_any(self, texts: Sequence[str]) -> BoolArray:
        hit = np.zeros(len(self._columns), np.bool_)
        for text in texts:
            number = self._vocabulary.find(text)
            if number is not None:
                first, end = np.searchsorted(self._sorted_words, [number, number + 1])
                hit[self._holders[first:end]] = True
        return hit

    def _on_one_path(
        self, tree: Tree, codes: Sequence[str], starts: Int64Array, nodes: npt.NDArray[np.int32]
    ) -> BoolArray:
        related = np.zeros(len(tree), np.bool_)
        for code in codes:
            key = (tree.kind, code)
            if key not in self._related:
                self._related[key] = _related(tree, code)
            related |= self._related[key]
        return _some(starts, related[nodes])

    def _within(self, latitude: float, longitude: float, radius_km: float) -> BoolArray:
        columns = self._columns
        with np.errstate(invalid="ignore"):
            distances = _distances_km(latitude, longitude, columns.latitudes, columns.longitudes)
            within: BoolArray = distances <= radius_km
            doubtful = np.flatnonzero(np.abs(distances - radius_km) < CLOSE_KM)
        for row in doubtful:
            exact = distance_km(latitude, longitude, float(columns.latitudes[row]), float(columns.longitudes[row]))
            within[row] = exact <= radius_km
        return within

    def _best(self, rows: Int64Array, score: Int64Array, query: Query) -> Ranked:
        """The best of ``rows`` in the order of results."""
        scores = score[rows]
        if len(rows) > query.limit:
            # Ties are only asked of those whose score can be among the best.
            worst = np.partition(scores, len(scores) - query.limit)[len(scores) - query.limit]
            rows, scores = rows[scores >= worst], scores[scores >= worst]
        ids, ties = self._columns.ids[rows], self._ties(rows, query)
        order = np.lexsort((ids, -ties, -scores))[: query.limit]
        return Ranked(ids[order], scores[order], ties[order])

    def _ties(self, rows: Int64Array, query: Query) -> Int64Array:
        columns = self._columns
        ratings = 2 * columns.ratings[rows].astype(np.int64)
        if query.origin is None:
            return ratings
        latitudes, longitudes = columns.latitudes[rows], columns.longitudes[rows]
        distances = _distances_km(*query.origin, latitudes, longitudes) / DISTANCE_STEP_KM
        located = ~np.isnan(distances)
        steps = np.full(len(rows), FARTHEST_STEPS, np.int64)
        steps[located] = np.minimum(FARTHEST_STEPS, np.floor(distances[located]).astype(np.int64))
        doubtful = np.flatnonzero(located & (np.abs(distances - np.round(distances)) < CLOSE_KM))
        for i in doubtful:
            exact = distance_km(*query.origin, float(latitudes[i]), float(longitudes[i]))
            steps[i] = min(FARTHEST_STEPS, floor(exact / DISTANCE_STEP_KM))
        return ratings - steps


def join_truths(parts: Sequence[Truth], limit: int) -> Truth:
    """The answer over a population from those over its parts."""
    if len(parts) == 1:
        return parts[0]
    return Truth(
        np.sort(np.concatenate([part.full_ids for part in parts])),
        _join([part.full for part in parts], limit),
        sum(part.partial_count for part in parts),
        _join([part.partial for part in parts], limit),
    )


def _join(parts: Sequence[Ranked], limit: int) -> Ranked:
    ids, scores, ties = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    order = np.lexsort((ids, -ties, -scores))[:limit]
    return Ranked(ids[order], scores[order], ties[order])


def _related(tree: Tree, code: str) -> BoolArray:
    """Which nodes lie on one root path with ``code``: it, what is above it, and what has it above."""
    wanted = tree.index(code)
    related = np.zeros(len(tree), np.bool_)
    parents = np.array(tree.parents, np.int64)
    node = wanted
    while node >= 0:
        related[node] = True
        node = int(parents[node])
    climbing = np.arange(len(tree), dtype=np.int64)
    while (climbing >= 0).any():
        related |= climbing == wanted
        climbing = np.where(climbing >= 0, parents[climbing], -1)
    return related


def _some(starts: Int64Array, flags: BoolArray) -> BoolArray:
    """Whether any flag of each row's list is set."""
    sums = np.zeros(len(flags) + 1, np.int64)
    np.cumsum(flags, out=sums[1:])
    some: BoolArray = sums[starts[1:]] > sums[starts[:-1]]
    return some


def _distances_km(latitude: float, longitude: float, latitudes: FloatArray, longitudes: FloatArray) -> FloatArray:
    """Haversine on the contract's sphere; NaN where there is no location."""
    to_latitudes, to_longitudes = np.radians(latitudes - latitude), np.radians(longitudes - longitude)
    cosines = np.cos(np.radians(latitude)) * np.cos(np.radians(latitudes))
    chord = np.sin(to_latitudes / 2.0) ** 2 + cosines * np.sin(to_longitudes / 2.0) ** 2
    distances: FloatArray = 2.0 * EARTH_RADIUS_KM * np.arcsin(np.minimum(1.0, np.sqrt(chord)))
    return distances
