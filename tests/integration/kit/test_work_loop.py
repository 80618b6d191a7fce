"""The loop: poison is isolated, a pause blames nobody, a crash is survived, stopping is graceful."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Table, insert, select

from kit.clock import now_ms
from kit.db import Database, Session, id_key, metadata
from kit.errors import Unavailable
from kit.ids import IdAllocator
from kit.redis import RedisClient, RedisWakeStream, connect
from kit.work import (
    Claimed,
    Handler,
    HandlerOptions,
    NewWork,
    Wake,
    WorkLoop,
    claim,
    complete,
    count_work,
    enqueue,
    hold,
    kinds_enqueued,
    list_dead,
    reschedule,
)
from tests.harness.redis import WatchedRedis

done_table = Table("test_done", metadata, id_key())


class HandClock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.at_ms = 0

    def __call__(self) -> int:
        return self.at_ms


class Recorder:
    """Counts what the loop tells its observer."""

    def __init__(self) -> None:
        self.counts = {"claimed": 0, "handled": 0, "failed": 0, "dead": 0, "paused": 0}

    def claimed(self, kind: str, count: int, oldest_wait_ms: int) -> None:
        self.counts["claimed"] += count

    def handled(self, kind: str, count: int, seconds: float) -> None:
        self.counts["handled"] += count

    def failed(self, kind: str, count: int, dead: int) -> None:
        self.counts["failed"] += count
        self.counts["dead"] += dead

    def paused(self, kind: str, sentence: str) -> None:
        self.counts["paused"] += 1


def put(database: Database, ids: IdAllocator, *subjects: int, due_at_ms: int = 0, kind: str = "k") -> None:
    database.run(lambda session: enqueue(session, ids, [NewWork(kind, s, due_at_ms) for s in subjects], 0))


def finisher(database: Database, poison: Callable[[int], bool] = lambda subject: False) -> Handler:
    """A handler that writes each subject down once; raises when the batch holds a poisonous one."""

    def handle(claims: list[Claimed]) -> None:
        def work(session: Session) -> None:
            mine = hold(session, claims)
            if any(poison(c.subject_id) for c in mine):
                raise ZeroDivisionError("poison")
            if mine:
                session.execute(insert(done_table), [{"id": c.subject_id + 1} for c in mine])
            complete(session, mine)

        database.run(work)

    return handle


def done(database: Database) -> set[int]:
    with database.read() as session:
        return {number - 1 for number in session.execute(select(done_table.c.id)).scalars()}


def test_poison_is_narrowed_down_and_the_rest_goes_on(database: Database, ids: IdAllocator) -> None:
    put(database, ids, *range(256))
    poison = {3, 77, 200}
    recorder = Recorder()
    loop = WorkLoop(database, {"k": finisher(database, poison.__contains__)}, Wake(), HandClock(), observer=recorder)
    assert loop.step() == 256
    assert done(database) == set(range(256)) - poison
    assert recorder.counts == {"claimed": 256, "handled": 253, "failed": 3, "dead": 0, "paused": 0}


def test_poison_becomes_a_dead_letter_with_its_reason(database: Database, ids: IdAllocator) -> None:
    put(database, ids, 1, 2)
    clock = HandClock()
    loop = WorkLoop(
        database,
        {"k": finisher(database, lambda subject: subject == 1)},
        Wake(),
        clock,
        options={"k": HandlerOptions(max_attempts=3)},
    )
    for _ in range(3):
        loop.step()
        clock.at_ms += 10_000
    assert loop.step() == 0
    with database.read() as session:
        (dead,) = list_dead(session)
    assert (dead.subject_id, dead.failures, dead.last_error) == (1, 3, "ZeroDivisionError: poison")
    assert done(database) == {2}


def test_a_handler_that_always_raises_is_called_a_bounded_number_of_times(
    sqlite_database: Database,
) -> None:
    put(sqlite_database, IdAllocator(sqlite_database), *range(256))
    calls: list[int] = []

    def broken(claims: list[Claimed]) -> None:
        calls.append(len(claims))
        raise ZeroDivisionError

    WorkLoop(sqlite_database, {"k": broken}, Wake(), HandClock()).step()
    assert len(calls) <= 130
    with sqlite_database.read() as session:
        assert [(c.state, c.count) for c in count_work(session)] == [("pending", 256)]


def test_a_pause_blames_nobody_and_leaves_the_other_kinds_alone(database: Database, ids: IdAllocator) -> None:
    put(database, ids, *range(10), kind="needs_ray")
    put(database, ids, *range(10, 15), kind="k")
    clock, away = HandClock(), [True]

    def needs_ray(claims: list[Claimed]) -> None:
        if away[0]:
            raise Unavailable("matching is paused")
        finisher(database)(claims)

    recorder = Recorder()
    loop = WorkLoop(database, {"needs_ray": needs_ray, "k": finisher(database)}, Wake(), clock, observer=recorder)
    for _ in range(30):
        loop.step()
        clock.at_ms += 250
    assert done(database) == set(range(10, 15))
    assert recorder.counts["failed"] == 0
    away[0] = False
    clock.at_ms += 600
    loop.step()
    assert done(database) == set(range(15))


def test_a_pause_does_not_outlast_a_clock_that_is_set_back(database: Database, ids: IdAllocator) -> None:
    clock, away = HandClock(), [True]
    clock.at_ms = 7_200_000
    put(database, ids, 1)

    def needs_ray(claims: list[Claimed]) -> None:
        if away[0]:
            raise Unavailable("matching is paused")
        finisher(database)(claims)

    loop = WorkLoop(database, {"k": needs_ray}, Wake(), clock)
    loop.step()
    away[0] = False
    clock.at_ms -= 3_600_000
    put(database, ids, 2)
    loop.step()
    assert done(database) == {2}


def test_a_long_run_keeps_its_lease_by_heartbeats(database: Database, ids: IdAllocator) -> None:
    """The handler takes three times its lease; a second worker that looks all the time never gets the work."""
    put(database, ids, 1)
    stolen: list[Claimed] = []
    ended = threading.Event()

    def slow(claims: list[Claimed]) -> None:
        time.sleep(1.5)
        finisher(database)(claims)

    def thief() -> None:
        while not ended.is_set():
            stolen.extend(database.run(lambda session: claim(session, ["k"], 1, now_ms(), 500)))
            time.sleep(0.02)

    loop = WorkLoop(database, {"k": slow}, Wake(), now_ms, options={"k": HandlerOptions(lease_ms=500)})
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(loop.step)
        time.sleep(0.2)
        with ThreadPoolExecutor(1) as other:
            watching = other.submit(thief)
            working.result()
            ended.set()
            watching.result()
    assert stolen == []
    assert done(database) == {1}


def test_a_run_beyond_its_bound_loses_the_lease_and_changes_nothing(database: Database, ids: IdAllocator) -> None:
    put(database, ids, 1)
    options = {"k": HandlerOptions(lease_ms=200, max_run_ms=300)}

    def too_slow(claims: list[Claimed]) -> None:
        time.sleep(1.2)
        finisher(database)(claims)

    loop = WorkLoop(database, {"k": too_slow}, Wake(), now_ms, options=options)
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(loop.step)
        time.sleep(0.9)
        (taken,) = database.run(lambda session: claim(session, ["k"], 1, now_ms(), 60_000))
        working.result()
    assert done(database) == set(), "the slow one was fenced off"
    finisher(database)([taken])
    assert done(database) == {1}


def test_stopping_finishes_what_is_in_hand(database: Database, ids: IdAllocator) -> None:
    put(database, ids, *range(5))
    started, may_go_on = threading.Event(), threading.Event()

    def slow(claims: list[Claimed]) -> None:
        started.set()
        assert may_go_on.wait(5)
        finisher(database)(claims)

    loop = WorkLoop(database, {"k": slow}, Wake(), now_ms)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    assert started.wait(5)
    loop.stop()
    may_go_on.set()
    thread.join(5)
    assert not thread.is_alive()
    assert done(database) == set(range(5))


def test_an_idle_loop_stops_at_once(sqlite_database: Database) -> None:
    loop = WorkLoop(sqlite_database, {"k": finisher(sqlite_database)}, Wake(), now_ms, poll_s=30)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    time.sleep(0.2)
    started_s = time.monotonic()
    loop.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert time.monotonic() - started_s < 1


def latency_s(database: Database, loop: WorkLoop, notify: Callable[[], None]) -> float:
    ids = IdAllocator(database)
    ids.take()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    time.sleep(0.3)
    put(database, ids, 1)
    started_s = time.monotonic()
    notify()
    while 1 not in done(database) and time.monotonic() - started_s < 5:
        time.sleep(0.002)
    taken_s = time.monotonic() - started_s
    loop.stop()
    thread.join(5)
    return taken_s


def test_a_wake_up_call_through_redis_starts_work_at_once(sqlite_database: Database, redis_client: RedisClient) -> None:
    wake = Wake(RedisWakeStream(redis_client))
    loop = WorkLoop(sqlite_database, {"k": finisher(sqlite_database)}, wake, now_ms, poll_s=1.9)
    other_process = Wake(RedisWakeStream(connect(redis_client.url)))
    assert latency_s(sqlite_database, loop, lambda: other_process.notify(["k"])) < 0.5


def test_only_kinds_that_were_announced_are_looked_at_between_polls(sqlite_database: Database) -> None:
    wake, ids = Wake(), IdAllocator(sqlite_database)
    ids.take()
    handlers = {"k": finisher(sqlite_database), "quiet": finisher(sqlite_database)}
    loop = WorkLoop(sqlite_database, handlers, wake, now_ms, poll_s=1.5)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    time.sleep(0.3)
    put(sqlite_database, ids, 1)
    put(sqlite_database, ids, 2, kind="quiet")
    started_s = time.monotonic()
    wake.notify(["k"])
    while 1 not in done(sqlite_database) and time.monotonic() - started_s < 5:
        time.sleep(0.002)
    assert done(sqlite_database) == {1}, "the other kind waits for the poll"
    while 2 not in done(sqlite_database) and time.monotonic() - started_s < 5:
        time.sleep(0.01)
    loop.stop()
    thread.join(5)
    assert done(sqlite_database) == {1, 2}, "and the poll finds it"


def test_a_transaction_knows_what_it_enqueued_that_is_due(database: Database, ids: IdAllocator) -> None:
    with database.transaction() as session:
        assert kinds_enqueued(session) == frozenset()
        enqueue(session, ids, [NewWork("a", 1, 100), NewWork("later", 1, 101)], 100)
        enqueue(session, ids, [NewWork("b", 1, 99)], 100)
        assert kinds_enqueued(session) == {"a", "b"}
    with database.transaction() as session:
        assert kinds_enqueued(session) == frozenset(), "another transaction wrote them"


def test_without_redis_the_poll_finds_the_work(sqlite_database: Database, redis_server: WatchedRedis) -> None:
    client = connect(redis_server.url)
    redis_server.kill()
    wake = Wake(RedisWakeStream(client))
    loop = WorkLoop(sqlite_database, {"k": finisher(sqlite_database)}, wake, now_ms)
    assert latency_s(sqlite_database, loop, lambda: None) < 1
    client.close()


WORKERS = """
import os, signal, sys, time
from kit.clock import now_ms
from kit.db import Database
from kit.work import HandlerOptions, Wake, WorkLoop, count_work
from tests.integration.kit.test_work_loop import finisher

def one_worker():
    database = Database(sys.argv[1])
    def handle(claims):
        if any(c.subject_id == 666 for c in claims):
            os.kill(os.getpid(), signal.SIGKILL)
        finisher(database)(claims)
    options = {"k": HandlerOptions(lease_ms=150, max_attempts=5)}
    while WorkLoop(database, {"k": handle}, Wake(), now_ms, options=options).step():
        pass
    os._exit(7 if {c.state for c in database.run(count_work)} == {"dead"} else 0)

for _ in range(100):
    child = os.fork()
    if child == 0:
        one_worker()
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7:
        break
    time.sleep(0.16)
"""


def test_work_that_kills_its_process_is_found_and_the_innocent_get_away(
    database: Database, ids: IdAllocator, request: pytest.FixtureRequest
) -> None:
    """kill -9 in the handler leaves no exception to catch: smaller and smaller company isolates the poison.

    The poison is claimed first, so that everybody else is in its company at first.
    """
    put(database, ids, 666, due_at_ms=0)
    put(database, ids, *range(100), due_at_ms=1)
    url = database._writer.url.render_as_string(hide_password=False)
    root = Path(__file__).resolve().parents[3]
    subprocess.run([sys.executable, "-c", WORKERS, url], cwd=root, check=True, timeout=100)
    with database.read() as session:
        counts = {c.state: c.count for c in count_work(session)}
    assert counts == {"dead": 1}
    assert done(database) == set(range(100))
    with database.read() as session:
        assert [d.subject_id for d in list_dead(session)] == [666]


def test_reschedule_from_a_handler_makes_a_timer(database: Database, ids: IdAllocator) -> None:
    put(database, ids, 1)
    clock, rings = HandClock(), []

    def ring(claims: list[Claimed]) -> None:
        rings.append(clock.at_ms)
        database.run(lambda session: reschedule(session, hold(session, claims), clock.at_ms + 1_000))

    loop = WorkLoop(database, {"k": ring}, Wake(), clock)
    for _ in range(31):
        loop.step()
        clock.at_ms += 100
    assert rings == [0, 1_000, 2_000, 3_000]
