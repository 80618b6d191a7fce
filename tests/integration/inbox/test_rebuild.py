"""Redis may be emptied at any moment: nothing is lost, nobody is told twice, and one process rebuilds."""

import random
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from kit.db import Database, Session
from kit.errors import Unavailable
from kit.redis import RedisClient, connect
from kit.redis.generation import REBUILD_KEY
from marketplace.inbox import (
    InboxKeeper,
    InboxNotReady,
    InboxStore,
    RebuildReport,
    find_inbox_faults,
    redis_rebuild,
    redis_scripts,
    redis_store,
)
from marketplace.inbox.entries import packed_prefix, unpacked
from tests.harness.redis import WatchedRedis
from tests.integration.inbox.waves import START_MS, Chunk, Waves


class EmptiedAt(RedisClient):
    """A client before whose n-th command somebody empties Redis (a script call and a pipeline are one command)."""

    def __init__(self, url: str, moment: int) -> None:
        super().__init__(url)
        self.commands = 0
        self.moment = moment

    def _count(self) -> None:
        self.commands += 1
        if self.commands == self.moment:
            super().execute("FLUSHALL")

    def execute(self, *command: Any, attempts: int | None = None) -> Any:
        self._count()
        return super().execute(*command, attempts=attempts)

    def pipeline(self, commands: Any, *, attempts: int | None = None) -> list[Any]:
        self._count()
        return super().pipeline(commands, attempts=attempts)


def faults(database: Database, store: InboxStore, waves: Waves) -> list[str]:
    with database.read() as session:
        return find_inbox_faults(session, store, waves)


def until_done(action: Callable[[], object], keeper: InboxKeeper) -> None:
    """Do what the worker does: try again after a pause in which the keeper had its turn."""
    for _ in range(20):
        try:
            action()
            return
        except Unavailable:
            keeper.keep(START_MS)
    raise AssertionError("never done")


def settle(client: EmptiedAt, store: InboxStore, keeper: InboxKeeper) -> None:
    """Let the keeper run until Redis is complete; then nobody empties it any more."""
    until_done(lambda: store.read_all(1), keeper)
    client.moment = 0
    until_done(lambda: store.read_all(1), keeper)


@pytest.fixture
def small_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many calls for few users, so that there are many moments in the middle."""
    monkeypatch.setattr(redis_store, "USERS_PER_CALL", 3)
    monkeypatch.setattr(redis_store, "PIPELINE_USERS", 6)
    monkeypatch.setattr(redis_store, "BROADCAST_ABOVE_USERS", 12)
    monkeypatch.setattr(redis_rebuild, "BROADCAST_ABOVE_USERS", 12)
    monkeypatch.setattr(redis_rebuild, "USERS_PER_SCRIPT", 4)
    monkeypatch.setattr(redis_rebuild, "PIPELINE_USERS", 8)
    monkeypatch.setattr(redis_rebuild, "FIRST_READ_CHUNKS", 2)
    monkeypatch.setattr(redis_rebuild, "MAX_READ_CHUNKS", 2)


def test_an_emptied_redis_is_rebuilt_once(sqlite_database: Database, ready_store: InboxStore, waves: Waves) -> None:
    keeper = InboxKeeper(sqlite_database, ready_store, waves)
    assert keeper.keep(START_MS) is None
    ready_store.deliver([waves.commit(range(1, 1_200)), waves.commit(range(500, 12_000))])
    ready_store.client.execute("FLUSHALL")
    with pytest.raises(InboxNotReady):
        ready_store.read_all(5)
    report = keeper.keep(START_MS + 1)
    assert report is not None
    assert (report.chunks, report.entries) == (2, 1_199 + 11_500)
    assert keeper.keep(START_MS + 2) is None
    with sqlite_database.read() as session:
        assert find_inbox_faults(session, ready_store, waves, user_ids={1, 499, 500, 1_199, 1_200, 11_999}) == []
    assert ready_store.deliver(waves.chunks) == 0


@pytest.mark.parametrize("moment", range(1, 40))
def test_emptied_in_the_middle_of_a_delivery(
    sqlite_database: Database, redis_server: WatchedRedis, waves: Waves, small_calls: None, moment: int
) -> None:
    """Redis is emptied before each single command of deliveries and rebuild in turn; afterwards everybody has all."""
    client = EmptiedAt(redis_server.url, moment=0)
    store = InboxStore(client)
    keeper = InboxKeeper(sqlite_database, store, waves)
    keeper.keep(START_MS)
    client.commands, client.moment = 0, moment
    for users in (range(1, 12), range(5, 9), range(3, 30), [7]):
        until_done(partial(store.deliver, [waves.commit(users)]), keeper)
    settle(client, store, keeper)
    assert faults(sqlite_database, store, waves) == []
    client.close()


class Crew:
    """Keepers and delivery workers in threads, each with a connection of its own."""

    def __init__(self, database: Database, url: str, waves: Waves) -> None:
        self.database, self.url, self.waves = database, url, waves
        self.stop, self.lock = threading.Event(), threading.Lock()
        self.pending: list[Chunk] = []
        self.errors: list[Exception] = []

    def run(self, action: Callable[[InboxStore], None]) -> None:
        client = connect(self.url)
        try:
            action(InboxStore(client))
        except Exception as error:  # noqa: BLE001  # whatever it is, the test shows it
            self.errors.append(error)
        finally:
            client.close()

    def keep(self, store: InboxStore) -> None:
        keeper = InboxKeeper(self.database, store, self.waves)
        while not self.stop.is_set():
            keeper.keep(START_MS)
            self.stop.wait(0.002)

    def deliver(self, store: InboxStore) -> None:
        while True:
            with self.lock:
                chunk = self.pending.pop() if self.pending else None
            if chunk is not None:
                self.try_to_deliver(store, chunk)
            elif self.stop.wait(0.001):
                return

    def try_to_deliver(self, store: InboxStore, chunk: Chunk) -> None:
        try:
            store.deliver([chunk])
        except Unavailable:
            with self.lock:
                self.pending.insert(0, chunk)
            self.stop.wait(0.002)


def test_deliveries_go_on_during_rebuilds(
    sqlite_database: Database, redis_server: WatchedRedis, waves: Waves, small_calls: None
) -> None:
    """Two workers deliver and two keepers keep while somebody empties Redis again and again."""
    crew, draw, client = Crew(sqlite_database, redis_server.url, waves), random.Random(3), connect(redis_server.url)
    actions = (crew.keep, crew.keep, crew.deliver, crew.deliver)
    threads = [threading.Thread(target=crew.run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for step in range(150):
        with crew.lock:
            crew.pending.insert(0, waves.commit(draw.sample(range(1, 60), draw.choice([1, 5, 20]))))
        if step % 10 == 0:
            client.execute("FLUSHALL")
        crew.stop.wait(0.003)
    while crew.pending and not crew.errors:
        crew.stop.wait(0.01)
    crew.stop.set()
    for thread in threads:
        thread.join()
    assert not crew.errors
    store = InboxStore(client)
    InboxKeeper(sqlite_database, store, waves).keep(START_MS)
    assert faults(sqlite_database, store, waves) == []
    client.close()


def test_one_of_many_keepers_rebuilds(sqlite_database: Database, redis_server: WatchedRedis, waves: Waves) -> None:
    for _ in range(300):
        waves.commit(range(1, 300))
    start, reports = threading.Barrier(4), []

    def keep() -> None:
        client = connect(redis_server.url)
        keeper = InboxKeeper(sqlite_database, InboxStore(client), waves)
        start.wait()
        reports.append(keeper.keep(START_MS))
        client.close()

    threads = [threading.Thread(target=keep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(report, RebuildReport) for report in reports) == 1


class Interrupting(Waves):
    """Waves between whose pages something happens."""

    def __init__(self, happening: Callable[[], None]) -> None:
        super().__init__()
        self.happening = happening
        self.pages = 0

    def iterate_wave_chunks(self, session: Session, since_ms: int, after_event_id: int, limit: int) -> Sequence[Chunk]:
        found = super().iterate_wave_chunks(session, since_ms, after_event_id, limit)
        self.pages += 1
        if self.pages == 2:
            self.happening()
        return found


def test_a_rebuild_whose_claim_was_taken_over_marks_nothing(
    sqlite_database: Database, store: InboxStore, small_calls: None
) -> None:
    """A process that froze longer than its lease finds another claim when it wakes up, and stops."""
    waves = Interrupting(lambda: store.client.execute("SET", REBUILD_KEY, "somebody else"))
    for _ in range(6):
        waves.commit([5])
    assert InboxKeeper(sqlite_database, store, waves).keep(START_MS) is None
    assert not store.ready()
    assert store.client.execute("GET", REBUILD_KEY) == b"somebody else"


def test_a_rebuild_that_fails_lets_the_next_one_in_at_once(
    sqlite_database: Database, store: InboxStore, small_calls: None
) -> None:
    def fail() -> None:
        raise Unavailable("the database is away")

    waves = Interrupting(fail)
    for _ in range(6):
        waves.commit([5])
    keeper = InboxKeeper(sqlite_database, store, waves)
    with pytest.raises(Unavailable):
        keeper.keep(START_MS)
    report = keeper.keep(START_MS)
    assert report is not None
    assert report.entries == 6


def test_a_state_set_during_a_rebuild_is_not_put_back(
    sqlite_database: Database, store: InboxStore, small_calls: None
) -> None:
    """The rebuild has read "open" when the order is taken; it must not write "open" over "taken"."""
    waves = Interrupting(lambda: store.set_state(7_000, "taken"))
    for step in range(3):
        waves.commit([5], dispatch_id=7_000 + step)
    waves.pages = 1
    assert InboxKeeper(sqlite_database, store, waves).keep(START_MS) is not None
    assert store.labels([7_000, 7_001]) == {7_000: ("order 7000", "taken"), 7_001: ("order 7001", "open")}


def test_a_title_set_during_a_rebuild_is_not_put_back(
    sqlite_database: Database, store: InboxStore, small_calls: None
) -> None:
    waves = Interrupting(lambda: store.set_title(7_000, "edited"))
    for step in range(3):
        waves.commit([5], dispatch_id=7_000 + step)
    waves.pages = 1
    assert InboxKeeper(sqlite_database, store, waves).keep(START_MS) is not None
    assert store.labels([7_000, 7_001]) == {7_000: ("edited", "open"), 7_001: ("order 7001", "open")}


def test_a_mark_of_another_server_is_not_believed(
    sqlite_database: Database, ready_store: InboxStore, waves: Waves
) -> None:
    """A promoted standby, or a restart from an old dump, carries the mark and may lack the last deliveries."""
    ready_store.deliver([waves.commit([5])])
    lost = waves.commit([5])
    ready_store.client.execute("SET", redis_scripts.SERVER_KEY, "the run id of the old primary")
    assert [entry.event_id for entry in ready_store.read_all(5).entries] == [1]
    assert InboxKeeper(sqlite_database, ready_store, waves).keep(START_MS) is not None
    assert [entry.event_id for entry in ready_store.read_all(5).entries] == [lost.entry.event_id, 1]


def test_what_a_worker_wrote_to_the_old_server_after_a_takeover_is_written_again(
    sqlite_database: Database, redis_client: RedisClient
) -> None:
    """The standby took over and was rebuilt; a worker that had not heard of it delivered one more wave elsewhere."""
    store, waves = InboxStore(redis_client), Waves()
    keeper = InboxKeeper(sqlite_database, store, waves)
    keeper.keep(START_MS)
    store.deliver([waves.commit([1, 2, 3])])
    redis_client.execute("SET", redis_scripts.SERVER_KEY, "the server that was the primary")
    assert keeper.keep(START_MS + 5) is not None
    waves.commit([2, 3, 4])
    waves.states[5_000_002] = "taken"
    assert faults(sqlite_database, store, waves) != []
    settled_ms = START_MS + 5 + redis_rebuild.SETTLED_MS
    assert keeper.keep(settled_ms) is None
    assert faults(sqlite_database, store, waves) != [], "not before everybody has heard of the new server"
    keeper.keep(settled_ms + 1)
    assert faults(sqlite_database, store, waves) == []
    assert store.labels([5_000_002]) == {5_000_002: ("order 5000002", "taken")}
    assert redis_client.execute("EXISTS", redis_scripts.MOVED_KEY, REBUILD_KEY) == 0
    commands = redis_client.execute("INFO", "commandstats").get("cmdstat_zadd", {}).get("calls")
    keeper.keep(settled_ms + 10_000)
    assert redis_client.execute("INFO", "commandstats").get("cmdstat_zadd", {}).get("calls") == commands, "once only"


def test_a_killed_redis_comes_back_complete(
    sqlite_database: Database, ready_store: InboxStore, waves: Waves, redis_server: WatchedRedis
) -> None:
    ready_store.deliver([waves.commit([5, 6])])
    redis_server.kill()
    client = connect(redis_server.url)
    store = InboxStore(client)
    with pytest.raises(Unavailable):
        InboxKeeper(sqlite_database, store, waves).keep(START_MS)
    redis_server.start()
    client.close()
    client = connect(redis_server.url)
    store = InboxStore(client)
    assert InboxKeeper(sqlite_database, store, waves).keep(START_MS) is not None
    assert faults(sqlite_database, store, waves) == []
    client.close()


def test_a_redis_that_evicts_is_warned_of(
    sqlite_database: Database, store: InboxStore, waves: Waves, caplog: pytest.LogCaptureFixture
) -> None:
    """A key thrown away under the mark would be an entry that nobody misses."""
    try:
        store.client.execute("CONFIG", "SET", "maxmemory", "512mb", "maxmemory-policy", "allkeys-lru")
        InboxKeeper(sqlite_database, store, waves).keep(START_MS)
    finally:
        store.client.execute("CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", "noeviction")
    assert "set its maxmemory-policy to noeviction" in caplog.text


# --- planted bugs: each turns the check red -----------------------------------------------------------------------


def emptied_between(monkeypatch: pytest.MonkeyPatch, database: Database, url: str, waves: Waves) -> list[str]:
    """Deliver in parts with Redis emptied in the middle, recover as the worker does, return the faults."""
    worst: list[str] = []
    for moment in range(1, 25):
        waves.chunks.clear()
        client = EmptiedAt(url, moment=0)
        client.execute("FLUSHALL")
        store = InboxStore(client)
        keeper = InboxKeeper(database, store, waves)
        keeper.keep(START_MS)
        client.commands, client.moment = 0, moment
        for users in (range(1, 12), range(5, 9)):
            until_done(partial(store.deliver, [waves.commit(users)]), keeper)
        settle(client, store, keeper)
        worst += faults(database, store, waves)
        client.close()
    return worst


def test_the_plan_without_a_bug_is_green(
    monkeypatch: pytest.MonkeyPatch,
    sqlite_database: Database,
    redis_server: WatchedRedis,
    waves: Waves,
    small_calls: None,
) -> None:
    assert emptied_between(monkeypatch, sqlite_database, redis_server.url, waves) == []


@pytest.mark.plants_a_bug
def test_planted_a_delivery_that_marks_redis_complete_by_itself(
    monkeypatch: pytest.MonkeyPatch,
    sqlite_database: Database,
    redis_server: WatchedRedis,
    waves: Waves,
    small_calls: None,
) -> None:
    bug = "redis.call('SETNX', 'hot:generation', 'x') redis.call('SETNX', 'hot:server', 'x')"
    deliver = redis_scripts.DELIVER.replace(redis_scripts._WRITABLE, bug)
    monkeypatch.setattr(redis_scripts, "DELIVER", deliver)
    monkeypatch.setattr(InboxKeeper, "_complete", lambda self: self._generation.generation() is not None)
    found = emptied_between(monkeypatch, sqlite_database, redis_server.url, waves)
    assert any("lacks the entry" in fault for fault in found)


@pytest.mark.plants_a_bug
def test_planted_a_rebuild_that_marks_without_its_claim(
    monkeypatch: pytest.MonkeyPatch,
    sqlite_database: Database,
    redis_server: WatchedRedis,
    waves: Waves,
    small_calls: None,
) -> None:
    for name in ("BEGIN_RESTORE", "RESTORE", "RESTORE_LABELS", "FINISH_RESTORE"):
        bug = getattr(redis_scripts, name).replace(redis_scripts._OWN_REBUILD, "")
        monkeypatch.setattr(redis_scripts, name, bug)
    for _ in range(8):
        waves.commit([5, 6, 7])
    client = connect(redis_server.url)
    store = InboxStore(client)
    keeper = InboxKeeper(sqlite_database, store, waves)
    monkeypatch.setattr(keeper._generation, "extend_rebuild", lambda *_: True)
    pages = waves.iterate_wave_chunks

    def emptied(session: Session, since_ms: int, after_event_id: int, limit: int) -> Sequence[Chunk]:
        if after_event_id == 4:
            client.execute("FLUSHALL")
        return pages(session, since_ms, after_event_id, limit)

    monkeypatch.setattr(waves, "iterate_wave_chunks", emptied)
    assert keeper.keep(START_MS) is not None
    monkeypatch.undo()
    assert any("lacks the entry" in fault for fault in faults(sqlite_database, store, waves))
    client.close()


@pytest.mark.plants_a_bug
def test_planted_entries_that_differ_each_time_they_are_delivered(
    monkeypatch: pytest.MonkeyPatch, sqlite_database: Database, ready_store: InboxStore, waves: Waves
) -> None:
    """As a list instead of a set would do, or a time of delivery inside the entry."""
    chunk = waves.commit([5, 6])
    times = iter(range(9))
    monkeypatch.setattr(
        redis_store, "packed_prefix", lambda entry: packed_prefix(entry).replace(":1:", f":{next(times)}:", 1)
    )
    original = ready_store.read_all

    def read_all(user_id: int) -> redis_store.UserEntries:
        # The reader, too, tells entries apart by their event id; without that the double shows.
        raw = ready_store.client.execute("ZRANGE", redis_scripts.user_key(user_id), 0, -1)
        entries = [unpacked(chunk.entry.event_id, each.decode()) for each in raw]
        return redis_store.UserEntries(entries, complete=True)

    ready_store.deliver([chunk])
    ready_store.deliver([chunk])
    monkeypatch.setattr(ready_store, "read_all", read_all)
    assert any("was told 2 times" in fault for fault in faults(sqlite_database, ready_store, waves))
    assert len(original(5).entries) == 1


@pytest.mark.plants_a_bug
def test_planted_a_user_in_two_waves_of_one_order(
    sqlite_database: Database, ready_store: InboxStore, waves: Waves
) -> None:
    ready_store.deliver([waves.commit([5], dispatch_id=9), waves.commit([5], dispatch_id=9, wave=2)])
    found = faults(sqlite_database, ready_store, waves)
    assert "user 5 is in the waves 1 and 2 of dispatch 9" in found
    assert "user 5 was told 2 times of dispatch 9" in found


@pytest.mark.plants_a_bug
def test_planted_an_entry_that_no_wave_holds(sqlite_database: Database, ready_store: InboxStore, waves: Waves) -> None:
    """Told before the wave was committed, and the commit failed."""
    ready_store.deliver([waves.commit([5])])
    waves.chunks.clear()
    with sqlite_database.read() as session:
        found = find_inbox_faults(session, ready_store, waves, user_ids=[5])
    assert found == ["user 5 has the entry 1 of dispatch 5000001, which no wave holds"]
