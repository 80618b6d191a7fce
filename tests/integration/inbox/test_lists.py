"""What a user reads, with Redis and without; read marks and unread counts."""

import pytest

from kit.db import Database
from kit.errors import InvalidInput
from kit.redis import connect
from marketplace.inbox import InboxKeeper, InboxPage, InboxStore, TooManyMarks, list_inbox, mark_read, opened_counts
from tests.harness.redis import WatchedRedis
from tests.integration.inbox.waves import LASTS_MS, START_MS, Waves


def read(
    database: Database,
    store: InboxStore | None,
    waves: Waves,
    user_id: int = 5,
    cursor: int | None = None,
    limit: int = 20,
) -> InboxPage:
    with database.read() as session:
        return list_inbox(session, store, waves, user_id=user_id, cursor=cursor, limit=limit, now_ms=START_MS)


def pages(database: Database, store: InboxStore | None, waves: Waves, limit: int) -> list[int]:
    found, cursor = [], None
    while True:
        page = read(database, store, waves, cursor=cursor, limit=limit)
        found += [entry.event_id for entry in page.entries]
        cursor = page.next_cursor
        if cursor is None:
            return found


def test_a_list_shows_title_state_and_age(database: Database, ready_store: InboxStore, waves: Waves) -> None:
    ready_store.deliver([waves.commit([5]), waves.commit([5])])
    ready_store.set_state(5_000_001, "taken")
    page = read(database, ready_store, waves)
    assert page.source == "redis"
    assert [(each.title, each.state, each.read) for each in page.entries] == [
        ("order 5000002", "open", False),
        ("order 5000001", "taken", False),
    ]
    assert page.entries[0].to_document()["id"] == 2
    with database.read() as session:
        later = list_inbox(session, ready_store, waves, user_id=5, now_ms=START_MS + 1 + LASTS_MS)
    assert [each.expired for each in later.entries] == [False, True]


@pytest.mark.parametrize("count", [0, 1, 20, 99, 100, 101, 230])
@pytest.mark.parametrize("limit", [7, 100])
def test_redis_and_the_waves_give_the_same_pages(
    sqlite_database: Database, ready_store: InboxStore, waves: Waves, count: int, limit: int
) -> None:
    """Paging goes on into the waves where Redis ends; no entry is skipped or shown twice."""
    for step in range(count):
        waves.commit([5, 6] if step % 3 else [5])
        waves.commit([6])
    ready_store.deliver(waves.chunks)
    expected = [chunk.entry.event_id for chunk in reversed(waves.chunks) if 5 in chunk.user_ids]
    assert pages(sqlite_database, ready_store, waves, limit) == expected
    assert pages(sqlite_database, None, waves, limit) == expected


def test_reads_go_on_while_redis_is_away_or_empty(
    sqlite_database: Database, ready_store: InboxStore, waves: Waves, redis_server: WatchedRedis
) -> None:
    ready_store.deliver([waves.commit([5]), waves.commit([5, 6])])
    shown = read(sqlite_database, ready_store, waves)
    ready_store.client.execute("FLUSHALL")
    empty = read(sqlite_database, ready_store, waves)
    redis_server.kill()
    away = read(sqlite_database, InboxStore(connect(redis_server.url)), waves)
    assert (shown.source, empty.source, away.source) == ("redis", "database", "database")
    assert shown.entries == empty.entries == away.entries
    assert shown.unread == empty.unread == away.unread == 2


def test_a_missing_label_comes_from_the_database(
    sqlite_database: Database, ready_store: InboxStore, waves: Waves
) -> None:
    ready_store.deliver([waves.commit([5])])
    waves.states[5_000_001] = "closed"
    ready_store.client.execute("DEL", "inbox:label:5000001")
    (entry,) = read(sqlite_database, ready_store, waves).entries
    assert (entry.title, entry.state) == ("order 5000001", "closed")


def test_bad_pages_are_refused(sqlite_database: Database, ready_store: InboxStore, waves: Waves) -> None:
    for limit, cursor in [(0, None), (101, None), (20, 0), (20, 1 << 53)]:
        with pytest.raises(InvalidInput):
            read(sqlite_database, ready_store, waves, cursor=cursor, limit=limit)


@pytest.mark.parametrize("with_redis", [True, False])
def test_read_marks_lower_the_unread_count(
    database: Database, ready_store: InboxStore, waves: Waves, with_redis: bool
) -> None:
    store = ready_store if with_redis else None
    ready_store.deliver([waves.commit([5, 6]) for _ in range(3)])
    assert read(database, store, waves).unread == 3
    with database.transaction() as session:
        marked = mark_read(session, store, waves, user_id=5, dispatch_ids=[5_000_001, 5_000_003, 77], now_ms=1)
        again = mark_read(session, store, waves, user_id=5, dispatch_ids=[5_000_001], now_ms=2)
    assert (marked, again) == (2, 0)
    page = read(database, store, waves)
    assert (page.unread, [entry.read for entry in page.entries]) == (1, [True, False, True])
    assert read(database, store, waves, user_id=6).unread == 3
    with database.transaction() as session:
        mark_read(session, store, waves, user_id=6, dispatch_ids=[5_000_001], now_ms=3)
        assert opened_counts(session, [5_000_001, 5_000_002, 77]) == {5_000_001: 2, 5_000_002: 0, 77: 0}
        with pytest.raises(TooManyMarks):
            mark_read(session, store, waves, user_id=6, dispatch_ids=list(range(101)), now_ms=3)


def test_a_rebuild_that_does_not_reach_back_leaves_the_rest_to_the_waves(
    sqlite_database: Database, store: InboxStore, waves: Waves
) -> None:
    for _ in range(30):
        waves.commit([5])
    keeper = InboxKeeper(sqlite_database, store, waves, history_ms=10)
    report = keeper.keep(START_MS + 30)
    assert report is not None
    assert report.chunks == 11
    assert not store.read_all(5).complete
    assert pages(sqlite_database, store, waves, 4) == list(range(30, 0, -1))
    assert read(sqlite_database, store, waves).source == "redis"
