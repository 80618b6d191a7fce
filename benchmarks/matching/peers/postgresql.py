"""PostgreSQL: one integer array a user under a GIN index of intarray, asked by one statement an order."""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import psycopg

from benchmarks.matching.contest import Answered, Operation, Ranked
from benchmarks.matching.peers.population import COLUMNS, PeerPopulation, cells_of
from benchmarks.matching.peers.postgresql_server import USER, PostgreSqlFailed, PrivateServer, find_programs
from benchmarks.matching.tokens import Question, TokenBook, Tokens
from matching.geometry import EARTH_RADIUS_KM, RADIANS_PER_DEGREE
from matching.query import DEFAULT_WEIGHTS, Near, Query

CONNECT_TIMEOUT_S = 10
STATEMENT_TIMEOUT_MS = 120_000

TABLES = f"""
CREATE EXTENSION intarray;
CREATE TABLE users (
    id int PRIMARY KEY, tokens int[] NOT NULL, latitude float8, longitude float8, rating int NOT NULL
);
CREATE FUNCTION distance_km(a float8, b float8, c float8, d float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
    SELECT 2.0::float8 * {EARTH_RADIUS_KM!r}::float8 * asin(least(1.0::float8, sqrt(
        sin((c - a) * {RADIANS_PER_DEGREE!r}::float8 / 2.0::float8) * sin((c - a) * {RADIANS_PER_DEGREE!r}::float8 / 2.0::float8)
        + cos(a * {RADIANS_PER_DEGREE!r}::float8) * cos(c * {RADIANS_PER_DEGREE!r}::float8)
        * (sin((d - b) * {RADIANS_PER_DEGREE!r}::float8 / 2.0::float8) * sin((d - b) * {RADIANS_PER_DEGREE!r}::float8 / 2.0::float8)))))
$$;
"""  # noqa: E501


class PostgreSql:
    """A contestant. Tokens above ``book.size`` are the cells of users' locations."""

    name = "postgresql"
    batch_orders = 1

    def __init__(self, population: PeerPopulation, tokens: Tokens, book: TokenBook) -> None:
        """Start a private server and load the available users. Raises PostgreSqlFailed."""
        programs = find_programs()
        if programs is None:
            raise PostgreSqlFailed("initdb and postgres are neither on the PATH nor under /usr/lib/postgresql")
        self._population, self._book = population, book
        self._server = PrivateServer(programs)
        try:
            started = time.perf_counter()
            self._connection = psycopg.connect(
                host=str(self._server.folder), user=USER, dbname="postgres", autocommit=True,
                connect_timeout=CONNECT_TIMEOUT_S,
            )  # fmt: skip
            self._fill(tokens)
            self._build_s = time.perf_counter() - started
        except BaseException:
            self._server.stop()
            raise

    def _fill(self, tokens: Tokens) -> None:
        run = self._connection.execute
        run(TABLES)
        with self._connection.cursor() as cursor, cursor.copy("COPY users FROM STDIN") as copy:
            for block in self._blocks(tokens):
                copy.write(block)
        run("CREATE INDEX users_tokens ON users USING gin (tokens gin__int_ops)")
        run("VACUUM (ANALYZE) users")
        run(f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}")

    def _blocks(self, tokens: Tokens, rows_at_once: int = 10_000) -> Iterator[str]:
        people = self._population
        hidden = set(people.hidden.tolist())
        for first in range(0, len(tokens.starts) - 1, rows_at_once):
            starts = tokens.starts[first : first + rows_at_once + 1].tolist()
            flat = tokens.tokens[starts[0] : starts[-1]].tolist()
            lines = []
            for i in range(len(starts) - 1):
                row = first + i
                if row in hidden:
                    continue
                carried = flat[starts[i] - starts[0] : starts[i + 1] - starts[0]]
                place = "\\N\t\\N"
                if people.cells[row] >= 0:
                    carried.append(self._book.size + int(people.cells[row]))
                    place = f"{float(people.latitudes[row])!r}\t{float(people.longitudes[row])!r}"
                lines.append(f"{row + 1}\t{{{','.join(map(str, carried))}}}\t{place}\t{people.ratings[row]}\n")
            yield "".join(lines)

    def answer(self, operation: Operation, queries: Sequence[Query]) -> Any:
        """Answer one order by one statement."""
        question = self._book.ask(queries[0])
        statement = _Statement(question, self._cells(question.near))
        if operation.is_set:
            row = self._connection.execute(statement.full_set(), statement.values, binary=True).fetchone()
            return np.array((row[0] if row else None) or [], np.int64)
        text = statement.full_ranked() if operation is Operation.FULL_RANKED else statement.partial()
        rows = self._connection.execute(text, statement.values, binary=True).fetchall()
        table = np.array(rows, np.int64).reshape(len(rows), 3)
        return Ranked(table[:, 0], table[:, 1], table[:, 2])

    def unpack(self, operation: Operation, raw: Any) -> list[Answered]:  # noqa: ARG002
        """One order is one answer."""
        return [raw]

    def describe(self) -> dict[str, object]:
        """Version, build time, and the size of the table with its indexes."""
        size = self._connection.execute("SELECT pg_total_relation_size('users')").fetchone()
        version = self._connection.execute("SHOW server_version").fetchone()
        return {
            "version": version[0] if version else "",
            "build_s": self._build_s,
            "bytes": int(size[0]) if size else 0,
        }

    def close(self) -> None:
        """Stop the server."""
        self._connection.close()
        self._server.stop()

    def _cells(self, near: Near | None) -> list[int]:
        """Tokens of the occupied cells that a circle may touch."""
        if near is None:
            return []
        first_row, last_row, first_column, last_column = cells_of(near, inside=False)
        occupied = self._population.sorted_cells
        found: list[int] = []
        for row in range(first_row, last_row + 1):
            bounds = [row * COLUMNS + first_column, row * COLUMNS + last_column + 1]
            first, end = np.searchsorted(occupied, bounds)
            found.extend(np.unique_values(occupied[first:end]).tolist())
        return [self._book.size + cell for cell in found]


class _Statement:
    """The text and the values of one order's statements."""

    def __init__(self, question: Question, cells: list[int]) -> None:
        self._question, self._cells = question, cells
        self.values: dict[str, Any] = {"limit": question.limit, "excluded": list(question.excluded)}
        for i, tokens in enumerate(question.groups):
            self.values[f"g{i}"] = tokens
        for name, wanted in (("industry", question.industry), ("region", question.region), ("crowd", question.crowd)):
            if wanted is not None:
                self.values[name] = wanted
        self._region = "tokens && %(region)s::int[]"
        if question.near is not None:
            near = question.near
            self.values |= {"lat": near.lat, "lon": near.lon, "radius": near.radius_km}
            circle = "coalesce(distance_km(%(lat)s, %(lon)s, latitude, longitude) <= %(radius)s, false)"
            self._region = f"({self._region} OR {circle})"

    def _conditions(self) -> list[str]:
        """Every named dimension as a condition on a user."""
        question = self._question
        groups = [f"tokens && %(g{i})s::int[]" for i in range(len(question.groups))]
        found: list[str] = []
        if groups and question.at_least == len(groups):
            found += groups
        elif groups and question.at_least == 1:
            self.values["words"] = [token for tokens in question.groups for token in tokens]
            found.append("tokens && %(words)s::int[]")
        elif groups:
            found.append(f"({' + '.join(f'({group})::int' for group in groups)}) >= {question.at_least}")
        if question.industry is not None:
            found.append("tokens && %(industry)s::int[]")
        if question.region is not None:
            found.append(self._region)
        if question.crowd is not None:
            found.append("tokens && %(crowd)s::int[]")
        return found

    def _driven(self) -> str:
        """The conditions, with one that the index can answer where a circle cannot."""
        conditions = self._conditions()
        if self._question.near is not None:
            self.values["boxed"] = [*(self._question.region or []), *self._cells]
            conditions.append("tokens && %(boxed)s::int[]")
        return " AND ".join([*conditions, *self._hiding()])

    def _hiding(self) -> list[str]:
        return ["id <> ALL(%(excluded)s::int[])"] if self._question.excluded else []

    def full_set(self) -> str:
        return f"SELECT array_agg(id) FROM users WHERE {self._driven()}"

    def full_ranked(self) -> str:
        return self._ranked(self._driven())

    def partial(self) -> str:
        question = self._question
        self.values["any"] = [
            *(token for tokens in question.groups for token in tokens),
            *(question.industry or []), *(question.region or []), *(question.crowd or []), *self._cells,
        ]  # fmt: skip
        conditions = ["tokens && %(any)s::int[]", f"NOT ({' AND '.join(self._conditions())})", *self._hiding()]
        if question.near is not None:
            self.values["named"] = self.values["any"][: -len(self._cells) or None]
            conditions.append(f"(tokens && %(named)s::int[] OR {self._region})")
        return self._ranked(" AND ".join(conditions))

    def _ranked(self, where: str) -> str:
        return (
            f"SELECT id, {self._score()} AS score, {self._tie()} AS tie FROM users WHERE {where}"
            " ORDER BY score DESC, tie DESC, id LIMIT %(limit)s"
        )

    def _score(self) -> str:
        question, weights = self._question, DEFAULT_WEIGHTS
        parts = ["0"]
        if question.industry is not None:
            parts.append(f"{weights.industry} * (tokens && %(industry)s::int[])::int")
        if question.region is not None:
            parts.append(f"{weights.region} * ({self._region})::int")
        if question.crowd is not None:
            parts.append(f"{weights.crowd} * (tokens && %(crowd)s::int[])::int")
        if question.groups:
            hits = " + ".join(f"{w} * (tokens && %(g{i})s::int[])::int" for i, w in enumerate(question.weights))
            parts.append(f"{weights.keywords} * ({hits}) / {sum(question.weights)}")
        return " + ".join(parts)

    def _tie(self) -> str:
        origin = self._question.origin
        if origin is None or math.isnan(origin[0]):
            return "2 * rating"
        self.values |= {"from_lat": origin[0], "from_lon": origin[1]}
        steps = "floor(distance_km(%(from_lat)s, %(from_lon)s, latitude, longitude) / 4.0::float8)"
        return f"2 * rating - CASE WHEN latitude IS NULL THEN 255 ELSE least(255, {steps})::int END"
