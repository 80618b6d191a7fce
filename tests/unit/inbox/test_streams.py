"""One client's events: the missed ones first, none twice, never more than the bound."""

import asyncio
from typing import Any

from marketplace.inbox import InboxEvent, InboxStream, streams


def offer(event_id: int, dispatch_id: int = 7) -> dict[str, Any]:
    return {"id": event_id, "dispatch_id": dispatch_id}


def drained(stream: InboxStream) -> list[InboxEvent]:
    stream.close()

    async def drain() -> list[InboxEvent]:
        return [event async for event in stream]

    return asyncio.run(drain())


def test_live_events_wait_for_the_missed_ones() -> None:
    stream = InboxStream(5, position=2)
    stream.receive_offer(offer(4))
    stream.receive_offer(offer(3))
    stream.receive_offer(offer(2))
    stream.begin([offer(3)], seen_event_ids=[1, 2])
    stream.receive_offer(offer(4))
    assert [(event.id, event.document["id"]) for event in drained(stream)] == [(3, 3), (4, 4)]


def test_a_state_that_came_before_the_list_was_read_is_not_missed() -> None:
    stream = InboxStream(5)
    stream.receive_state({"dispatch_id": 7, "state": "taken"})
    stream.receive_state({"dispatch_id": 8, "state": "taken"})
    stream.begin([], [], dispatch_ids=[7])
    assert [(event.id, event.document) for event in drained(stream)] == [(None, {"dispatch_id": 7, "state": "taken"})]


def test_the_position_never_goes_back() -> None:
    stream = InboxStream(5, position=9)
    stream.begin([offer(3)], [])
    stream.receive_offer(offer(12))
    stream.receive_offer(offer(11))
    assert [event.id for event in drained(stream)] == [9, 12, 12]


def test_who_is_too_slow_is_told_to_reconnect_and_cut_off() -> None:
    """Nothing follows: what was dropped comes after the reconnection, from the position of what did arrive."""
    stream = InboxStream(5)
    stream.begin([], [])
    for event_id in range(1, 1_000):
        stream.receive_offer(offer(event_id))
    stream.receive_state({"dispatch_id": 7, "state": "taken"})
    stream.reset()
    assert [(event.kind, event.id) for event in drained(stream)] == [("reconnect", None)]
    assert stream.closed


def test_the_queue_is_bounded_exactly() -> None:
    stream = InboxStream(5)
    stream.begin([], [])
    for event_id in range(1, streams.MAX_QUEUED + 1):
        stream.receive_offer(offer(event_id))
    assert len(drained(stream)) == streams.MAX_QUEUED


def test_too_many_events_before_the_list_was_read_become_one_reset() -> None:
    stream = InboxStream(5)
    for event_id in range(1, 1_000):
        stream.receive_offer(offer(event_id))
    stream.begin([], [])
    events = drained(stream)
    assert len(events) == streams.MAX_HELD + 1
    assert events[0].kind == "reset"


def test_what_was_missed_cuts_nobody_off() -> None:
    """A client that connects cannot have read yet, however much awaits it."""
    stream = InboxStream(5)
    for event_id in range(1_000, 1_000 + streams.MAX_HELD):
        stream.receive_offer(offer(event_id))
    stream.begin([offer(event_id) for event_id in range(1, streams.MAX_QUEUED)], [])
    assert len(drained(stream)) == streams.MAX_QUEUED - 1 + streams.MAX_HELD


def test_states_that_were_missed_come_before_the_offers() -> None:
    stream = InboxStream(5)
    stream.begin([offer(9, 8)], [4], [7, 8], [{"dispatch_id": 7, "state": "taken"}])
    assert [(event.kind, event.document["dispatch_id"]) for event in drained(stream)] == [("state", 7), ("offer", 8)]


def test_resets_in_a_row_are_one() -> None:
    stream = InboxStream(5)
    stream.begin([], [])
    for _ in range(5):
        stream.reset()
    assert [event.kind for event in drained(stream)] == ["reset"]


def test_a_closed_stream_ends() -> None:
    stream = InboxStream(5)
    stream.begin([offer(1)], [])
    assert not stream.closed
    assert len(drained(stream)) == 1
    assert stream.closed
