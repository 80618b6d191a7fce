"""The clock jumps by an hour, forwards and back: nothing is lost, nothing doubled, no deadline forgotten."""

import pytest

from kit.errors import QuanwangError
from marketplace import dispatch
from marketplace.dispatch.policies import HOUR_MS, MINUTE_MS, Policy
from tests.harness.invariants import violations
from tests.integration.dispatch.market import LEASE_MS, WELDER, Market

SLOW = Policy(
    "slow",
    wave_size=5,
    wave_interval_ms=MINUTE_MS,
    full_window_ms=30 * MINUTE_MS,
    partial_window_ms=30 * MINUTE_MS,
    partial_limit=6,
    publisher_idle_ms=3 * HOUR_MS,
    hold_ms=HOUR_MS // 2,
    dispatch_expiry_ms=48 * HOUR_MS,
    offer_expiry_ms=24 * HOUR_MS,
)


@pytest.fixture
def slow(market: Market) -> Market:
    """The market with a policy of real length, at a time from which the clock can go back."""
    market.now_ms = 100 * HOUR_MS
    market.publish(SLOW)
    return market


def to_the_end(market: Market, dispatch_id: int) -> str:
    """Follow the timers until the dispatch is over; return its state."""
    for _ in range(60):
        summary = market.get(dispatch_id).summary
        if summary.due_at_ms is None:
            return summary.state
        market.now_ms = max(market.now_ms, summary.due_at_ms)
        market.settle()
        assert violations(market.database) == []
    raise AssertionError("the dispatch never ends")


@pytest.mark.parametrize("jumps", [(1,), (-1,), (1, -1), (-1, 1), (1, -1, -1, 1)])
def test_waves_go_out_once_whatever_the_clock_does_in_between(slow: Market, jumps: tuple[int, ...]) -> None:
    dispatch_id = slow.open(policy="slow")
    slow.settle()
    for hours in jumps:
        slow.now_ms += hours * HOUR_MS
        slow.settle()
        assert violations(slow.database) == []
    assert to_the_end(slow, dispatch_id) == "exhausted"
    told = slow.told(dispatch_id)
    assert told[:12] == list(range(1, 13))
    assert len(told) == len(set(told)) == 18
    assert all(len(events) == 1 for events in slow.inboxes.entries.values())


@pytest.mark.parametrize("hours", [1, -1])
def test_a_jump_while_a_worker_holds_the_work(slow: Market, hours: int) -> None:
    """Forwards its lease is over at once and another one takes the work; back it lasts longer; the late one is fenced
    off.
    """
    dispatch_id = slow.open(policy="slow")
    claims = slow.claims("dispatch")
    slow.now_ms += hours * HOUR_MS
    slow.settle()
    dispatch.run_due_dispatches(slow.database, slow.ids, slow.source, claims, now_ms=slow.now_ms)
    slow.now_ms = 101 * HOUR_MS + LEASE_MS
    slow.settle()
    assert to_the_end(slow, dispatch_id) == "exhausted"
    assert len(slow.told(dispatch_id)) == 18


@pytest.mark.parametrize("hours", [1, -1])
def test_a_hold_ends_and_the_publisher_keeps_his_time(slow: Market, hours: int) -> None:
    dispatch_id = slow.open(policy="slow")
    slow.settle()
    slow.accept(dispatch_id, 1)
    slow.accept(dispatch_id, 2)
    slow.do(dispatch.select_acceptor, dispatch_id, user_id=1)
    slow.now_ms += hours * HOUR_MS
    slow.settle()
    assert (slow.get(dispatch_id).assignment is None) is (hours > 0)
    slow.now_ms = max(slow.now_ms, 100 * HOUR_MS) + SLOW.hold_ms
    slow.settle()
    view = slow.get(dispatch_id)
    assert view.assignment is None
    assert [(each.user_id, each.state) for each in view.acceptances] == [(1, "lapsed"), (2, "accepted")]
    assert slow.do(dispatch.select_acceptor, dispatch_id, user_id=2).token == 2


@pytest.mark.parametrize("hours", [1, -1])
def test_a_silent_publisher_is_reminded_before_he_is_closed(slow: Market, hours: int) -> None:
    dispatch_id = slow.open(policy="slow")
    slow.settle()
    slow.accept(dispatch_id, 1)
    slow.settle()
    slow.now_ms += hours * HOUR_MS
    slow.settle()
    assert to_the_end(slow, dispatch_id) == "publisher_silent"
    with slow.database.read() as session:
        kinds = [line.kind for line in dispatch.timeline(session, dispatch_id=dispatch_id)]
    assert kinds.count("publisher_reminded") == 1


def test_the_queue_keeps_its_order_when_the_clock_goes_back(slow: Market) -> None:
    dispatch_id = slow.open(policy="slow")
    slow.settle()
    assert slow.accept(dispatch_id, 1) == 1
    slow.now_ms -= HOUR_MS
    assert slow.accept(dispatch_id, 2) == 2
    assert slow.accept(dispatch_id, 1) == 1


@pytest.mark.parametrize("hours", [1, -1])
def test_an_order_expires_by_its_own_time(slow: Market, hours: int) -> None:
    expires_at_ms = slow.now_ms + 2 * HOUR_MS
    dispatch_id = slow.open({**WELDER, "expires_at_ms": expires_at_ms}, policy="slow")
    slow.settle()
    slow.accept(dispatch_id, 1)
    slow.now_ms += hours * HOUR_MS
    slow.settle()
    slow.now_ms = expires_at_ms
    with pytest.raises(QuanwangError, match="closed"):
        slow.accept(dispatch_id, 2)
    slow.settle()
    assert slow.get(dispatch_id).summary.state == "expired"
