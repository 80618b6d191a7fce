"""pyroaring: one compressed bitmap a token; a tier is set algebra, a ranking visits classes of hits, best first."""

import heapq
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from benchmarks.matching.contest import Answered, Int64Array, Operation, Ranked
from benchmarks.matching.peers.population import PeerPopulation
from benchmarks.matching.tokens import Question, TokenBook, Tokens
from matching.query import DEFAULT_WEIGHTS, Query

FEW_AGAINST_GROUPS = 4
"""The groups of rule "any" are united first unless they have so many times the users found so far."""
CIRCLE_WORTH_DRAWING = 4_000
"""Candidates above which drawing the whole circle beats measuring each of them."""


class Roaring:
    """A contestant."""

    name = "pyroaring"
    batch_orders = 1

    def __init__(self, population: PeerPopulation, tokens: Tokens, book: TokenBook) -> None:
        """Make the bitmaps."""
        started = time.perf_counter()
        self._population, self._book = population, book
        starts, rows = tokens.postings(book.size)
        self._maps = [BitMap(rows[starts[token] : starts[token + 1]]) for token in range(book.size)]
        self._hidden = BitMap(population.hidden)
        for bitmap in (*self._maps, self._hidden):
            bitmap.run_optimize()
        self._nobody = BitMap()
        self._build_s = time.perf_counter() - started

    def answer(self, operation: Operation, queries: Sequence[Query]) -> Any:
        """Answer one order."""
        question = self._book.ask(queries[0])
        if operation.is_set:
            return _packed(self._full(question))
        if operation is Operation.FULL_RANKED:
            return self._full_ranked(question)
        return self._partial(question)

    def unpack(self, operation: Operation, raw: Any) -> list[Answered]:
        """One order is one answer; the users' ids are one more than their rows."""
        return [raw + np.uint32(1) if operation.is_set else raw]

    def describe(self) -> dict[str, object]:
        """Version, build time, and the size of the bitmaps as they would be written, with the columns for ties."""
        size = sum(len(bitmap.serialize()) for bitmap in self._maps) + self._population.bytes()
        return {"version": version("pyroaring"), "build_s": self._build_s, "bytes": size}

    def close(self) -> None:
        """Nothing to let go."""

    def _union(self, tokens: Sequence[int]) -> BitMap:
        if len(tokens) == 1:
            return self._maps[tokens[0]]
        return BitMap.union(*[self._maps[token] for token in tokens]) if tokens else self._nobody

    def _hide(self, found: BitMap, question: Question) -> BitMap:
        """Without the unavailable and the excluded."""
        found = found - self._hidden
        if question.excluded and found:
            found -= BitMap([user - 1 for user in question.excluded])
        return found

    def _dimensions(self, question: Question, *, region: bool) -> list[BitMap]:
        """The named dimensions other than keywords, smallest first."""
        named = [question.industry, question.crowd, question.region if region else None]
        found = [self._union(tokens) for tokens in named if tokens is not None]
        return sorted(found, key=len)

    def _full(self, question: Question) -> BitMap:
        groups = [self._union(tokens) for tokens in question.groups]
        planes = self._dimensions(question, region=question.near is None)
        keywords: BitMap | None = None
        unions: list[BitMap] = []
        if question.at_least == len(groups):
            planes = sorted([*planes, *groups], key=len)
        elif question.at_least == 1:
            unions = groups
        else:
            keywords = self._at_least(groups, question.at_least)
        if keywords is not None:
            planes = sorted([*planes, keywords], key=len)
        found: BitMap | None = None
        for plane in planes:
            found = plane if found is None else found & plane
            if not found:
                return self._nobody
        if unions:
            found = self._any_of(unions, found)
        if question.near is not None:
            found = self._near(question, found)
        return self._hide(found if found is not None else self._nobody, question)

    def _near(self, question: Question, found: BitMap | None) -> BitMap:
        """The users of ``found`` (None: everybody) who satisfy the region, a circle being part of it."""
        assert question.near is not None
        named = self._union(question.region or [])
        if found is None or len(found) > CIRCLE_WORTH_DRAWING:
            region = BitMap(self._population.circle(question.near)) | named
            return region if found is None else found & region
        rows = np.frombuffer(found.to_array(), np.uint32)
        return BitMap(rows[self._population.within(rows, question.near)]) | (found & named)

    @staticmethod
    def _any_of(groups: list[BitMap], found: BitMap | None) -> BitMap:
        """The users of ``found`` (None: everybody) in any of the groups; a small ``found`` meets each group alone."""
        if found is None:
            return BitMap.union(*groups)
        if FEW_AGAINST_GROUPS * len(found) > sum(len(group) for group in groups):
            return found & BitMap.union(*groups)
        return BitMap.union(*[found & group for group in groups])

    @staticmethod
    def _at_least(groups: list[BitMap], wanted: int) -> BitMap:
        """Users in at least ``wanted`` of the groups: layers of users seen once, twice, and so on."""
        layers = [BitMap() for _ in range(wanted)]
        for group in groups:
            for i in range(wanted - 1, 0, -1):
                layers[i] |= layers[i - 1] & group
            layers[0] |= group
        return layers[-1]

    def _full_ranked(self, question: Question) -> Ranked:
        full = self._full(question)
        weights = DEFAULT_WEIGHTS
        base = sum(
            worth
            for worth, tokens in (
                (weights.industry, question.industry),
                (weights.region, question.region),
                (weights.crowd, question.crowd),
            )
            if tokens is not None
        )
        if not question.groups or question.at_least == len(question.groups):
            score = base + (weights.keywords if question.groups else 0)
            return self._population.best([(_rows(full), score)], question)
        classes = _Classes(question, [self._union(tokens) for tokens in question.groups], [])
        return self._best(((found, base + score) for found, score, _ in classes.descending(full)), question)

    def _partial(self, question: Question) -> Ranked:
        weights = DEFAULT_WEIGHTS
        region = None if question.region is None else self._union(question.region)
        if question.near is not None:
            region = BitMap(self._population.circle(question.near)) | (region or self._nobody)
        dimensions = [
            (plane, worth)
            for plane, worth in (
                (None if question.industry is None else self._union(question.industry), weights.industry),
                (region, weights.region),
                (None if question.crowd is None else self._union(question.crowd), weights.crowd),
            )
            if plane is not None
        ]
        classes = _Classes(question, [self._union(tokens) for tokens in question.groups], dimensions)
        visited = ((self._hide(found, question), score) for found, score, full in classes.descending(None) if not full)
        return self._best(visited, question)

    def _best(self, classes: Iterator[tuple[BitMap, int]], question: Question) -> Ranked:
        """Take classes, best first, until the limit is reached and no more of the last score can come."""
        parts: list[tuple[Int64Array, int]] = []
        held, last = 0, -1
        for found, score in classes:
            if held >= question.limit and score < last:
                break
            if found:
                parts.append((_rows(found), score))
                held += len(found)
                last = score
        return self._population.best(parts, question)


class _Classes:
    """Users by exactly which planes they hit. A class is a choice of planes; its score is known before its users.

    Choices are visited in descending order of the score that they can still reach, and a choice whose users are none is
    never refined, so that the best classes come first and most of the others are never computed.
    """

    def __init__(self, question: Question, groups: list[BitMap], dimensions: list[tuple[BitMap, int]]) -> None:
        self._total = max(1, sum(question.weights))
        self._at_least = question.at_least
        weighed = list(zip(groups, question.weights, strict=True))
        self._dimensions = len(dimensions)
        # The keyword points of one group alone, for the order of planes: heavy ones decide most.
        planes = [(plane, worth, 0) for plane, worth in dimensions]
        planes += [(plane, 0, weight) for plane, weight in weighed]
        self._planes = sorted(planes, key=lambda plane: -(plane[1] + DEFAULT_WEIGHTS.keywords * plane[2] / self._total))
        self._rest: list[tuple[int, int]] = [(0, 0)]
        for _, worth, weight in reversed(self._planes):
            self._rest.append((self._rest[-1][0] + worth, self._rest[-1][1] + weight))
        self._rest.reverse()

    def _score(self, worth: int, weight: int) -> int:
        return worth + DEFAULT_WEIGHTS.keywords * weight // self._total

    def descending(self, within: BitMap | None) -> Iterator[tuple[BitMap, int, bool]]:
        """Yield (users, score, whether the class is of the full tier), best score first."""
        planes = self._planes
        # An entry: minus the reachable score, a serial number, next plane, worth, weight, dimensions and groups hit,
        # users so far (None: everybody), planes to be taken away once there are users.
        serial = 0
        heap: list[tuple[int, int, int, int, int, int, int, BitMap | None, tuple[BitMap, ...]]] = [
            (-self._score(*self._rest[0]), serial, 0, 0, 0, 0, 0, within, ())
        ]
        while heap:
            reachable, _, i, worth, weight, satisfied, hit, found, without = heapq.heappop(heap)
            if i == len(planes):
                if found is not None and (worth or weight or within is not None):
                    full = satisfied == self._dimensions and hit >= self._at_least
                    yield found, -reachable, full
                continue
            plane, its_worth, its_weight = planes[i]
            with_it = plane if found is None else found & plane
            if found is None:
                for other in without:
                    with_it = with_it - other
            if with_it:
                serial += 1
                reached = self._score(
                    worth + its_worth + self._rest[i + 1][0], weight + its_weight + self._rest[i + 1][1]
                )
                heapq.heappush(
                    heap,
                    (
                        -reached, serial, i + 1, worth + its_worth, weight + its_weight,
                        satisfied + (its_worth > 0), hit + (its_weight > 0), with_it, (),
                    ),
                )  # fmt: skip
            left = None if found is None else found - plane
            if found is None or left:
                serial += 1
                reached = self._score(worth + self._rest[i + 1][0], weight + self._rest[i + 1][1])
                apart = (*without, plane) if found is None else ()
                heapq.heappush(heap, (-reached, serial, i + 1, worth, weight, satisfied, hit, left, apart))


def _rows(found: BitMap) -> Int64Array:
    return np.frombuffer(found.to_array(), np.uint32).astype(np.int64)


def _packed(found: BitMap) -> npt.NDArray[np.uint32]:
    """Rows in one pass over what the bitmap holds."""
    return np.frombuffer(found.to_array(), np.uint32)
