"""Live events: one subscription, what was missed comes first, and a loss of Redis is told as "reset"."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from kit.db import Database, DatabaseUnavailable
from kit.redis import connect
from marketplace.inbox import (
    InboxEvent,
    InboxEvents,
    InboxKeeper,
    InboxStore,
    InboxStream,
    Missed,
    catch_up,
    redis_events,
    redis_store,
    streams,
)
from tests.harness.redis import WatchedRedis
from tests.integration.inbox.waves import START_MS, Waves, score_of

WAIT_S = 5.0
QUIET_S = 0.15


def running(test: Callable[[InboxEvents], Awaitable[None]], url: str) -> None:
    async def run() -> None:
        async with listening(url) as events:
            await test(events)

    asyncio.run(run())


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[InboxEvents]:
    events = InboxEvents(url)
    await events.start()
    assert await events.listening(WAIT_S)
    try:
        yield events
    finally:
        await events.stop()


async def take(stream: InboxStream, count: int) -> list[InboxEvent]:
    """Return the next events, and make sure that no further one follows."""
    found: list[InboxEvent] = []
    for _ in range(count):
        event = await stream.next_within(WAIT_S)
        assert event is not None, f"only {len(found)} of {count} events came"
        found.append(event)
    assert await stream.next_within(QUIET_S) is None
    return found


async def settled(events: InboxEvents, store: InboxStore, waves: Waves) -> None:
    """Wait until this process has seen everything that was published so far."""
    async with events.subscribe(999) as probe:
        await in_thread(store.deliver, [waves.commit([999])])
        await take(probe, 1)


async def in_thread(action: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, action, *arguments)


def offers(events: list[InboxEvent]) -> list[int]:
    assert all(event.kind == "offer" for event in events)
    return [event.document["id"] for event in events]


def test_an_offer_comes_live_to_its_user_only(
    ready_store: InboxStore, waves: Waves, redis_server: WatchedRedis
) -> None:
    async def test(events: InboxEvents) -> None:
        async with events.subscribe(5) as mine, events.subscribe(5) as also_mine, events.subscribe(6) as other:
            await in_thread(ready_store.deliver, [waves.commit([4, 5], tier="partial", wave=2)])
            (event,) = await take(mine, 1)
            assert event.id == 1
            assert event.document == {
                "id": 1,
                "dispatch_id": 5_000_001,
                "title": "order 5000001",
                "tier": "partial",
                "wave": 2,
                "notified_at_ms": START_MS + 1,
                "expires_at_ms": START_MS + 1 + 1_800_000,
                "state": "open",
                "score": score_of(1, 5),
            }
            assert await take(also_mine, 1) == [event]
            await take(other, 0)
        assert events.client_count == 0

    running(test, redis_server.url)


def test_a_repeated_delivery_is_no_second_event(
    ready_store: InboxStore, waves: Waves, redis_server: WatchedRedis
) -> None:
    async def test(events: InboxEvents) -> None:
        async with events.subscribe(5) as stream:
            chunk = waves.commit(range(1, 1_400))
            await in_thread(ready_store.deliver, [chunk])
            await in_thread(ready_store.deliver, [chunk, chunk])
            assert offers(await take(stream, 1)) == [1]

    running(test, redis_server.url)


def test_missed_events_come_first(ready_store: InboxStore, waves: Waves, redis_server: WatchedRedis) -> None:
    async def test(events: InboxEvents) -> None:
        await in_thread(ready_store.deliver, [waves.commit([5]) for _ in range(4)])
        async with events.subscribe(5, last_event_id=2) as stream:
            await in_thread(ready_store.deliver, [waves.commit([5])])
            assert [event.id for event in await take(stream, 3)] == [3, 4, 5]
        await settled(events, ready_store, waves)
        async with events.subscribe(5) as fresh:
            await take(fresh, 0)

    running(test, redis_server.url)


def test_a_chunk_that_came_late_is_not_missed(
    ready_store: InboxStore, waves: Waves, redis_server: WatchedRedis
) -> None:
    """Chunk 1 arrives after chunk 2 was seen and the client had gone: it comes at the next visit, once."""

    async def test(events: InboxEvents) -> None:
        late, early, last = waves.commit([5]), waves.commit([5]), waves.commit([5])
        await in_thread(ready_store.deliver, [early])
        await in_thread(ready_store.deliver, [late])
        async with events.subscribe(5, last_event_id=2) as stream:
            (event,) = await take(stream, 1)
            # The position does not go back, or the next visit would bring chunk 2 again.
            assert (event.id, event.document["id"]) == (2, 1)
        await in_thread(ready_store.deliver, [last])
        async with events.subscribe(5, last_event_id=3) as stream:
            await take(stream, 0)

    running(test, redis_server.url)


def test_positions_never_go_back_within_a_stream(
    ready_store: InboxStore, waves: Waves, redis_server: WatchedRedis
) -> None:
    async def test(events: InboxEvents) -> None:
        first, second = waves.commit([5]), waves.commit([5])
        async with events.subscribe(5) as stream:
            await in_thread(ready_store.deliver, [second])
            await in_thread(ready_store.deliver, [first])
            assert [(event.id, event.document["id"]) for event in await take(stream, 2)] == [(2, 2), (2, 1)]

    running(test, redis_server.url)


def test_a_change_of_state_or_title_reaches_those_who_have_the_offer(
    ready_store: InboxStore, waves: Waves, redis_server: WatchedRedis
) -> None:
    async def test(events: InboxEvents) -> None:
        await in_thread(ready_store.deliver, [waves.commit([5])])
        await settled(events, ready_store, waves)
        async with events.subscribe(5) as before, events.subscribe(6) as stranger, events.subscribe(7) as live:
            await in_thread(ready_store.deliver, [waves.commit([7], dispatch_id=5_000_001, wave=2)])
            await take(live, 1)
            await in_thread(ready_store.set_state, 5_000_001, "taken")
            for stream in (before, live):
                (event,) = await take(stream, 1)
                assert (event.id, event.kind) == (None, "state")
                assert event.document == {"dispatch_id": 5_000_001, "state": "taken"}
            await in_thread(ready_store.set_title, 5_000_001, "电焊工, 夜班")
            for stream in (before, live):
                (event,) = await take(stream, 1)
                assert (event.id, event.kind) == (None, "title")
                assert event.document == {"dispatch_id": 5_000_001, "title": "电焊工, 夜班"}
            await take(stranger, 0)

    running(test, redis_server.url)


def test_a_broadcast_reaches_its_members(
    ready_store: InboxStore, waves: Waves, redis_server: WatchedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_store, "BROADCAST_ABOVE_USERS", 10)

    async def test(events: InboxEvents) -> None:
        async with events.subscribe(4) as member, events.subscribe(5) as between, events.subscribe(99) as outside:
            await in_thread(ready_store.deliver, [waves.commit(range(2, 40, 2))])
            (event,) = await take(member, 1)
            assert (event.id, event.document["score"]) == (1, score_of(1, 4))
            await take(between, 0)
            await take(outside, 0)
        async with events.subscribe(4, last_event_id=0) as again:
            assert offers(await take(again, 1)) == [1]

    running(test, redis_server.url)


def test_a_slow_client_is_cut_off_and_loses_nothing(
    ready_store: InboxStore, waves: Waves, redis_server: WatchedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its queue stays bounded, and it costs the others nothing; it reconnects with the last id that it got."""
    monkeypatch.setattr(streams, "MAX_QUEUED", 3)

    async def test(events: InboxEvents) -> None:
        async with events.subscribe(5) as slow, events.subscribe(6) as other:
            await in_thread(ready_store.deliver, [waves.commit([5])])
            (first,) = await take(slow, 1)
            await in_thread(ready_store.deliver, [waves.commit([5, 6]) for _ in range(3)])
            assert offers(await take(other, 3)) == [2, 3, 4]
            await in_thread(ready_store.deliver, [waves.commit([5]) for _ in range(3)])
            await settled(events, ready_store, waves)
            assert [event.kind async for event in slow] == ["reconnect"]
            assert slow.closed
        async with events.subscribe(5, last_event_id=first.id) as again:
            assert offers(await take(again, 6)) == [2, 3, 4, 5, 6, 7]

    running(test, redis_server.url)


def test_states_that_changed_meanwhile_are_told(
    ready_store: InboxStore, waves: Waves, redis_server: WatchedRedis
) -> None:
    """A taken offer is no event with an id, so the reconnection itself brings it."""

    async def test(events: InboxEvents) -> None:
        taken, still_open = waves.commit([5]), waves.commit([5])
        await in_thread(ready_store.deliver, [taken, still_open])
        await in_thread(ready_store.set_state, taken.entry.dispatch_id, "taken")
        await in_thread(ready_store.deliver, [waves.commit([5])])
        async with events.subscribe(5, last_event_id=2) as again:
            state, offer = await take(again, 2)
            assert state.document == {"dispatch_id": taken.entry.dispatch_id, "state": "taken"}
            assert (state.kind, state.id, offer.kind, offer.id) == ("state", None, "offer", 3)

    running(test, redis_server.url)


def test_who_missed_more_than_an_inbox_holds_is_told_to_reload(
    ready_store: InboxStore, waves: Waves, redis_server: WatchedRedis
) -> None:
    async def test(events: InboxEvents) -> None:
        await in_thread(ready_store.deliver, [waves.commit([5]) for _ in range(103)])
        async with events.subscribe(5, last_event_id=2) as stream:
            found = await take(stream, 101)
            assert found[0].kind == "reset"
            assert offers(found[1:]) == list(range(4, 104))
        async with events.subscribe(5, last_event_id=4) as stream:
            assert offers(await take(stream, 99)) == list(range(5, 104))

    running(test, redis_server.url)


def test_what_was_missed_comes_from_the_database_while_redis_is_away(
    ready_store: InboxStore, waves: Waves, redis_server: WatchedRedis, sqlite_database: Database
) -> None:
    for _ in range(3):
        waves.commit([5])
    waves.states[5_000_001] = "closed"
    redis_server.kill()

    async def run() -> None:
        events = InboxEvents(redis_server.url, partial(catch_up, sqlite_database, waves))
        await events.start()
        async with events.subscribe(5, last_event_id=1) as stream, events.subscribe(5) as fresh:
            found = await take(stream, 3)
            assert [(event.kind, event.id) for event in found] == [("state", None), ("offer", 2), ("offer", 3)]
            assert [event.kind for event in await take(fresh, 1)] == ["reset"]
        await events.stop()

    asyncio.run(run())


def test_a_database_that_is_slow_or_away_is_told_as_reset(redis_server: WatchedRedis) -> None:
    redis_server.kill()
    asked: list[int] = []

    def away(user_id: int, after_event_id: int) -> Missed:
        asked.append(user_id)
        raise DatabaseUnavailable("the database does not answer")

    async def run() -> None:
        events = InboxEvents(redis_server.url, away)
        await events.start()
        async with events.subscribe(5, last_event_id=1) as stream:
            assert [event.kind for event in await take(stream, 1)] == ["reset"]
        await events.stop()

    asyncio.run(run())
    assert asked == [5]


def test_a_loss_of_redis_is_told_and_heals(
    ready_store: InboxStore, waves: Waves, redis_server: WatchedRedis, sqlite_database: Database
) -> None:
    async def test(events: InboxEvents) -> None:
        async with events.subscribe(5) as stream:
            redis_server.kill()
            await asyncio.sleep(0.2)
            async with events.subscribe(6, last_event_id=3) as while_away:
                event = await while_away.next_within(WAIT_S)
                assert event is not None
                assert event.kind == "reset"
            redis_server.start()
            event = await stream.next_within(WAIT_S)
            assert event is not None
            assert event.kind == "reset"
            client = connect(redis_server.url)
            store = InboxStore(client)
            chunk = waves.commit([5])
            await in_thread(InboxKeeper(sqlite_database, store, waves).keep, START_MS)
            await in_thread(store.deliver, [chunk, waves.commit([5])])
            kinds = [await stream.next_within(WAIT_S) for _ in range(2)]
            assert [event and event.kind for event in kinds] == ["reset", "offer"]
            client.close()

    running(test, redis_server.url)


def test_an_emptied_redis_makes_clients_reload_after_the_rebuild(
    ready_store: InboxStore, waves: Waves, redis_server: WatchedRedis, keeper: InboxKeeper
) -> None:
    """The pending delivery of a rebuilt entry publishes nothing, so the rebuild itself must."""

    async def test(events: InboxEvents) -> None:
        async with events.subscribe(5) as stream:
            chunk = waves.commit([5])
            await in_thread(ready_store.client.execute, "FLUSHALL")
            await in_thread(keeper.keep, START_MS)
            assert await in_thread(ready_store.deliver, [chunk]) == 0
            assert [event.kind for event in await take(stream, 1)] == ["reset"]

    running(test, redis_server.url)


def test_silence_does_not_break_the_subscription(
    ready_store: InboxStore, waves: Waves, redis_server: WatchedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_events, "SILENCE_S", 0.1)
    monkeypatch.setattr(redis_events, "ANSWER_TIMEOUT_S", 0.3)

    async def test(events: InboxEvents) -> None:
        async with events.subscribe(5) as stream:
            assert await stream.next_within(1.0) is None
            await in_thread(ready_store.deliver, [waves.commit([5])])
            assert offers(await take(stream, 1)) == [1]

    running(test, redis_server.url)


def test_stopping_ends_every_stream_after_what_is_queued(
    ready_store: InboxStore, waves: Waves, redis_server: WatchedRedis
) -> None:
    async def test(events: InboxEvents) -> None:
        async with events.subscribe(5) as stream:
            await in_thread(ready_store.deliver, [waves.commit([5])])
            await asyncio.sleep(0.2)
            await events.stop()
            assert [event.document["id"] async for event in stream] == [1]
            assert stream.closed

    running(test, redis_server.url)


def test_streams_are_bounded(redis_server: WatchedRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_events, "MAX_CLIENTS", 1)

    async def test(events: InboxEvents) -> None:
        async with events.subscribe(5):
            with pytest.raises(redis_events.TooManyStreams):
                async with events.subscribe(6):
                    pass
        async with events.subscribe(6):
            assert events.client_count == 1

    running(test, redis_server.url)


def test_start_returns_while_redis_is_away(redis_server: WatchedRedis) -> None:
    redis_server.kill()

    async def run() -> None:
        events = InboxEvents(redis_server.url)
        await events.start()
        assert not await events.listening(0.3)
        redis_server.start()
        assert await events.listening(WAIT_S)
        await events.stop()

    asyncio.run(run())


def test_stopping_is_heard_though_a_library_takes_a_cancellation_for_its_own(
    redis_server: WatchedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a connection does that is cancelled just when its own time is out."""
    swallowed: list[int] = []

    async def deaf_once(_self: InboxEvents) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if not swallowed:
                swallowed.append(1)
                raise TimeoutError from None
            raise

    monkeypatch.setattr(InboxEvents, "_listen", deaf_once)

    async def run() -> None:
        events = InboxEvents(redis_server.url)
        await events.start()
        await asyncio.sleep(0)
        await asyncio.wait_for(events.stop(), WAIT_S)

    asyncio.run(run())
    assert swallowed
