"""A dispatcher or worker that dies anywhere repeats safely: nothing is lost, nobody is told twice."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from kit.work import release
from marketplace import dispatch
from marketplace.dispatch.crash_points import DELIVERY_POINTS, DISPATCH_POINTS
from marketplace.dispatch.policies import DAY_MS, HOUR_MS, MINUTE_MS
from matching.taxonomy import builtin_taxonomy
from tests.harness.invariants import violations
from tests.integration.dispatch.market import FAST, LEASE_MS, WELDER, Market


class Died(BaseException):
    """The process is gone; no handler of errors may catch it."""


def dying_at(point: str) -> Callable[[str], None]:
    """Die the first time that ``point`` is passed."""
    alive = [True]

    def reached(name: str) -> None:
        if name == point and alive:
            alive.clear()
            raise Died(point)

    return reached


@pytest.mark.parametrize("point", DISPATCH_POINTS + DELIVERY_POINTS)
def test_death_at_every_point_loses_and_doubles_nothing(market: Market, point: str) -> None:
    """After each death all invariants hold at once, and the restart ends where a run without a death ends."""
    dispatch_ids = [market.open({**WELDER, "id": number}) for number in range(1, 4)]
    with pytest.raises(Died):
        market.step(dying_at(point))
    assert violations(market.database) == []
    market.now_ms += LEASE_MS
    market.advance(5_000)
    for dispatch_id in dispatch_ids:
        summary = market.get(dispatch_id).summary
        assert (summary.state, summary.notified_full, summary.notified_partial) == ("exhausted", 12, 6)
        entries = [found for key, found in market.inboxes.entries.items() if key[0] == dispatch_id]
        assert len(entries) == 18
        assert all(len(found) == 1 for found in entries)


@pytest.mark.parametrize("point", DISPATCH_POINTS)
def test_death_in_later_waves(market: Market, point: str) -> None:
    """The same in the middle of a tier, at the escalation and with somebody in the queue."""
    dispatch_id = market.open()
    dying = market.open({**WELDER, "id": "second"})
    market.settle()
    deaths = 0
    while market.get(dying).summary.closed_at_ms is None:
        market.now_ms += 1_100
        with pytest.raises(Died):
            market.step(dying_at(point))
        assert violations(market.database) == []
        deaths += 1
        market.now_ms += LEASE_MS
        market.settle()
    assert deaths >= 3
    told = market.told(dying)
    assert len(told) == len(set(told))
    assert told[:12] == list(range(1, 13))
    assert market.told(dispatch_id) == told


@pytest.mark.parametrize("point", DISPATCH_POINTS)
def test_death_while_users_are_set_aside_and_caught_up_with(market: Market, point: str) -> None:
    """Who was passed over is noted once, dealt with once, and told at most once, whatever dies in between."""
    slow = replace(FAST, wave_interval_ms=MINUTE_MS, full_window_ms=HOUR_MS, partial_window_ms=HOUR_MS)
    market.publish(replace(slow, name="sparing", offers_an_hour=1, dispatch_expiry_ms=DAY_MS))
    first = market.open()
    market.settle()
    market.do(dispatch.cancel_dispatch, first)
    dying = market.open(policy="sparing")
    deaths = 0
    while (due_at_ms := market.get(dying).summary.due_at_ms) is not None:
        market.now_ms = max(market.now_ms, due_at_ms)
        with pytest.raises(Died):
            market.step(dying_at(point))
        assert violations(market.database) == []
        deaths += 1
        market.now_ms += LEASE_MS
        market.settle()
    assert deaths >= 5
    assert market.told(dying)[:12] == [6, 7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5]


def test_all_crash_points_are_passed(market: Market) -> None:
    """The lists of crash points name what the code really passes, in its order."""
    passed: list[str] = []
    market.open()
    market.step(passed.append)
    assert tuple(passed) == DISPATCH_POINTS + DELIVERY_POINTS


def test_an_inbox_that_dies_after_delivering_is_given_the_same_again(market: Market) -> None:
    dispatch_id = market.open()
    market.step(lambda _: None)
    market.now_ms += 100
    with pytest.raises(Died):
        market.step(dying_at("delivery.delivered"))
    market.now_ms += LEASE_MS
    market.settle()
    assert market.inboxes.calls >= 3
    assert all(len(found) == 1 for found in market.inboxes.entries.values())
    with market.database.read() as session:
        waves = dispatch.list_waves(session, dispatch_id=dispatch_id).items
        assert all(wave.delivered_at_ms is not None for wave in waves)


def test_a_worker_that_was_frozen_does_not_leave_an_old_state_shown(market: Market) -> None:
    """It read "open", froze, and shows it after others have shown "closed" and ended the work: it looks again."""
    dispatch_id = market.open()
    market.settle()
    market.accept(dispatch_id, 1)
    market.do(dispatch.select_acceptor, dispatch_id, user_id=1)
    claims = market.claims("dispatch_label")

    def freeze(point: str) -> None:
        if point == "label.read" and market.now_ms < frozen_until_ms:
            market.now_ms = frozen_until_ms
            market.do(dispatch.fail_assignment, dispatch_id, token=1, reason="no")
            market.do(dispatch.cancel_dispatch, dispatch_id)
            market.settle()
            assert market.inboxes.states[dispatch_id] == "closed"

    frozen_until_ms = market.now_ms + LEASE_MS
    dispatch.show_labels(market.database, market.inboxes, claims, reached=freeze)
    assert market.inboxes.states[dispatch_id] == "closed"


def test_an_edit_by_a_clock_that_is_behind_is_not_forgotten_when_the_work_is_given_back(market: Market) -> None:
    """The invariant of deadlines looks at when the work is ready, not at what it was due for before the edit."""
    dispatch_id = market.open()
    claims = market.claims("dispatch")
    behind_ms = market.now_ms - 3_000
    market.database.run(
        lambda session: dispatch.revise_order(
            session,
            market.ids,
            dispatch_id=dispatch_id,
            document=WELDER,
            taxonomy=builtin_taxonomy(),
            now_ms=behind_ms,
        )
    )
    market.database.run(lambda session: release(session, claims, market.now_ms + 500))
    assert violations(market.database) == []
    assert [claimed.subject_id for claimed in market.claims("dispatch")] == [dispatch_id]
