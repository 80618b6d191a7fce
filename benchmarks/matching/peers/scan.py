"""NumPy scan: no index at all; every order looks at every user's tokens. Slow, so only some orders are asked."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.matching.contest import Answered, Int64Array, Operation, Ranked
from benchmarks.matching.peers.population import PeerPopulation
from benchmarks.matching.tokens import Question, TokenBook, Tokens
from matching.query import DEFAULT_WEIGHTS, Query

BoolArray = npt.NDArray[np.bool_]


class Scan:
    """A contestant."""

    name = "numpy_scan"
    batch_orders = 1

    def __init__(self, population: PeerPopulation, tokens: Tokens, book: TokenBook) -> None:
        """Keep the tokens as they are."""
        started = time.perf_counter()
        self._population, self._tokens, self._book = population, tokens, book
        self._users = len(tokens.starts) - 1
        self._all_rows = np.arange(self._users)
        self._visible = np.ones(self._users, np.bool_)
        self._visible[population.hidden] = False
        self._build_s = time.perf_counter() - started

    def answer(self, operation: Operation, queries: Sequence[Query]) -> Any:
        """Answer one order."""
        question = self._book.ask(queries[0])
        full, hit, score = self._scan(question)
        eligible = self._visible.copy()
        eligible[np.array(question.excluded, np.int64) - 1] = False
        tier = full & eligible if operation is not Operation.PARTIAL else hit & ~full & eligible
        rows = np.flatnonzero(tier)
        return rows if operation.is_set else self._best(rows, score[rows], question)

    def unpack(self, operation: Operation, raw: Any) -> list[Answered]:
        """One order is one answer; the users' ids are one more than their rows."""
        return [raw + 1 if operation.is_set else raw]

    def describe(self) -> dict[str, object]:
        """NumPy's version, and the size of the token lists."""
        size = self._tokens.tokens.nbytes + self._tokens.starts.nbytes + self._population.bytes()
        return {"version": np.__version__, "build_s": self._build_s, "bytes": size}

    def close(self) -> None:
        """Nothing to let go."""

    def _carries(self, tokens: Sequence[int]) -> BoolArray:
        """Who carries any of ``tokens``: all tokens are looked up in one table, then counted by user."""
        table = np.zeros(self._book.size, np.bool_)
        table[list(tokens)] = True
        found = np.flatnonzero(table[self._tokens.tokens])
        carriers = np.zeros(self._users, np.bool_)
        carriers[np.searchsorted(self._tokens.starts, found, side="right") - 1] = True
        return carriers

    def _scan(self, question: Question) -> tuple[BoolArray, BoolArray, Int64Array]:
        """Who is full, who hits anything, and everybody's score."""
        weights, total = DEFAULT_WEIGHTS, max(1, sum(question.weights))
        number = np.zeros(self._users, np.int8)
        weight = np.zeros(self._users, np.int64)
        for tokens, worth in zip(question.groups, question.weights, strict=True):
            carriers = self._carries(tokens)
            number += carriers
            weight += worth * carriers
        full = number >= question.at_least
        hit = number > 0
        score = weights.keywords * weight // total
        for wanted, worth in (
            (question.industry, weights.industry),
            (question.region, weights.region),
            (question.crowd, weights.crowd),
        ):
            if wanted is None:
                continue
            carriers = self._carries(wanted)
            if wanted is question.region and question.near is not None:
                carriers |= self._population.within(self._all_rows, question.near)
            full &= carriers
            hit |= carriers
            score += worth * carriers
        return full, hit, score

    def _best(self, rows: Int64Array, scores: Int64Array, question: Question) -> Ranked:
        if len(rows) > question.limit:
            kept = scores >= np.partition(scores, len(scores) - question.limit)[len(scores) - question.limit]
            rows, scores = rows[kept], scores[kept]
        return self._population.best_scored(rows, scores, question)
