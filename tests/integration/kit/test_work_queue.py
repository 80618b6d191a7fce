"""Leases, fencing, backoff, dead letters: on SQLite and MariaDB."""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import Table, event, func, insert, select, update

from kit.db import Database, Session, id_key, id_ref, metadata
from kit.ids import IdAllocator
from kit.work import (
    MAX_CLAIM,
    Claimed,
    LeaseLost,
    NewWork,
    PayloadTooLarge,
    claim,
    complete,
    count_work,
    enqueue,
    extend,
    fail,
    hold,
    list_dead,
    overdue_work,
    queue,
    release,
    requeue_dead,
    reschedule,
    work_table,
)
from tests.harness.invariants import invariant, violations

effect = Table("test_effect", metadata, id_key(), id_ref("subject_id"))
LEASE_MS = 1_000


@invariant("a work had its effect once", tables=["test_effect"])
def one_effect_each(session: Session) -> list[str]:
    query = select(effect.c.subject_id, func.count()).group_by(effect.c.subject_id).having(func.count() > 1)
    return [f"work {subject_id} had its effect {count} times" for subject_id, count in session.execute(query)]


def put(database: Database, ids: IdAllocator, *subjects: int, due_at_ms: int = 0, kind: str = "k") -> None:
    works = [NewWork(kind, subject, due_at_ms, {"n": subject}) for subject in subjects]
    database.run(lambda session: enqueue(session, ids, works, 0))


def take(database: Database, now_ms: int = 0, limit: int = MAX_CLAIM, kind: str = "k") -> list[Claimed]:
    return database.run(lambda session: claim(session, [kind], limit, now_ms, LEASE_MS))


def apply_once(database: Database, ids: IdAllocator, claims: list[Claimed]) -> int:
    """What a handler does: hold, the effect, complete, in one transaction."""

    def work(session: Session) -> int:
        mine = hold(session, claims)
        if mine:
            numbers = ids.take(len(mine))
            done = [{"id": number, "subject_id": c.subject_id} for number, c in zip(numbers, mine, strict=True)]
            session.execute(insert(effect), done)
        complete(session, mine)
        return len(mine)

    return database.run(work)


def effects(database: Database) -> Counter[int]:
    with database.read() as session:
        return Counter(session.execute(select(effect.c.subject_id)).scalars())


def rows(database: Database) -> list[dict[str, object]]:
    with database.read() as session:
        return [dict(row._mapping) for row in session.execute(select(work_table).order_by(work_table.c.subject_id))]


def test_work_is_claimed_when_due_longest_due_first(database: Database, ids: IdAllocator) -> None:
    put(database, ids, 1, due_at_ms=300)
    put(database, ids, 2, due_at_ms=100)
    put(database, ids, 3, due_at_ms=200)
    assert take(database, 99) == []
    assert [c.subject_id for c in take(database, 250)] == [2, 3]
    assert [c.subject_id for c in take(database, 300)] == [1]
    assert take(database, 300) == []


def test_a_claim_carries_what_was_enqueued(database: Database, ids: IdAllocator) -> None:
    work = NewWork("k", 7, 5, {"词": [1, "𠀀"], "none": None})
    database.run(lambda session: enqueue(session, ids, [work], 3))
    (claimed,) = take(database, 10)
    assert (claimed.kind, claimed.subject_id, claimed.due_at_ms, claimed.created_at_ms) == ("k", 7, 5, 3)
    assert (claimed.attempt, claimed.failures, claimed.lease_until_ms) == (1, 0, 10 + LEASE_MS)
    assert claimed.payload == work.payload


def test_kinds_are_claimed_in_the_order_asked_for(database: Database, ids: IdAllocator) -> None:
    put(database, ids, 1, 2, kind="slow")
    put(database, ids, 3, 4, kind="fast")
    claims = database.run(lambda session: claim(session, ["fast", "slow"], 3, 0, LEASE_MS))
    assert [c.kind for c in claims] == ["fast", "fast", "slow"]


def test_a_claim_of_256_is_a_handful_of_statements(database: Database, ids: IdAllocator) -> None:
    """Three for a claim, two for hold and complete, two for hold and reschedule to different times."""
    put(database, ids, *range(600))
    statements: list[str] = []
    event.listen(database._writer, "before_cursor_execute", lambda *a: statements.append(a[2]))

    def counted(run: object) -> int:
        before = len(statements)
        database.run(run)  # type: ignore[arg-type]
        return len([text for text in statements[before:] if not text.startswith("BEGIN")])

    claims = take(database)
    assert len(claims) == 256
    assert len([text for text in statements if not text.startswith("BEGIN")]) == 3
    assert counted(lambda session: complete(session, hold(session, claims))) == 2
    more = take(database)
    due = {c.id: 10_000 + i for i, c in enumerate(more)}
    assert counted(lambda session: reschedule(session, hold(session, more), due)) == 2


def test_complete_deletes_and_reschedule_sets_each_time(database: Database, ids: IdAllocator) -> None:
    put(database, ids, 1, 2, 3)
    one, two, three = sorted(take(database), key=lambda c: c.subject_id)
    database.run(lambda session: complete(session, [one]))
    database.run(lambda session: reschedule(session, [two, three], {two.id: 50, three.id: 60}))
    assert [(r["subject_id"], r["state"], r["due_at_ms"], r["ready_at_ms"]) for r in rows(database)] == [
        (2, "pending", 50, 50),
        (3, "pending", 60, 60),
    ]
    assert take(database, 49) == []
    assert [c.attempt for c in take(database, 60)] == [2, 2], "the fencing number never goes back"


# --- leases and fencing ---------------------------------------------------------------------------------------------


def test_a_lease_that_ran_out_is_taken_over_and_counted(database: Database, ids: IdAllocator) -> None:
    put(database, ids, 1)
    (first,) = take(database, 0)
    assert take(database, LEASE_MS - 1) == []
    (second,) = take(database, LEASE_MS)
    assert (second.id, second.attempt, second.failures) == (first.id, 2, 1)


@pytest.mark.parametrize("ending", ["complete", "reschedule"])
def test_a_frozen_worker_that_wakes_up_late_changes_nothing(database: Database, ids: IdAllocator, ending: str) -> None:
    """Its work was taken over: hold gives it nothing, and ending without hold rolls its whole transaction back."""
    put(database, ids, 1)
    frozen = take(database, 0)
    new = take(database, LEASE_MS)

    def wake_up(session: Session) -> None:
        session.execute(insert(effect), [{"id": 1, "subject_id": 1}])
        if ending == "complete":
            complete(session, frozen)
        else:
            reschedule(session, frozen, 5)

    with database.transaction() as session:
        assert hold(session, frozen) == []
    before = rows(database)
    with pytest.raises(LeaseLost, match="taken over"):
        database.run(wake_up)
    assert rows(database) == before
    assert effects(database) == {}
    database.run(lambda session: fail(session, frozen, "late", 0, 1))
    assert database.run(lambda session: release(session, frozen, 0)) == 0
    assert database.run(lambda session: extend(session, frozen, 0, 99_999)) == 0
    assert rows(database) == before
    assert apply_once(database, ids, new) == 1


def test_a_frozen_worker_is_fenced_off_even_from_a_work_that_was_done_and_enqueued_again(
    database: Database, ids: IdAllocator
) -> None:
    """The new row has another id, so an equal attempt number does not make it the old one."""
    put(database, ids, 1)
    frozen = take(database, 0)
    assert apply_once(database, ids, take(database, LEASE_MS)) == 1
    put(database, ids, 1)
    (again,) = take(database, LEASE_MS)
    assert again.attempt == frozen[0].attempt
    assert apply_once(database, ids, frozen) == 0
    database.run(lambda session: complete(session, [again]))


def test_a_slow_worker_whose_work_nobody_took_still_finishes(database: Database, ids: IdAllocator) -> None:
    put(database, ids, 1)
    slow = take(database, 0)
    assert apply_once(database, ids, slow) == 1
    assert rows(database) == []


def test_an_extended_lease_is_kept(database: Database, ids: IdAllocator) -> None:
    put(database, ids, 1)
    claims = take(database, 0)
    assert database.run(lambda session: extend(session, claims, 900, LEASE_MS)) == 1
    assert take(database, LEASE_MS) == []
    assert len(take(database, 900 + LEASE_MS)) == 1


def run_workers_that_freeze(database: Database, ids: IdAllocator, subjects: int, seed: int) -> None:
    """Six workers on a clock that jumps: a third of them sleep through their lease and finish afterwards."""
    put(database, ids, *range(subjects))
    clock = [0]
    asleep: list[list[Claimed]] = []
    lock = threading.Lock()
    stop = threading.Event()

    def worker(number: int) -> None:
        draw = random.Random(seed * 100 + number)
        while not stop.is_set():
            with lock:
                now_ms = clock[0]
            claims = take(database, now_ms, draw.randint(1, 20))
            if not claims:
                with lock:
                    clock[0] += LEASE_MS
                if database.run(lambda session: not count_work(session)):
                    stop.set()
                continue
            if draw.random() < 0.3:
                with lock:
                    asleep.append(claims)
                    clock[0] += LEASE_MS + 1
                continue
            apply_once(database, ids, claims)
            with lock:
                late = asleep.pop(draw.randrange(len(asleep))) if asleep and draw.random() < 0.6 else None
            if late:
                apply_once(database, ids, late)

    with ThreadPoolExecutor(6) as pool:
        for future in [pool.submit(worker, number) for number in range(6)]:
            future.result()
    for late in asleep:
        apply_once(database, ids, late)


def test_whatever_freezes_each_work_has_its_effect_exactly_once(database: Database, ids: IdAllocator) -> None:
    run_workers_that_freeze(database, ids, 200, seed=1)
    assert effects(database) == Counter(range(200))


@pytest.mark.plants_a_bug
def test_planted_bug_without_the_fence_the_invariant_turns_red(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the fence taken out of hold and complete, a late worker repeats the effect and the check reports it."""
    monkeypatch.setattr(queue, "still_ours", lambda claimed, attempt: True)
    monkeypatch.setattr(queue, "_all_met", lambda met, claims: None)
    ids = IdAllocator(sqlite_database)
    put(sqlite_database, ids, 1)
    frozen = take(sqlite_database, 0)
    taken_over = take(sqlite_database, LEASE_MS)
    apply_once(sqlite_database, ids, frozen)
    # The late one ended nothing (its number does not fit), so the other still holds the row and does it again.
    apply_once(sqlite_database, ids, taken_over)
    assert violations(sqlite_database) == ["a work had its effect once: work 1 had its effect 2 times"]


@pytest.mark.plants_a_bug
def test_planted_bug_an_inconsistent_row_is_reported(sqlite_database: Database) -> None:
    ids = IdAllocator(sqlite_database)
    put(sqlite_database, ids, 1)
    sqlite_database.run(lambda session: session.execute(update(work_table).values(state="dead")))
    assert len(violations(sqlite_database)) == 1


# --- claiming at once -----------------------------------------------------------------------------------------------


def test_many_workers_never_claim_the_same(database: Database, ids: IdAllocator) -> None:
    put(database, ids, *range(3_000))
    claimed: list[int] = []
    lock = threading.Lock()

    def worker() -> None:
        while claims := take(database, 0, 64):
            with lock:
                claimed.extend(c.subject_id for c in claims)

    with ThreadPoolExecutor(6) as pool:
        for future in [pool.submit(worker) for _ in range(6)]:
            future.result()
    assert sorted(claimed) == list(range(3_000))


def test_two_open_claims_take_different_rows_without_waiting(
    mariadb_database: Database,
) -> None:
    """SKIP LOCKED: while one claim is not committed yet, another takes the next rows."""
    ids = IdAllocator(mariadb_database)
    put(mariadb_database, ids, *range(10))
    with mariadb_database.transaction() as session:
        first = claim(session, ["k"], 4, 0, LEASE_MS)
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(take, mariadb_database, 0, 4).result(timeout=3)
    assert [c.subject_id for c in first] == [0, 1, 2, 3]
    assert [c.subject_id for c in second] == [4, 5, 6, 7]


def test_a_claim_hides_no_work_of_the_next_kind(mariadb_database: Database) -> None:
    """A scan of the index would lock the row behind its end; whoever claims that row's kind at the moment misses it."""
    ids = IdAllocator(mariadb_database)
    enqueue_one = [NewWork("b", 1, 0)]
    mariadb_database.run(lambda session: enqueue(session, ids, enqueue_one, 0))
    missed = 0
    with ThreadPoolExecutor(1) as pool:
        stop = threading.Event()

        def look_for_others() -> None:
            while not stop.is_set():
                mariadb_database.run(lambda session: claim(session, ["a"], 4, 0, LEASE_MS))

        looking = pool.submit(look_for_others)
        for _ in range(300):
            with mariadb_database.transaction() as session:
                missed += not claim(session, ["b"], 4, 0, LEASE_MS)
                session.rollback()
        stop.set()
        looking.result()
    assert missed == 0


# --- asked for again ------------------------------------------------------------------------------------------------


def test_enqueue_again_moves_a_pending_work(database: Database, ids: IdAllocator) -> None:
    put(database, ids, 1, due_at_ms=500)
    put(database, ids, 1, due_at_ms=100)
    assert [(r["due_at_ms"], r["ready_at_ms"]) for r in rows(database)] == [(100, 100)]
    put(database, ids, 1, due_at_ms=900)
    assert take(database, 500) == []


def test_the_last_of_several_in_one_call_wins(database: Database, ids: IdAllocator) -> None:
    works = [NewWork("k", 1, 5), NewWork("k", 1, 9, {"last": 1})]
    database.run(lambda session: enqueue(session, ids, works, 0))
    assert [c.payload for c in take(database, 9)] == [{"last": 1}]


@pytest.mark.parametrize("ending", ["complete", "reschedule"])
def test_work_asked_for_while_it_is_leased_runs_once_more(database: Database, ids: IdAllocator, ending: str) -> None:
    """A call that arrives between the look of the handler and its end is not lost."""
    put(database, ids, 1)
    claims = take(database, 0)
    for due_at_ms in (800, 300, 600):
        put(database, ids, 1, due_at_ms=due_at_ms)
    assert take(database, 900) == [], "not beside the present run"
    if ending == "complete":
        database.run(lambda session: complete(session, hold(session, claims)))
    else:
        database.run(lambda session: reschedule(session, hold(session, claims), 7_000))
    assert take(database, 299) == []
    (again,) = take(database, 300)
    assert again.failures == 0
    database.run(lambda session: complete(session, [again]))
    assert rows(database) == []


def test_completing_some_with_and_some_without_a_second_call(database: Database, ids: IdAllocator) -> None:
    put(database, ids, 1, 2, 3)
    claims = take(database)
    put(database, ids, 2, due_at_ms=40)
    database.run(lambda session: complete(session, hold(session, claims)))
    assert [(r["subject_id"], r["state"], r["ready_at_ms"]) for r in rows(database)] == [(2, "pending", 40)]


def test_enqueue_and_complete_at_once_lose_no_call(database: Database, ids: IdAllocator) -> None:
    """For every call there is a later run: the counter seen by the last run is the number of calls."""
    calls = 60
    seen: list[int] = []
    made = [0]
    finished = threading.Event()

    def caller() -> None:
        for _ in range(calls):
            made[0] += 1
            put(database, ids, 1)
        finished.set()

    def worker() -> None:
        while True:
            was_finished = finished.is_set()
            claims = take(database)
            if claims:
                seen.append(made[0])
                database.run(lambda session, mine=claims: complete(session, hold(session, mine)))  # type: ignore[misc]
            elif was_finished:
                return

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(caller), pool.submit(worker)]:
            future.result()
    assert seen[-1] == calls
    assert rows(database) == []


# --- failures -------------------------------------------------------------------------------------------------------


def test_failures_back_off_and_end_as_a_dead_letter(database: Database, ids: IdAllocator) -> None:
    put(database, ids, 1)
    now_ms, pauses = 0, []
    for _ in range(3):
        (claimed,) = take(database, now_ms)
        database.run(lambda session, c=claimed, at=now_ms: fail(session, [c], "x" * 900, at, 4, jitter=lambda: 1.0))  # type: ignore[misc]
        (row,) = rows(database)
        assert isinstance(row["ready_at_ms"], int)
        pauses.append(row["ready_at_ms"] - now_ms)
        assert take(database, row["ready_at_ms"] - 1) == []
        now_ms = row["ready_at_ms"]
    assert pauses == [500, 1_000, 2_000]
    last = take(database, now_ms)
    assert database.run(lambda session: fail(session, last, "the last straw", now_ms, 4)) == 1
    assert take(database, now_ms + 10**9) == []
    with database.read() as session:
        (dead,) = list_dead(session)
        assert (dead.subject_id, dead.failures, dead.last_error) == (1, 4, "the last straw")
        assert [(c.kind, c.state, c.count) for c in count_work(session)] == [("k", "dead", 1)]


def test_success_clears_the_failures(database: Database, ids: IdAllocator) -> None:
    put(database, ids, 1)
    claims = take(database)
    database.run(lambda session: fail(session, claims, "once", 0, 9))
    claims = take(database, 10_000)
    database.run(lambda session: reschedule(session, claims, 20_000))
    assert [(c.failures, c.attempt) for c in take(database, 20_000)] == [(0, 3)]


def test_released_work_is_not_blamed(database: Database, ids: IdAllocator) -> None:
    put(database, ids, 1)
    claims = take(database)
    assert database.run(lambda session: release(session, claims, 70)) == 1
    assert take(database, 69) == []
    assert [c.failures for c in take(database, 70)] == [0]


def test_a_release_does_not_put_off_an_earlier_call(database: Database, ids: IdAllocator) -> None:
    put(database, ids, 1)
    claims = take(database)
    put(database, ids, 1, due_at_ms=10)
    database.run(lambda session: release(session, claims, 5_000))
    assert len(take(database, 10)) == 1


def test_a_last_failure_does_not_bury_a_new_call(database: Database, ids: IdAllocator) -> None:
    put(database, ids, 1)
    claims = take(database)
    put(database, ids, 1, due_at_ms=10)
    assert database.run(lambda session: fail(session, claims, "broken", 0, 1)) == 0
    assert [c.failures for c in take(database, 10)] == [0]


def test_dead_letters_are_requeued_by_id_or_kind(database: Database, ids: IdAllocator) -> None:
    put(database, ids, 1, 2, 3)
    claims = take(database)
    database.run(lambda session: fail(session, claims, "broken", 0, 1))
    first = next(c for c in claims if c.subject_id == 1)
    assert database.run(lambda session: requeue_dead(session, 50, ids=[first.id])) == 1
    assert [c.subject_id for c in take(database, 50)] == [1]
    assert database.run(lambda session: requeue_dead(session, 60, kinds=["k"])) == 2
    assert sorted((c.subject_id, c.failures) for c in take(database, 60)) == [(2, 0), (3, 0)]


def test_a_new_call_revives_a_dead_letter(database: Database, ids: IdAllocator) -> None:
    put(database, ids, 1)
    claims = take(database)
    database.run(lambda session: fail(session, claims, "broken", 0, 1))
    put(database, ids, 1, due_at_ms=9)
    assert [c.failures for c in take(database, 9)] == [0]


def test_overdue_work_is_told(database: Database, ids: IdAllocator) -> None:
    put(database, ids, 1, due_at_ms=100)
    put(database, ids, 2, due_at_ms=5_000)
    with database.read() as session:
        assert [(kind, late) for _id, kind, late in overdue_work(session, 2_000, 1_000)] == [("k", 1_900)]


# --- bounds ---------------------------------------------------------------------------------------------------------


def test_bounds_are_kept(database: Database, ids: IdAllocator) -> None:
    with pytest.raises(PayloadTooLarge, match="65536"):
        database.run(lambda session: enqueue(session, ids, [NewWork("k", 1, 0, {"x": "全" * 30_000})], 0))
    for wrong in (0, MAX_CLAIM + 1):
        with pytest.raises(ValueError, match="limit"):
            take(database, limit=wrong)
    with pytest.raises(ValueError, match="kind"):
        put(database, ids, 1, kind="k" * 41)
    assert rows(database) == []


def test_enqueue_in_a_rolled_back_transaction_leaves_nothing(database: Database, ids: IdAllocator) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        enqueue(session, ids, [NewWork("k", number, 0) for number in range(2_000)], 0)
        raise ZeroDivisionError
    assert rows(database) == []


def test_a_claim_of_another_row_is_not_ours(database: Database, ids: IdAllocator) -> None:
    put(database, ids, 1)
    (claimed,) = take(database)
    with pytest.raises(LeaseLost), database.transaction() as session:
        complete(session, [claimed, replace(claimed, id=claimed.id + 1)])
    assert len(rows(database)) == 1
