"""Delivery into real Redis: idempotent, bounded, the same for one user or ten thousand."""

import pytest

from kit.db import Database
from kit.redis import RedisClient
from marketplace.inbox import InboxNotReady, InboxStore, find_inbox_faults, redis_store
from marketplace.inbox.redis_scripts import user_key
from tests.integration.inbox.waves import LASTS_MS, START_MS, Waves, score_of


def event_ids(store: InboxStore, user_id: int) -> list[int]:
    return [entry.event_id for entry in store.read_all(user_id).entries]


def script_calls(client: RedisClient) -> int:
    stats = client.execute("INFO", "commandstats")
    return sum(value["calls"] for name, value in stats.items() if name in ("cmdstat_evalsha", "cmdstat_eval"))


def test_an_entry_arrives_whole(ready_store: InboxStore, waves: Waves) -> None:
    chunk = waves.commit([7], tier="partial", wave=3)
    assert ready_store.deliver([chunk]) == 1
    (entry,) = ready_store.read_all(7).entries
    assert (entry.event_id, entry.dispatch_id, entry.tier, entry.wave) == (1, 5_000_001, "partial", 3)
    assert (entry.score, entry.notified_at_ms) == (score_of(1, 7), START_MS + 1)
    assert entry.expires_at_ms == START_MS + 1 + LASTS_MS
    assert ready_store.labels([5_000_001, 9]) == {5_000_001: ("order 5000001", "open")}


def test_delivering_twice_tells_nobody_twice(ready_store: InboxStore, waves: Waves, sqlite_database: Database) -> None:
    """Idempotent per (dispatch, wave, chunk): a crashed worker may repeat any delivery."""
    chunks = [waves.commit(range(step, step + 700)) for step in range(1, 4)]
    assert ready_store.deliver(chunks) == 2_100
    assert ready_store.deliver(chunks) == 0
    assert ready_store.deliver(list(reversed(chunks))) == 0
    with sqlite_database.read() as session:
        assert find_inbox_faults(session, ready_store, waves) == []


def test_chunks_may_arrive_in_any_order(ready_store: InboxStore, waves: Waves) -> None:
    first, second, third = (waves.commit([5]) for _ in range(3))
    for chunk in (second, third, first):
        assert ready_store.deliver([chunk]) == 1
    assert event_ids(ready_store, 5) == [3, 2, 1]


def test_two_users_of_one_bucket_are_two_users(ready_store: InboxStore, waves: Waves) -> None:
    ready_store.deliver([waves.commit([5]), waves.commit([5 + 1024]), waves.commit([5, 5 + 1024, 5 + 2048])])
    assert user_key(5).split(":")[1] == user_key(5 + 1024).split(":")[1] == "{5}"
    assert [event_ids(ready_store, user) for user in (5, 5 + 1024, 5 + 2048)] == [[3, 1], [3, 2], [3]]


@pytest.mark.parametrize("user_id", [1, 2**40, 2**53 - 1])
def test_every_user_id_is_kept_exactly(ready_store: InboxStore, waves: Waves, user_id: int) -> None:
    ready_store.deliver([waves.commit([user_id])])
    assert event_ids(ready_store, user_id) == [1]


def test_seven_thousand_users_are_cut_into_calls_of_500(
    ready_store: InboxStore, waves: Waves, redis_client: RedisClient, sqlite_database: Database
) -> None:
    """No call blocks the server for longer than 500 users take."""
    chunk = waves.commit(range(1, 7_001))
    before = script_calls(redis_client)
    assert ready_store.deliver([chunk]) == 7_000
    assert 14 <= script_calls(redis_client) - before <= 15  # one more when the script was not loaded yet
    with sqlite_database.read() as session:
        assert find_inbox_faults(session, ready_store, waves) == []


def test_the_newest_hundred_stay(ready_store: InboxStore, waves: Waves, redis_client: RedisClient) -> None:
    chunks = [waves.commit([5, 6]) for _ in range(130)]
    ready_store.deliver(chunks)
    assert event_ids(ready_store, 5) == list(range(130, 30, -1))
    assert redis_client.execute("ZCARD", user_key(5)) == 100
    assert not ready_store.read_all(5).complete


def test_an_entry_that_fell_off_is_not_told_again(ready_store: InboxStore, waves: Waves) -> None:
    chunks = [waves.commit([5]) for _ in range(130)]
    ready_store.deliver(chunks)
    assert ready_store.deliver(chunks[:30]) == 0
    assert event_ids(ready_store, 5) == list(range(130, 30, -1))


def test_entries_stay_in_the_compact_encoding(ready_store: InboxStore, waves: Waves, redis_client: RedisClient) -> None:
    """Otherwise an inbox takes several times the memory."""
    ready_store.deliver([waves.commit([5], dispatch_id=2**52 + step, wave=99) for step in range(120)])
    assert redis_client.execute("OBJECT", "ENCODING", user_key(5)) in (b"listpack", b"ziplist")


def test_nothing_is_delivered_or_read_before_redis_is_complete(store: InboxStore, waves: Waves) -> None:
    chunk = waves.commit([5])
    with pytest.raises(InboxNotReady):
        store.deliver([chunk])
    with pytest.raises(InboxNotReady):
        store.read_all(5)
    with pytest.raises(InboxNotReady):
        store.set_state(1, "taken")
    with pytest.raises(InboxNotReady):
        store.set_title(1, "another")
    assert not store.ready()


def test_a_state_is_written_once_and_seen_by_all(ready_store: InboxStore, waves: Waves) -> None:
    chunk = waves.commit([5, 6])
    ready_store.set_state(chunk.entry.dispatch_id, "taken")
    ready_store.deliver([chunk])  # a late delivery carries the older state
    assert ready_store.labels([chunk.entry.dispatch_id])[chunk.entry.dispatch_id][1] == "taken"


def test_a_title_that_was_edited_stays_whatever_is_delivered_late(ready_store: InboxStore, waves: Waves) -> None:
    """A delivery that read the order before its edit must not put the old title back."""
    first, late = waves.commit([5, 6]), waves.commit([7], dispatch_id=5_000_001, wave=2)
    dispatch_id = first.entry.dispatch_id
    ready_store.deliver([first])
    before = ready_store.read_all(5).entries
    ready_store.set_title(dispatch_id, "called otherwise")
    ready_store.deliver([first, late])
    assert ready_store.labels([dispatch_id])[dispatch_id] == ("called otherwise", "open")
    assert ready_store.read_all(5).entries == before, "nobody is told again"


def test_a_big_chunk_is_written_once_and_found_by_its_readers(
    ready_store: InboxStore, waves: Waves, redis_client: RedisClient, sqlite_database: Database
) -> None:
    members = list(range(10, 24_010, 2))
    before = waves.commit([10, 11])
    big = waves.commit(members)
    after = waves.commit([10, 11])
    ready_store.deliver([before])
    assert ready_store.deliver([big, after]) == 1 + 2
    assert ready_store.deliver([big]) == 0
    assert event_ids(ready_store, 10) == [3, 2, 1]
    assert event_ids(ready_store, 11) == [3, 1]
    assert [event_ids(ready_store, user) for user in (8, 9, 12, 24_008, 24_009, 24_010)] == [[], [], [2], [2], [], []]
    assert ready_store.read_all(24_008).entries[0].score == score_of(2, 24_008)
    assert redis_client.execute("EXISTS", user_key(12)) == 0
    with sqlite_database.read() as session:
        assert find_inbox_faults(session, ready_store, waves, user_ids={10, 11, 12, 5_000, 24_008, 24_009}) == []


def test_old_broadcasts_become_ordinary_entries(
    ready_store: InboxStore, waves: Waves, redis_client: RedisClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reads stay short, and nobody loses or doubles an entry by it."""
    monkeypatch.setattr(redis_store, "BROADCAST_ABOVE_USERS", 5)
    monkeypatch.setattr(redis_store, "MAX_BROADCASTS", 2)
    for step in range(5):
        ready_store.deliver([waves.commit(range(1 + step, 9 + step))])
    assert redis_client.execute("ZCARD", "inbox:broadcasts") == 2
    assert event_ids(ready_store, 8) == [5, 4, 3, 2, 1]
    assert event_ids(ready_store, 12) == [5]
    keys = redis_client.execute("KEYS", "inbox:broadcast:*")
    assert len(keys) == 4
    ready_store.deliver(waves.chunks)  # all of them again
    assert event_ids(ready_store, 8) == [5, 4, 3, 2, 1]
