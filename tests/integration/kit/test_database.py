"""Transactions: what is kept, what is seen, what is retried, what is said."""

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import Table, exc, select, update

from kit.db import (
    CommitOutcomeUnknown,
    Database,
    DatabaseAccessRefused,
    DatabaseBusy,
    DatabaseNotWritable,
    DatabaseUnavailable,
    DiskFull,
    LockConflict,
    Session,
    big_int,
    claim_rows,
    id_key,
    insert_many,
    lock_rows,
    lock_shared,
    metadata,
    next_sequence,
)
from kit.db.database import NestedTransaction
from kit.errors import InvalidInput
from kit.ids import END_OF_IDS, FIRST_ID, IdAllocator

counter = Table("test_counter", metadata, id_key(), big_int("value"))


def put(database: Database, *values: int) -> None:
    with database.transaction() as session:
        insert_many(session, counter, [{"id": i, "value": value} for i, value in enumerate(values, 1)])


def value(session: Session, number: int = 1) -> int:
    found: int = session.execute(select(counter.c.value).where(counter.c.id == number)).scalar_one()
    return found


def test_an_exception_rolls_everything_back(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        insert_many(session, counter, [{"id": 1, "value": 1}])
        raise ZeroDivisionError
    with database.read() as session:
        assert session.execute(select(counter)).all() == []


def test_a_read_sees_one_snapshot_beside_a_writer(database: Database) -> None:
    put(database, 1)
    with database.read() as session:
        assert value(session) == 1
        with ThreadPoolExecutor(1) as pool:
            pool.submit(database.run, lambda other: other.execute(update(counter).values(value=2))).result()
        assert value(session) == 1
    with database.read() as session:
        assert value(session) == 2


def test_a_transaction_sees_what_others_committed(mariadb_database: Database) -> None:
    """READ COMMITTED: after losing a race on a unique key, a plain SELECT sees the winner's row."""
    with mariadb_database.transaction() as session:
        assert session.execute(select(counter)).all() == []
        with ThreadPoolExecutor(1) as pool:
            pool.submit(put, mariadb_database, 5).result()
        assert value(session) == 5


def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises(DatabaseNotWritable), database.read() as session:
        insert_many(session, counter, [{"id": 1, "value": 1}])


def test_a_transaction_inside_a_transaction_is_refused_at_once(database: Database) -> None:
    started_s = time.monotonic()
    with database.transaction(), pytest.raises(NestedTransaction), database.transaction():
        pass
    assert time.monotonic() - started_s < 1


def test_concurrent_increments_lose_nothing(database: Database) -> None:
    """A read-then-write under lock_rows by eight threads adds up."""
    put(database, 0)

    def increment(session: Session) -> None:
        found = lock_rows(session, select(counter.c.value).where(counter.c.id == 1)).scalar_one()
        session.execute(update(counter).values(value=found + 1))

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(database.run, increment) for _ in range(80)]:
            future.result()
    with database.read() as session:
        assert value(session) == 80


def test_run_retries_a_deadlock_until_it_succeeds(mariadb_database: Database) -> None:
    """Two transactions that lock two rows crosswise: the server ends one of them, run does it again."""
    put(mariadb_database, 0, 0)
    both_hold_one = threading.Barrier(2, timeout=10)
    runs: list[int] = []

    def crosswise(first: int, second: int) -> None:
        def work(session: Session) -> None:
            runs.append(first)
            session.execute(update(counter).where(counter.c.id == first).values(value=counter.c.value + 1))
            if len(runs) <= 2:
                both_hold_one.wait()
            session.execute(update(counter).where(counter.c.id == second).values(value=counter.c.value + 1))

        mariadb_database.run(work)

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(crosswise, 1, 2), pool.submit(crosswise, 2, 1)]:
            future.result()
    with mariadb_database.read() as session:
        assert (value(session, 1), value(session, 2)) == (2, 2)
    assert len(runs) == 3, "the victim of the deadlock ran twice, the other once"


def test_run_gives_up_on_endless_conflicts(sqlite_database: Database) -> None:
    calls: list[int] = []

    def conflict(_session: Session) -> None:
        calls.append(1)
        raise LockConflict("as a deadlock would")

    with pytest.raises(LockConflict):
        sqlite_database.run(conflict)
    assert len(calls) == 10


def test_run_never_repeats_an_unknown_commit(sqlite_database: Database) -> None:
    calls: list[int] = []

    def unknown(_session: Session) -> None:
        calls.append(1)
        raise CommitOutcomeUnknown("as a broken connection would")

    with pytest.raises(CommitOutcomeUnknown):
        sqlite_database.run(unknown)
    assert len(calls) == 1


def test_our_own_mistakes_stay_what_they_are(database: Database) -> None:
    with pytest.raises(exc.DBAPIError), database.transaction() as session:
        session.exec_driver_sql("SELECT nothing FROM nowhere")


def test_claim_rows_skips_what_others_hold(mariadb_database: Database) -> None:
    put(mariadb_database, 0, 0, 0)
    query = select(counter.c.id).order_by(counter.c.id)
    with mariadb_database.transaction() as session:
        assert claim_rows(session, query.limit(2)).scalars().all() == [1, 2]

        def other() -> list[int]:
            with mariadb_database.transaction() as own:
                return list(claim_rows(own, query).scalars())

        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(other).result(timeout=3) == [3]


def test_shared_locks_admit_each_other_and_exclude_a_writer(mariadb_database: Database) -> None:
    put(mariadb_database, 0)
    query = select(counter.c.value).where(counter.c.id == 1)
    order: list[str] = []

    def share() -> None:
        with mariadb_database.transaction() as session:
            lock_shared(session, query)
            order.append("shared")

    def write() -> None:
        with mariadb_database.transaction() as session:
            lock_rows(session, query)
            order.append("written")

    with ThreadPoolExecutor(2) as pool:
        with mariadb_database.transaction() as session:
            lock_shared(session, query)
            pool.submit(share).result(timeout=3)
            writer = pool.submit(write)
            time.sleep(0.3)
            order.append("first ended")
        writer.result(timeout=5)
    assert order == ["shared", "first ended", "written"]


def test_a_lock_held_too_long_is_said_and_not_waited_for_long(mariadb_database: Database) -> None:
    put(mariadb_database, 0)

    def write() -> None:
        with mariadb_database.transaction() as session:
            session.execute(update(counter).values(value=1))

    with mariadb_database.transaction() as session, ThreadPoolExecutor(1) as pool:
        session.execute(update(counter).values(value=2))
        with pytest.raises(LockConflict, match="busy with the same rows"):
            pool.submit(write).result(timeout=9)


def test_an_exhausted_pool_says_so(mariadb_server: object, mariadb_url: str) -> None:
    database = Database(mariadb_url, pool_size=1, pool_timeout_s=0.2)

    def ping() -> None:
        database.ping()

    with database.transaction(), ThreadPoolExecutor(1) as pool, pytest.raises(DatabaseBusy, match="POOL_SIZE"):
        pool.submit(ping).result(timeout=3)
    database.dispose()


def test_sequence_numbers_become_visible_in_order(database: Database) -> None:
    """A reader that saw number n never meets a smaller one later, whatever the writers' speed."""

    def write(number: int) -> None:
        def work(session: Session) -> None:
            first = next_sequence(session, "log")
            time.sleep(0.002 * (number % 3))
            insert_many(session, counter, [{"id": first, "value": number}])

        database.run(work)

    seen: list[int] = []
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(write, number) for number in range(40)]
        while not all(future.done() for future in futures):
            with database.read() as session:
                seen += session.execute(
                    select(counter.c.id).where(counter.c.id > max(seen, default=0)).order_by(counter.c.id)
                ).scalars()
        for future in futures:
            future.result()
    with database.read() as session:
        seen += session.execute(select(counter.c.id).where(counter.c.id > max(seen, default=0))).scalars()
    assert seen == list(range(1, 41))


def test_ids_are_unique_over_threads_processes_and_open_transactions(database: Database) -> None:
    """Two allocators stand for two processes; some ids are taken inside open transactions, some of those roll back."""
    allocators = [IdAllocator(database), IdAllocator(database)]
    kept: list[int] = []
    lock = threading.Lock()

    def work(number: int) -> None:
        allocator = allocators[number % 2]
        taken = list(allocator.take(1 + number * 37 % 900))
        try:
            with database.transaction():
                taken += allocator.take(1 + number * 53 % 700)
                if number % 5 == 0:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            taken = taken[: 1 + number * 37 % 900]
        with lock:
            kept.extend(taken)

    with ThreadPoolExecutor(6) as pool:
        for future in [pool.submit(work, number) for number in range(60)]:
            future.result()
    assert len(kept) == len(set(kept))
    assert min(kept) >= FIRST_ID
    assert max(kept) < END_OF_IDS


def test_taking_ids_inside_a_transaction_does_not_wait_for_itself(database: Database, ids: IdAllocator) -> None:
    started_s = time.monotonic()
    with database.transaction():
        assert len(ids.take(5_000)) == 5_000
    assert time.monotonic() - started_s < 2


def test_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'no' / 'where' / 'x.sqlite3'}")
    with pytest.raises(DatabaseNotWritable, match="cannot be opened"):
        database.ping()


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite3"
    path.write_bytes(b"something else " * 100)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(DatabaseNotWritable, match="no SQLite file"):
        database.ping()
    database.dispose()


def test_a_full_disk_is_one_sentence_and_nothing_is_kept(sqlite_database: Database) -> None:
    put(sqlite_database, 1)
    with pytest.raises(DiskFull, match="full"), sqlite_database.transaction() as session:
        session.exec_driver_sql("PRAGMA max_page_count = 1")
        insert_many(session, counter, [{"id": i, "value": i} for i in range(2, 200_000)])
    with sqlite_database.read() as session:
        assert session.execute(select(counter.c.id)).scalars().all() == [1]


def test_a_full_disk_is_known_for_a_while(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    sqlite_database.check_writable()
    with pytest.raises(DiskFull), sqlite_database.transaction() as session:
        session.exec_driver_sql("PRAGMA max_page_count = 1")
        insert_many(session, counter, [{"id": i, "value": i} for i in range(2, 200_000)])
    with pytest.raises(DiskFull, match="is full: free space there; nothing can be stored"):
        sqlite_database.check_writable()
    with sqlite_database.transaction() as session:
        session.exec_driver_sql("PRAGMA max_page_count = 1000000")
    put(sqlite_database, 1)
    with pytest.raises(DiskFull):
        sqlite_database.check_writable()
    monkeypatch.setattr("kit.db.database.FULL_HOLDS_S", 0.0)
    sqlite_database.check_writable()


def test_a_disk_with_no_room_is_known_before_a_write_fails(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: SimpleNamespace(free=4_095 * 1024))
    sqlite_database.ping()
    with pytest.raises(DiskFull, match="is full: free space there; nothing can be stored"):
        sqlite_database.check_writable()


@pytest.mark.parametrize("url", ["postgresql://x/y", "nonsense", "sqlite://", "sqlite:///:memory:"])
def test_an_unusable_url_is_refused_at_construction(url: str) -> None:
    with pytest.raises(InvalidInput, match="QUANWANG_DATABASE_URL"):
        Database(url)


def test_a_wrong_password_is_not_shown(mariadb_server: object, mariadb_url: str) -> None:
    database = Database(mariadb_url.replace("root@", "nobody:s3cret@"))
    with pytest.raises(DatabaseAccessRefused, match="QUANWANG_DATABASE_URL") as caught:
        database.ping()
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in database.where


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # PyMySQL leaves a refused socket to the garbage collector
def test_a_server_that_is_not_there_is_said_within_seconds(tmp_path: Path) -> None:
    database = Database(f"mysql+pymysql://root@/x?unix_socket={tmp_path / 'none.sock'}")
    started_s = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="does not answer"):
        database.run(lambda session: None)
    assert time.monotonic() - started_s < 4
    gc.collect()


def test_sqlite_is_durable_as_configured(sqlite_database: Database) -> None:
    assert sqlite_database.durability_warnings() == []


def test_a_fast_but_unsafe_server_is_warned_about(mariadb_database: Database) -> None:
    assert any("innodb_flush_log_at_trx_commit" in each for each in mariadb_database.durability_warnings())
