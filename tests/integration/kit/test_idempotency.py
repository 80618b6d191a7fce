"""The same request twice has one effect and one answer, also when both come at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Table, func, insert, select

from kit.db import Database, Session, id_key, metadata
from kit.idempotency import (
    KEPT_MS,
    Fresh,
    IdempotencyInFlight,
    IdempotencyMismatch,
    InvalidIdempotencyKey,
    Replay,
    begin,
    hash_body,
    store,
    sweep,
)
from kit.ids import IdAllocator

made = Table("test_made", metadata, id_key())


def request(database: Database, ids: IdAllocator, key: str, body: bytes = b"body", owner: str = "o") -> Fresh | Replay:
    def work(session: Session) -> Fresh | Replay:
        started = begin(session, owner=owner, key=key, body_hash=hash_body(body), now_ms=1)
        if isinstance(started, Fresh):
            session.execute(insert(made), [{"id": ids.next_id()}])
            store(session, owner=owner, key=key, status=201, body='{"词":1}')
        return started

    return database.run(work)


def effects(database: Database) -> int:
    with database.read() as session:
        return session.execute(select(func.count()).select_from(made)).scalar_one()


def test_the_second_request_gets_the_first_answer(database: Database, ids: IdAllocator) -> None:
    assert request(database, ids, "k") == Fresh()
    assert request(database, ids, "k") == Replay(201, '{"词":1}')
    assert effects(database) == 1


def test_the_same_key_with_another_body_is_refused(database: Database, ids: IdAllocator) -> None:
    request(database, ids, "k")
    with pytest.raises(IdempotencyMismatch, match="'k' was used before with another body"):
        request(database, ids, "k", b"other")
    assert effects(database) == 1


def test_owners_do_not_share_keys(database: Database, ids: IdAllocator) -> None:
    assert request(database, ids, "k", owner="one") == Fresh()
    assert request(database, ids, "k", owner="two") == Fresh()


def test_a_failed_request_frees_its_key(database: Database, ids: IdAllocator) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        begin(session, owner="o", key="k", body_hash=hash_body(b"x"), now_ms=1)
        raise ZeroDivisionError
    assert request(database, ids, "k", b"other") == Fresh()


def test_many_at_once_have_one_effect_and_the_same_answer(database: Database, ids: IdAllocator) -> None:
    ids.take()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: request(database, ids, "k"), range(24)))
    assert effects(database) == 1
    assert answers.count(Fresh()) == 1
    assert answers.count(Replay(201, '{"词":1}')) == 23


def test_a_request_behind_a_long_one_is_told_so(mariadb_database: Database) -> None:
    ids = IdAllocator(mariadb_database)
    ids.take()
    began, may_end = threading.Event(), threading.Event()

    def long_request() -> None:
        with mariadb_database.transaction() as session:
            begin(session, owner="o", key="k", body_hash=hash_body(b"body"), now_ms=1)
            began.set()
            may_end.wait(20)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(long_request)
        assert began.wait(5)
        with pytest.raises(IdempotencyInFlight, match="in progress"):
            request(mariadb_database, ids, "k")
        may_end.set()
        first.result()


@pytest.mark.parametrize("key", ["", "x" * 256, "词", "a\nb"])
def test_unusable_keys_are_refused(sqlite_database: Database, key: str) -> None:
    with pytest.raises(InvalidIdempotencyKey, match="printable ASCII"):
        request(sqlite_database, IdAllocator(sqlite_database), key)


def test_storing_without_beginning_is_our_mistake(database: Database) -> None:
    with pytest.raises(RuntimeError, match="begin"), database.transaction() as session:
        store(session, owner="o", key="never", status=200, body="{}")


def test_keys_are_forgotten_after_seven_days(database: Database, ids: IdAllocator) -> None:
    request(database, ids, "k")
    assert database.run(lambda session: sweep(session, now_ms=1 + KEPT_MS)) == 0
    assert database.run(lambda session: sweep(session, now_ms=2 + KEPT_MS)) == 1
    assert request(database, ids, "k") == Fresh()
