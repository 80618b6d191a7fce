"""Statements over many rows that mean the same on MySQL, MariaDB and SQLite.

Rows are mappings of column name to value; all rows of one call have the same names. Large calls are cut into chunks
inside the caller's transaction.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Insert, Select, Table, bindparam, insert, select
from sqlalchemy.dialects import mysql, sqlite

from kit.db.connections import MAX_STATEMENT_BYTES
from kit.db.database import Session
from kit.errors import QuanwangError

Row = Mapping[str, Any]

MAX_CHUNK_ROWS: Final = 1_000
MAX_UPDATE_ROWS: Final = 256
MYSQL_DUPLICATE_KEY: Final = 1062


class RowRefused(QuanwangError):
    """A row was not inserted for another reason than that it is already there (too long, null, missing parent)."""


def insert_many(session: Session, table: Table, rows: Sequence[Row]) -> None:
    """Insert all rows, many a statement. A duplicate key raises sqlalchemy's IntegrityError."""
    statement = _plain_insert(table)
    for chunk in _chunks(rows):
        session.execute(statement, chunk)


def insert_if_absent(session: Session, table: Table, rows: Sequence[Row]) -> int:
    """Insert the rows whose unique keys are free, leave the others alone; return how many were inserted.

    Raises RowRefused when a row is left out for any other reason than a duplicate key.
    """
    inserted = 0
    for chunk in _chunks(rows):
        if session.dialect.name == "sqlite":
            result = session.execute(_careful_insert(table, "sqlite"), chunk)
            inserted += result.rowcount
        else:
            result = session.execute(_careful_insert(table, "mysql"), chunk)
            _refuse_other_warnings(session, table, result.context.cursor)
            inserted += result.rowcount
    return inserted


def upsert(
    session: Session, table: Table, rows: Sequence[Row], update: Sequence[str], *, key: Sequence[str] | None = None
) -> None:
    """Insert the rows; where a row is already there, set its columns ``update`` to the given values.

    ``key`` names the columns of the unique key that decides (the primary key when not given); MySQL looks at every
    unique key of the table, so a table should have only one that can collide.
    """
    names = tuple(key) if key is not None else tuple(column.name for column in table.primary_key)
    statement = _upsert(table, session.dialect.name, tuple(update), names)
    for chunk in _chunks(rows):
        session.execute(statement, chunk)


# To build a statement takes longer than to run it, and a statement that is built once brings its cache key along.
@cache
def _plain_insert(table: Table) -> Insert:
    return insert(table)


@cache
def _careful_insert(table: Table, dialect: str) -> Insert:
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return mysql.insert(table).prefix_with("IGNORE")


@cache
def _upsert(table: Table, dialect: str, update: tuple[str, ...], key: tuple[str, ...]) -> Insert:
    if dialect == "sqlite":
        into = sqlite.insert(table)
        return into.on_conflict_do_update(index_elements=list(key), set_={name: into.excluded[name] for name in update})
    onto = mysql.insert(table)
    return onto.on_duplicate_key_update({name: onto.inserted[name] for name in update})


def add_to_counters(
    session: Session, table: Table, key: str, counter: str, counts: Mapping[int, int]
) -> dict[int, int]:
    """Add to counters, each a row of ``table`` (a missing one starts at 0); return the value of each before.

    The rows are locked until the commit, so whoever adds next waits and sees this sum: numbers become visible in
    order, and a rollback gives them back. Take late in a transaction; rows are locked in the order of their keys.
    """
    for key_value, count in counts.items():
        if count < 1:
            raise ValueError(f"add_to_counters: {count} for {table.name} {key_value} is below 1")
    addition = _addition(table, session.dialect.name, key, counter)
    for chunk in _chunks([{key: each, counter: counts[each]} for each in sorted(counts)]):
        session.execute(addition, chunk)
    before: dict[int, int] = {}
    keys = list(counts)
    query = _sums(table, key, counter)
    for start in range(0, len(keys), MAX_CHUNK_ROWS):
        sums = session.execute(query, {"keys": keys[start : start + MAX_CHUNK_ROWS]})
        before.update((each, total - counts[each]) for each, total in sums)
    return before


@cache
def _addition(table: Table, dialect: str, key: str, counter: str) -> Insert:
    if dialect == "sqlite":
        into = sqlite.insert(table)
        added = {counter: table.c[counter] + into.excluded[counter]}
        return into.on_conflict_do_update(index_elements=[key], set_=added)
    onto = mysql.insert(table)
    return onto.on_duplicate_key_update({counter: table.c[counter] + onto.inserted[counter]})


@cache
def _sums(table: Table, key: str, counter: str) -> Select[Any]:
    return select(table.c[key], table.c[counter]).where(table.c[key].in_(bindparam("keys", expanding=True)))


def bulk_update(
    session: Session,
    table: Table,
    key: str,
    rows: Sequence[Row],
    *,
    guards: Mapping[str, Any] | None = None,
    row_guards: Mapping[str, str] | None = None,
) -> int:
    """Set different values in many rows, chosen by the unique column ``key``; return how many rows were met.

    Each row holds ``key`` and the new values. ``guards`` (column: value) must hold for a row to be updated.
    ``row_guards`` (column: entry name) compares a column with an entry of the row itself that is not a new value, such
    as ``{"version": "expected_version"}``. Keys must be unique within one call.
    """
    if not rows:
        return 0
    constant = dict(guards or {})
    expected = dict(row_guards or {})
    changed = [name for name in rows[0] if name != key and name not in expected.values()]
    met = 0
    if session.dialect.name == "sqlite":
        return _update_each(session, table, key, rows, changed, constant, expected)
    for start in range(0, len(rows), MAX_UPDATE_ROWS):
        met += _update_by_case(session, table, key, rows[start : start + MAX_UPDATE_ROWS], changed, constant, expected)
    return met


def _update_each(
    session: Session,
    table: Table,
    key: str,
    rows: Sequence[Row],
    changed: Sequence[str],
    constant: Mapping[str, Any],
    expected: Mapping[str, str],
) -> int:
    # No network between: a prepared statement a row is the fast way in SQLite.
    quote = session.dialect.identifier_preparer.quote
    sets = ", ".join(f"{quote(name)} = ?" for name in changed)
    conditions = [f"{quote(key)} = ?"]
    conditions += [f"{quote(name)} IS ?" for name in constant]
    conditions += [f"{quote(name)} IS ?" for name in expected]
    sql = f"UPDATE {quote(table.name)} SET {sets} WHERE {' AND '.join(conditions)}"
    values = [
        (
            *(row[name] for name in changed),
            row[key],
            *constant.values(),
            *(row[entry] for entry in expected.values()),
        )
        for row in rows
    ]
    return session.exec_driver_sql(sql, values).rowcount


def _update_by_case(
    session: Session,
    table: Table,
    key: str,
    rows: Sequence[Row],
    changed: Sequence[str],
    constant: Mapping[str, Any],
    expected: Mapping[str, str],
) -> int:
    quote = session.dialect.identifier_preparer.quote
    parameters: list[Any] = []

    def by_case(entry: str) -> str:
        for row in rows:
            parameters.extend((row[key], row[entry]))
        return f"CASE {quote(key)} {'WHEN %s THEN %s ' * len(rows)}END"

    sets = ", ".join(f"{quote(name)} = {by_case(name)}" for name in changed)
    conditions = [f"{quote(key)} IN ({', '.join(['%s'] * len(rows))})"]
    parameters.extend(row[key] for row in rows)
    for name, value in constant.items():
        conditions.append(f"{quote(name)} <=> %s")
        parameters.append(value)
    for name, entry in expected.items():
        conditions.append(f"{quote(name)} <=> {by_case(entry)}")
    sql = f"UPDATE {quote(table.name)} SET {sets} WHERE {' AND '.join(conditions)}"
    return session.exec_driver_sql(sql, tuple(parameters)).rowcount


def _chunks(rows: Sequence[Row]) -> Iterator[list[dict[str, Any]]]:
    """Cut rows into lists of at most MAX_CHUNK_ROWS and about MAX_STATEMENT_BYTES."""
    chunk: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        weight = _weight(row)
        if chunk and (len(chunk) >= MAX_CHUNK_ROWS or size + weight > MAX_STATEMENT_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(row if isinstance(row, dict) else dict(row))
        size += weight
    if chunk:
        yield chunk


def _weight(row: Row) -> int:
    """Bytes that a row may take in a statement, escaped; every value is looked at, so in one plain loop."""
    weight = 24 * len(row)
    for value in row.values():
        if isinstance(value, str | bytes):
            weight += 4 * len(value)
    return weight


def _refuse_other_warnings(session: Session, table: Table, cursor: Any) -> None:
    # IGNORE turns every error into a warning; only the duplicate key is meant.
    if not cursor.warning_count:
        return
    for _level, code, message in session.exec_driver_sql("SHOW WARNINGS"):
        if code != MYSQL_DUPLICATE_KEY:
            raise RowRefused(f"a row for {table.name} is refused by the database: {message}")
