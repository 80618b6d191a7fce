"""tantivy: one segment of unsigned terms, boolean queries, and constant scores from which the exact score is read back.

A clause of a dimension scores ``W * T`` and of a keyword group ``4100 * weight``, T being the weight of all groups. The
sums are whole numbers below 2^24, so that single precision holds them, and ``sum // T`` is the contract's score.
Circles are cells of a grid; the hits of cells on the edge are measured. The binding hands hits out as Python objects,
which is most of the time of a large answer; ``count`` is the search without that.
"""

import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from tantivy import Document, Index, Occur, Query, SchemaBuilder

from benchmarks.matching.contest import Answered, Int64Array, Operation, Ranked
from benchmarks.matching.peers.population import COLUMNS, PeerPopulation, cells_of
from benchmarks.matching.tokens import Question, TokenBook, Tokens
from matching.query import DEFAULT_WEIGHTS, Near
from matching.query import Query as OrderQuery

TOKEN, CELL, ID = "token", "cell", "id"
WRITER_BYTES = 3_000_000_000
"""Room for one segment of millions of users: one segment is the fastest form of an index."""
TERMS_WORTH_A_SET = 12
MORE_HITS = 6


class SeveralSegments(RuntimeError):
    """The index did not come out as one segment."""


class Tantivy:
    """A contestant."""

    name = "tantivy"
    batch_orders = 1

    def __init__(self, population: PeerPopulation, tokens: Tokens, book: TokenBook) -> None:
        """Write the index in memory. Who is not available is left out: nothing hides somebody more cheaply."""
        started = time.perf_counter()
        self._population, self._tokens, self._book = population, tokens, book
        builder = SchemaBuilder()
        builder.add_unsigned_field(TOKEN, indexed=True)
        builder.add_unsigned_field(CELL, indexed=True)
        builder.add_unsigned_field(ID, indexed=True)
        self._schema = builder.build()
        visible = np.ones(len(tokens.starts) - 1, np.bool_)
        visible[population.hidden] = False
        self._row_of = np.flatnonzero(visible)
        self._users = max(1, len(self._row_of))
        self._searcher = self._write()
        cells = population.sorted_cells
        self._occupied = cells[np.flatnonzero(np.diff(cells, prepend=-1))]
        self._build_s = time.perf_counter() - started

    def _write(self) -> Any:
        index = Index(self._schema)
        writer = index.writer(WRITER_BYTES, num_threads=1)
        starts, flat, cells = self._tokens.starts.tolist(), self._tokens.tokens, self._population.cells.tolist()
        for row in self._row_of.tolist():
            document = Document()
            for token in flat[starts[row] : starts[row + 1]].tolist():
                document.add_unsigned(TOKEN, token)
            if (cell := cells[row]) >= 0:
                document.add_unsigned(CELL, cell)
            document.add_unsigned(ID, row + 1)
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        searcher = index.searcher()
        if searcher.num_segments > 1:
            raise SeveralSegments(
                f"tantivy wrote {searcher.num_segments} segments of {self._users:,} users; leave it out with --peers"
            )
        return searcher

    def answer(self, operation: Operation, queries: Sequence[OrderQuery]) -> Any:
        """Answer one order."""
        question = self._book.ask(queries[0])
        if operation.is_set:
            return self._full(question)
        if operation is Operation.FULL_RANKED:
            return self._full_ranked(question)
        return self._partial(question)

    def unpack(self, operation: Operation, raw: Any) -> list[Answered]:
        """One order is one answer; the users' ids are one more than their rows."""
        return [raw + 1 if operation.is_set else raw]

    def count(self, query: OrderQuery) -> int:
        """How many are in the full tier of an order without a circle: the search without handing hits out."""
        question = self._book.ask(query)
        found = self._searcher.search(Query.const_score_query(self._full_query(question, None), 1.0), 1, count=True)
        return int(found.count)

    def describe(self) -> dict[str, object]:
        """Version and build time; the binding does not say how large the index is."""
        return {"version": version("tantivy"), "build_s": self._build_s}

    def close(self) -> None:
        """Let go of the index."""
        self._searcher = None

    # Clauses

    def _union(self, tokens: Sequence[int], field: str = TOKEN) -> Query:
        if not tokens:
            return Query.empty_query()
        if len(tokens) == 1:
            return Query.term_query(self._schema, field, tokens[0])
        if len(tokens) > TERMS_WORTH_A_SET:
            return Query.term_set_query(self._schema, field, tokens)
        return Query.boolean_query([(Occur.Should, Query.term_query(self._schema, field, token)) for token in tokens])

    def _cells(self, near: Near, *, inside: bool) -> Query:
        """Users in the occupied cells that a circle may touch, or that lie wholly in it."""
        first_row, last_row, first_column, last_column = cells_of(near, inside=inside)
        found: list[int] = []
        for row in range(first_row, last_row + 1):
            base = row * COLUMNS
            first, end = np.searchsorted(self._occupied, [base + first_column, base + last_column + 1])
            found.extend(self._occupied[first:end].tolist())
        return self._union(found, CELL)

    def _region(self, question: Question, cells: Query | None) -> Query:
        named = self._union(question.region or [])
        if cells is None:
            return named
        return Query.boolean_query([(Occur.Should, named), (Occur.Should, cells)]) if question.region else cells

    def _must(self, question: Question, region: Query | None) -> list[tuple[Occur, Query]]:
        """The named dimensions as they must be satisfied, ``region`` in the form given (None: not named)."""
        clauses: list[tuple[Occur, Query]] = []
        groups = [self._union(tokens) for tokens in question.groups]
        if groups and question.at_least == len(groups):
            clauses.extend((Occur.Must, group) for group in groups)
        elif groups:
            shoulds = [(Occur.Should, group) for group in groups]
            # A plain union is the faster form of "at least one".
            at_least = question.at_least if question.at_least > 1 else None
            clauses.append((Occur.Must, Query.boolean_query(shoulds, minimum_number_should_match=at_least)))
        if question.industry is not None:
            clauses.append((Occur.Must, self._union(question.industry)))
        if region is not None:
            clauses.append((Occur.Must, region))
        if question.crowd is not None:
            clauses.append((Occur.Must, self._union(question.crowd)))
        return clauses

    def _hiding(self, question: Question) -> list[tuple[Occur, Query]]:
        if not question.excluded:
            return []
        return [(Occur.MustNot, Query.term_set_query(self._schema, ID, list(question.excluded)))]

    def _full_query(self, question: Question, cells: Query | None) -> Query:
        region = None if question.region is None else self._region(question, cells)
        return Query.boolean_query([*self._must(question, region), *self._hiding(question)])

    # Answers

    def _rows(self, query: Query) -> Int64Array:
        """Rows of all hits, in no order."""
        hits = self._searcher.search(Query.const_score_query(query, 1.0), self._users, count=False).hits
        return self._row_of[np.array([address.doc for _, address in hits], np.int64)]

    def _full(self, question: Question) -> Int64Array:
        named = np.zeros(0, np.int64)
        if question.near is None or question.region:
            region = None if question.region is None else self._union(question.region)
            named = self._rows(Query.boolean_query(self._must(question, region)))
        if question.near is not None:
            boxed = self._rows(Query.boolean_query(self._must(question, self._cells(question.near, inside=False))))
            rows = boxed[self._population.within(boxed, question.near)]
            named = np.union1d(named, rows) if len(named) else rows
        # Excluded users are few: taking them out of the answer costs less than a clause.
        return named[~np.isin(named, np.array(question.excluded) - 1)] if question.excluded else named

    def _full_ranked(self, question: Question) -> Ranked:
        weights, total = DEFAULT_WEIGHTS, max(1, sum(question.weights))
        base = (
            weights.industry * (question.industry is not None)
            + weights.region * (question.region is not None)
            + weights.crowd * (question.crowd is not None)
        )
        if question.at_least == len(question.groups):
            return self._population.best(
                [(self._full(question), base + weights.keywords * bool(question.groups))], question
            )
        if question.near is not None:
            # Measured first; who remains is scored by another search among the cells of the circle.
            return self._full_ranked_near(question, base, total)
        scored = [(Occur.Must, Query.const_score_query(self._full_query(question, None), 0.0))]
        scored += [(Occur.Should, self._scored_group(question, i)) for i in range(len(question.groups))]
        rows, points = self._classes(Query.boolean_query(scored), question.limit, total)
        return self._population.best_scored(rows, base + points // total, question)

    def _full_ranked_near(self, question: Question, base: int, total: int) -> Ranked:
        assert question.near is not None
        full = self._full_query(question, self._cells(question.near, inside=False))
        scored = [(Occur.Must, Query.const_score_query(full, 0.0))]
        scored += [(Occur.Should, self._scored_group(question, i)) for i in range(len(question.groups))]
        rows, points = self._hits(Query.boolean_query(scored), self._users)
        kept = self._population.within(rows, question.near) | self._names_region(rows, question)
        return self._population.best_scored(rows[kept], base + points[kept] // total, question)

    def _scored_group(self, question: Question, group: int) -> Query:
        points = float(DEFAULT_WEIGHTS.keywords * question.weights[group])
        return Query.const_score_query(self._union(question.groups[group]), points)

    def _partial(self, question: Question) -> Ranked:
        weights, total = DEFAULT_WEIGHTS, max(1, sum(question.weights))
        near = question.near
        shoulds = [self._scored_group(question, i) for i in range(len(question.groups))]
        for tokens, worth in ((question.industry, weights.industry), (question.crowd, weights.crowd)):
            if tokens is not None:
                shoulds.append(Query.const_score_query(self._union(tokens), float(worth * total)))
        if question.region is not None:
            boxed = None if near is None else self._cells(near, inside=False)
            shoulds.append(Query.const_score_query(self._region(question, boxed), float(weights.region * total)))
        within = None if near is None else self._cells(near, inside=True)
        region = None if question.region is None else self._region(question, within)
        full = Query.boolean_query(self._must(question, region))
        clauses = [(Occur.Should, should) for should in shoulds]
        query = Query.boolean_query([*clauses, (Occur.MustNot, full), *self._hiding(question)])
        if near is None:
            rows, points = self._classes(query, question.limit, total)
            return self._population.best_scored(rows, points // total, question)
        return self._partial_near(question, near, query, total)

    def _partial_near(self, question: Question, near: Near, query: Query, total: int) -> Ranked:
        """Hits of cells that the circle cuts lose the region's points unless they lie within; fewer points may mean
        that others come before them, so more hits are asked for until that is settled.
        """
        boxed = [*self._must(question, self._cells(near, inside=False)), *self._hiding(question)]
        edge = Query.boolean_query([*boxed, (Occur.MustNot, self._cells(near, inside=True))])
        fulls = self._rows(edge)
        fulls = np.sort(fulls[self._population.within(fulls, near)])
        wanted = MORE_HITS * question.limit
        while True:
            rows, points = self._hits(query, wanted)
            lowest = int(points[-1]) // total if len(points) == wanted else -1
            rows, points = self._corrected(question, near, rows, points // total)
            kept = ~np.isin(rows, fulls) & (points > 0)
            rows, points = rows[kept], points[kept]
            if lowest < 0:
                break
            if len(rows) >= question.limit:
                worst = np.partition(points, len(points) - question.limit)[len(points) - question.limit]
                if lowest < worst:
                    break
            wanted = min(self._users, wanted * MORE_HITS)
        return self._population.best_scored(rows, points, question)

    def _corrected(
        self, question: Question, near: Near, rows: Int64Array, scores: Int64Array
    ) -> tuple[Int64Array, Int64Array]:
        first_row, last_row, first_column, last_column = cells_of(near, inside=False)
        cells = self._population.cells[rows]
        cell_rows, cell_columns = cells // COLUMNS, cells % COLUMNS
        boxed = (cells >= 0) & (cell_rows >= first_row) & (cell_rows <= last_row)
        boxed &= (cell_columns >= first_column) & (cell_columns <= last_column)
        outside = boxed & ~self._population.within(rows, near)
        outside[outside] = ~self._names_region(rows[outside], question)
        return rows, scores - DEFAULT_WEIGHTS.region * outside

    def _names_region(self, rows: Int64Array, question: Question) -> Any:
        """Which of ``rows`` hit a place that the order names besides its circle."""
        if not question.region:
            return np.zeros(len(rows), np.bool_)
        starts, flat, wanted = self._tokens.starts, self._tokens.tokens, set(question.region)
        hits = (not wanted.isdisjoint(flat[starts[row] : starts[row + 1]].tolist()) for row in rows.tolist())
        return np.fromiter(hits, np.bool_, len(rows))

    def _hits(self, query: Query, wanted: int) -> tuple[Int64Array, Int64Array]:
        """Rows and points of the best ``wanted`` hits, best first."""
        hits = self._searcher.search(query, wanted, count=False).hits
        rows = self._row_of[np.array([address.doc for _, address in hits], np.int64)]
        return rows, np.array([points for points, _ in hits], np.float64).astype(np.int64)

    def _classes(self, query: Query, limit: int, total: int) -> tuple[Int64Array, Int64Array]:
        """Whole score classes, best first, until they hold ``limit`` users."""
        wanted = min(self._users, 2 * limit)
        while True:
            rows, points = self._hits(query, wanted)
            if len(rows) < wanted or wanted == self._users:
                return rows, points
            if points[-1] // total < points[limit - 1] // total:
                return rows, points
            wanted = min(self._users, wanted * MORE_HITS)
