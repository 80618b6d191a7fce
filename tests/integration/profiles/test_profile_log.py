"""The log of profiles under concurrent writers: a reader that has seen a number never misses a lower one."""

import random
import threading
from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import Table

from kit.db import Database, Session
from kit.ids import IdAllocator
from marketplace.access import Caller
from marketplace.profiles import DatabaseProfileLog, import_profiles, repository, tables
from matching.profiles import Profile
from matching.taxonomy import builtin_taxonomy
from tests.integration.profiles.batches import put_batch

TAXONOMY = builtin_taxonomy()
ACME = Caller(1, "acme", frozenset())
WRITERS = 6
ROUNDS = 25


def follow(log: DatabaseProfileLog, stop: threading.Event, copy: dict[int, Profile | None], seen: list[int]) -> None:
    """Keep a copy by the log alone, as a shard does."""
    after = 0
    while True:
        last = stop.is_set()
        seq, changes = log.read_changes(after, 7)
        copy.update(changes)
        if seq == after and last:
            return
        if seq != after:
            seen.append(seq)
        after = seq


def run_writers(write: Callable[[int], None]) -> list[BaseException]:
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            write(number)
        except Exception as error:  # noqa: BLE001  # whatever it is, the test shows it
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def race(database: Database) -> tuple[dict[int, Profile | None], dict[int, Profile]]:
    """Six writers put overlapping batches while a reader follows; return the reader's copy and the truth."""
    ids = IdAllocator(database)
    log = DatabaseProfileLog(database)
    stop, copy, seen = threading.Event(), {}, []  # type: ignore[var-annotated]
    reader = threading.Thread(target=follow, args=(log, stop, copy, seen))
    reader.start()

    def write(number: int) -> None:
        draw = random.Random(number)
        for step in range(ROUNDS):
            users = draw.sample(range(1, 40), draw.choice([1, 3, 8]))
            lines = [{"id": user, "keywords": [f"w{number}s{step}"]} for user in users]
            database.run(partial(put_batch, ids=ids, caller=ACME, documents=lines, now_ms=step))

    errors = run_writers(write)
    stop.set()
    reader.join()
    assert not errors
    assert seen == sorted(seen)
    return copy, {profile.id: profile for profile in log.read_all(0, 1_000)}


def test_a_reader_of_the_log_misses_nothing(mariadb_database: Database) -> None:
    """Numbers become visible in commit order, so a copy kept by the log ends equal to the rows."""
    copy, truth = race(mariadb_database)
    assert copy == truth
    assert len(truth) == 39


@pytest.mark.plants_a_bug
def test_numbers_that_are_not_held_until_the_commit_lose_changes(
    mariadb_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above sees it: numbers handed out apart from the transaction (as AUTO_INCREMENT does) lose changes."""
    numbers = iter(range(1, 1_000_000))
    lock = threading.Lock()
    write = repository.write

    def take_numbers(session: Session, count: int) -> int:
        with lock:
            return min(next(numbers) for _ in range(count))

    def slow_write(session: Session, rows: list[dict[str, object]]) -> None:
        write(session, rows)
        if random.random() < 0.3:
            threading.Event().wait(0.02)

    monkeypatch.setattr(repository, "take_numbers", take_numbers)
    monkeypatch.setattr(repository, "write", slow_write)
    copy, truth = race(mariadb_database)
    assert copy != truth


def test_versions_count_every_change_under_concurrency(mariadb_database: Database) -> None:
    """No update is lost: the version of a user is the number of times that it was changed."""
    database, ids = mariadb_database, IdAllocator(mariadb_database)

    def write(number: int) -> None:
        for step in range(10):
            list(
                import_profiles(
                    database,
                    ids,
                    caller=ACME,
                    lines=[{"id": "hot", "keywords": [f"w{number}s{step}"]}],
                    taxonomy=TAXONOMY,
                    clock=lambda: 1,
                )
            )

    assert not run_writers(write)
    profile: Table = tables.profile
    with database.read() as session:
        row = session.execute(profile.select()).one()
        changes = session.execute(tables.profile_change.select()).all()
    assert row.version == WRITERS * 10
    assert [change.seq for change in changes] == list(range(1, WRITERS * 10 + 1))


def test_an_unchanged_put_takes_no_number_and_no_lock(mariadb_database: Database) -> None:
    """A put that changes nothing passes while another writer holds the log."""
    database, ids = mariadb_database, IdAllocator(mariadb_database)
    line = {"id": 1, "keywords": ["a"]}

    def put(now_ms: int) -> int:
        """Return how many changed."""
        answers = database.run(lambda session: put_batch(session, ids, caller=ACME, documents=[line], now_ms=now_ms))
        return sum(bool(answer.changed) for answer in answers)

    put(1)
    with database.transaction() as session:
        repository.take_numbers(session, 1)
        passed = threading.Event()
        thread = threading.Thread(target=lambda: passed.set() if put(2) == 0 else None)
        thread.start()
        assert passed.wait(5)
        thread.join()
