"""The statements of kit.db mean the same on SQLite and MariaDB."""

import pytest
from sqlalchemy import Table, UniqueConstraint, exc, select

from kit.db import (
    Database,
    add_to_counters,
    big_int,
    blob,
    bulk_update,
    flag,
    id_key,
    id_ref,
    insert_if_absent,
    insert_many,
    json_text,
    key32,
    metadata,
    next_sequence,
    small_int,
    text_of,
    time_ms,
    upsert,
)
from kit.db.statements import RowRefused

thing = Table(
    "test_thing",
    metadata,
    id_key(),
    text_of("name", 20),
    big_int("amount", nullable=True),
    small_int("level"),
    flag("active", nullable=True),
    key32("digest"),
    json_text("document"),
    blob("bytes"),
    time_ms("made_at_ms"),
    UniqueConstraint("name"),
    UniqueConstraint("level", "active"),
)

tally = Table("test_tally", metadata, id_ref("subject_id", primary_key=True), big_int("total"))

KEY = bytes(range(32))


def row(number: int, **changes: object) -> dict[str, object]:
    return {
        "id": number,
        "name": f"n{number}",
        "amount": number * 10,
        "level": 1,
        "active": None,
        "digest": KEY,
        "document": '{"词": "全網 𠀀"}',
        "bytes": b"\x00\xff'\\%s" * 3,
        "made_at_ms": 1_700_000_000_000,
        **changes,
    }


@pytest.fixture
def things(database: Database) -> Database:
    return database


def stored(database: Database) -> dict[int, dict[str, object]]:
    with database.read() as session:
        return {each.id: dict(each._mapping) for each in session.execute(select(thing).order_by(thing.c.id))}


def test_every_kind_of_column_comes_back_as_it_was_given(things: Database) -> None:
    with things.transaction() as session:
        insert_many(session, thing, [row(1), row((1 << 53) - 1, name="大", amount=None, active=1)])
    assert stored(things) == {1: row(1), (1 << 53) - 1: row((1 << 53) - 1, name="大", amount=None, active=1)}


def test_text_is_taken_as_it_is_and_half_a_surrogate_pair_is_refused(things: Database) -> None:
    names = ["%s", "%(id)s", "100 %", "'; DROP", "\\", "\\'", "\n\r\0\x1a", '"']
    with things.transaction() as session:
        insert_many(session, thing, [row(i, name=name, active=None) for i, name in enumerate(names, 1)])
        assert insert_if_absent(session, thing, [row(99, name=names[5])]) == 0
    assert [each["name"] for each in stored(things).values()] == names
    with pytest.raises(UnicodeEncodeError), things.transaction() as session:
        insert_many(session, thing, [row(100, name="\ud83d")])


def test_text_compares_byte_by_byte(things: Database) -> None:
    with things.transaction() as session:
        names = ["a", "A", "á", " a", "ａ"]
        assert insert_if_absent(session, thing, [row(i, name=name) for i, name in enumerate(names, 1)]) == 5
        found = session.execute(select(thing.c.id).where(thing.c.name == "a")).scalars().all()
    assert found == [1]


def test_nullable_flag_allows_one_active_row(things: Database) -> None:
    with things.transaction() as session:
        insert_many(session, thing, [row(1, active=1), row(2), row(3)])
        assert insert_if_absent(session, thing, [row(4, active=1)]) == 0


def test_insert_many_is_chunked_and_whole(things: Database) -> None:
    with things.transaction() as session:
        insert_many(session, thing, [row(i) for i in range(1, 2_502)])
    assert len(stored(things)) == 2_501


def test_insert_many_of_large_rows_stays_below_the_packet_limit(things: Database) -> None:
    big = bytes(1_500_000)
    with things.transaction() as session:
        insert_many(session, thing, [row(i, bytes=big) for i in range(1, 13)])
        total = sum(len(each) for each in session.execute(select(thing.c.bytes)).scalars())
    assert total == 12 * len(big)


def test_insert_many_refuses_a_duplicate(things: Database) -> None:
    with pytest.raises(exc.IntegrityError), things.transaction() as session:
        insert_many(session, thing, [row(1), row(1)])
    assert stored(things) == {}


def test_insert_if_absent_counts_what_was_inserted(things: Database) -> None:
    with things.transaction() as session:
        assert insert_if_absent(session, thing, [row(1), row(2)]) == 2
        assert insert_if_absent(session, thing, [row(2, name="other"), row(3), row(4, name="n1"), row(5), row(5)]) == 2
        assert insert_if_absent(session, thing, [row(1)]) == 0
        assert insert_if_absent(session, thing, []) == 0
    assert sorted(stored(things)) == [1, 2, 3, 5]
    assert stored(things)[2]["name"] == "n2"


def test_insert_if_absent_counts_over_chunks(things: Database) -> None:
    with things.transaction() as session:
        insert_many(session, thing, [row(i) for i in range(1, 2_001, 2)])
        assert insert_if_absent(session, thing, [row(i) for i in range(1, 2_501)]) == 1_500


def test_insert_if_absent_does_not_swallow_other_errors(things: Database) -> None:
    """Only a duplicate key is passed over: a missing value must not vanish or become a default."""
    with pytest.raises((RowRefused, exc.IntegrityError)), things.transaction() as session:
        insert_if_absent(session, thing, [row(1), row(2, name=None)])
    assert stored(things) == {}


def test_insert_if_absent_does_not_cut_long_text(mariadb_database: Database) -> None:
    with pytest.raises(RowRefused, match="name"), mariadb_database.transaction() as session:
        insert_if_absent(session, thing, [row(1), row(1), row(2, name="x" * 21)])
    assert stored(mariadb_database) == {}


def test_upsert_changes_only_the_named_columns(things: Database) -> None:
    with things.transaction() as session:
        insert_many(session, thing, [row(1), row(2)])
        upsert(session, thing, [row(2, amount=7, made_at_ms=5), row(3)], update=["amount"])
    assert stored(things) == {1: row(1), 2: row(2, amount=7), 3: row(3)}


def test_upsert_by_another_unique_key(things: Database) -> None:
    with things.transaction() as session:
        insert_many(session, thing, [row(1)])
        upsert(session, thing, [row(9, name="n1", amount=7)], update=["amount"], key=["name"])
    assert stored(things) == {1: row(1, amount=7)}


def test_bulk_update_sets_different_values_and_counts(things: Database) -> None:
    with things.transaction() as session:
        insert_many(session, thing, [row(i) for i in range(1, 601)])
        changes: list[dict[str, object]] = [{"id": i, "amount": i + 1, "document": f"{i}%s'"} for i in range(1, 601)]
        assert bulk_update(session, thing, "id", changes) == 600
        assert bulk_update(session, thing, "id", changes) == 600, "an unchanged row is met too"
        assert bulk_update(session, thing, "id", [{"id": 10_000, "amount": 1, "document": ""}]) == 0
        assert bulk_update(session, thing, "id", []) == 0
    assert all(each["amount"] == i + 1 and each["document"] == f"{i}%s'" for i, each in stored(things).items())


def test_bulk_update_sets_nulls_and_bytes(things: Database) -> None:
    with things.transaction() as session:
        insert_many(session, thing, [row(1), row(2)])
        changes: list[dict[str, object]] = [
            {"id": 1, "amount": None, "bytes": b"\x00'"},
            {"id": 2, "amount": 3, "bytes": b""},
        ]
        assert bulk_update(session, thing, "id", changes) == 2
    assert stored(things) == {1: row(1, amount=None, bytes=b"\x00'"), 2: row(2, amount=3, bytes=b"")}


def test_bulk_update_guards_leave_rows_alone(things: Database) -> None:
    with things.transaction() as session:
        insert_many(session, thing, [row(1), row(2, level=2), row(3, amount=None), row(4)])
        believed = ((1, 10), (2, 20), (3, None), (4, 99))
        changes: list[dict[str, object]] = [{"id": i, "amount": 0, "was": was} for i, was in believed]
        met = bulk_update(session, thing, "id", changes, guards={"level": 1}, row_guards={"amount": "was"})
    assert met == 2
    assert {i: each["amount"] for i, each in stored(things).items()} == {1: 0, 2: 20, 3: 0, 4: 40}


def test_next_sequence_counts_on_and_a_rollback_gives_back(things: Database) -> None:
    with things.transaction() as session:
        assert next_sequence(session, "s", 3) == 1
        assert next_sequence(session, "s") == 4
    with pytest.raises(ZeroDivisionError), things.transaction() as session:
        assert next_sequence(session, "s", 5) == 5
        raise ZeroDivisionError
    with things.transaction() as session:
        assert next_sequence(session, "s", 2) == 5
        assert next_sequence(session, "other", first=100) == 100


def test_counters_are_added_to_and_tell_what_they_were(things: Database) -> None:
    """A missing counter starts at 0; a rollback gives the numbers back; more than a chunk at once works."""
    with things.transaction() as session:
        assert add_to_counters(session, tally, "subject_id", "total", {7: 2, 3: 1}) == {7: 0, 3: 0}
        assert add_to_counters(session, tally, "subject_id", "total", {7: 5, 9: 1}) == {7: 2, 9: 0}
        assert add_to_counters(session, tally, "subject_id", "total", {}) == {}
        with pytest.raises(ValueError, match="below 1"):
            add_to_counters(session, tally, "subject_id", "total", {7: 0})
    with pytest.raises(KeyError), things.transaction() as session:
        assert add_to_counters(session, tally, "subject_id", "total", {7: 1}) == {7: 7}
        raise KeyError
    with things.transaction() as session:
        many = add_to_counters(session, tally, "subject_id", "total", dict.fromkeys(range(2_500), 1))
    assert (many[7], many[3], many[9], many[8], len(many)) == (7, 1, 1, 0, 2_500)
