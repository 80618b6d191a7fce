"""Whose attention is spared: who is passed over, why, and what the one catch-up wave of the tier does for them."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from kit.db import Database
from kit.ids import IdAllocator
from marketplace import dispatch
from marketplace.dispatch.attention import Attention
from marketplace.dispatch.policies import HOUR_MS, MINUTE_MS, Policy
from marketplace.dispatch.replay_dispatch import PassedOverNotReplayed, replay_dispatch
from marketplace.dispatch.suppression_repository import suppression_counts, suppressions_of
from matching.profiles import Profile
from matching.taxonomy import builtin_taxonomy
from tests.integration.dispatch.market import FAST, PUDONG, WELDER, Market

SPARING = replace(FAST, name="sparing", offers_an_hour=1, dispatch_expiry_ms=48 * HOUR_MS, offer_expiry_ms=HOUR_MS)
NIGHT = replace(
    FAST,
    name="night",
    quiet_from_minute=22 * 60,
    quiet_until_minute=7 * 60,
    utc_offset_minutes=8 * 60,
    dispatch_expiry_ms=48 * HOUR_MS,
)
EIGHT_IN_THE_EVENING = 12 * HOUR_MS
"""Of the first day of time, in Shanghai."""


@pytest.fixture
def sparing(market: Market) -> Market:
    """The market with an hourly cap of one offer; at most so much as a night is passed by it."""
    market.publish(SPARING)
    market.publish(NIGHT)
    return market


def passed_over(market: Market, dispatch_id: int) -> list[tuple[int, str, str, str, int]]:
    """(wave, tier, reason, state, users) of every suppression."""
    with market.database.read() as session:
        found = suppression_counts(session, dispatch_id)
    return [(each.wave, each.tier, each.reason, each.state, each.users) for each in found]


def jump(market: Market, milliseconds: int) -> None:
    """Let time pass at once, and work on what became due."""
    market.now_ms += milliseconds
    market.settle()


def test_who_was_offered_enough_is_passed_over_and_caught_up_with_once(sparing: Market) -> None:
    """The first order takes the attention of five users; the second one passes them over, tells the others, and comes
    back to the five when the tier's window is over, before the partial tier opens.
    """
    first = sparing.open()
    sparing.settle()
    sparing.do(dispatch.cancel_dispatch, first)
    second = sparing.open(policy="sparing")
    sparing.advance(250)
    assert sparing.told(second) == [6, 7, 8, 9, 10, 11, 12]
    assert passed_over(sparing, second) == [(1, "full", "hour_cap", "waiting", 5)]
    summary = sparing.get(second).summary
    assert (summary.state, summary.notified_full) == ("offering_full", 7)
    jump(sparing, HOUR_MS)
    assert sparing.told(second) == [6, 7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5]
    assert passed_over(sparing, second) == [(1, "full", "hour_cap", "settled", 5)]
    assert sparing.get(second).summary.state == "offering_full", "the window runs again for those told last"
    sparing.advance(1_000)
    assert sparing.get(second).summary.state == "offering_partial"


def test_who_is_still_to_be_spared_at_the_catch_up_is_suppressed_for_good(sparing: Market) -> None:
    first = sparing.open()
    sparing.settle()
    sparing.do(dispatch.cancel_dispatch, first)
    second = sparing.open(policy="sparing")
    sparing.advance(2_000)
    told = sparing.told(second)
    assert told[:7] == [6, 7, 8, 9, 10, 11, 12]
    assert not {1, 2, 3, 4, 5} & set(told)
    assert passed_over(sparing, second)[:2] == [
        (1, "full", "hour_cap", "settled", 5),
        (3, "full", "hour_cap", "final", 5),
    ]
    jump(sparing, HOUR_MS)
    assert not {1, 2, 3, 4, 5} & set(sparing.told(second)), "one catch-up wave, not two"
    with sparing.database.read() as session:
        lines = suppressions_of(session, second, 3)
        assert [(line.reason, line.state) for line in lines] == [("hour_cap", "settled"), ("hour_cap", "final")]
        assert suppressions_of(session, second, 6) == []


def test_two_orders_of_one_batch_share_the_attention_of_a_user(sparing: Market) -> None:
    """The second order of the batch sees what the first one is about to take."""
    answers = sparing.submit({**WELDER, "id": 1}, {**WELDER, "id": 2}, {**WELDER, "id": 3}, policy="sparing")
    sparing.step()
    told = [sparing.told(answer.dispatch_id or 0) for answer in answers]
    assert sorted(told) == [[], [], [1, 2, 3, 4, 5]]
    sparing.advance(1_000)
    everybody = [user for answer in answers for user in sparing.told(answer.dispatch_id or 0)]
    assert len(everybody) == len(set(everybody)), "one offer an hour"


def test_a_dispatch_that_passed_users_over_is_not_replayed_wrongly(sparing: Market) -> None:
    """A difference that is none would be worse than a sentence."""
    sparing.submit({**WELDER, "id": 1}, {**WELDER, "id": 2}, policy="sparing")
    first, second = (answer.dispatch_id or 0 for answer in sparing.submit({**WELDER, "id": 1}, {**WELDER, "id": 2}))
    sparing.step()
    with sparing.database.read() as session:
        told, spared = (first, second) if sparing.told(first) else (second, first)
        assert replay_dispatch(session, dispatch_id=told).differences == ()
        with pytest.raises(PassedOverNotReplayed, match="its suppressions say who was passed over and why"):
            replay_dispatch(session, dispatch_id=spared)


def test_a_day_cap_counts_until_a_day_is_over(sparing: Market) -> None:
    sparing.publish(replace(SPARING, name="daily", offers_an_hour=0, offers_a_day=1, full_window_ms=2 * HOUR_MS))
    first = sparing.open(policy="daily")
    sparing.settle()
    sparing.do(dispatch.cancel_dispatch, first)
    jump(sparing, 3 * HOUR_MS)
    second = sparing.open(policy="daily")
    sparing.settle()
    assert passed_over(sparing, second)[0][2] == "day_cap"
    sparing.do(dispatch.cancel_dispatch, second)
    jump(sparing, 24 * HOUR_MS)
    third = sparing.open(policy="daily")
    sparing.settle()
    assert sparing.told(third) == [1, 2, 3, 4, 5]


def test_who_declined_is_left_alone_for_a_while(sparing: Market) -> None:
    sparing.publish(replace(FAST, name="polite", decline_cooldown_ms=HOUR_MS))
    first = sparing.open()
    sparing.settle()
    with sparing.database.transaction() as session:
        dispatch.decline_offer(session, dispatch_id=first, user_id=2, now_ms=sparing.now_ms)
    second = sparing.open(policy="polite")
    sparing.settle()
    assert sparing.told(second) == [1, 3, 4, 5]
    assert passed_over(sparing, second) == [(1, "full", "declined", "waiting", 1)]
    sparing.now_ms += HOUR_MS
    third = sparing.open(policy="polite")
    sparing.step()
    assert sparing.told(third) == [1, 2, 3, 4, 5]


def test_at_night_nobody_is_told_and_in_the_morning_everybody_of_the_full_tier_is(sparing: Market) -> None:
    """The catch-up waits for the morning: the full tier keeps its turn before the partial one."""
    sparing.now_ms = EIGHT_IN_THE_EVENING + 3 * HOUR_MS
    dispatch_id = sparing.open(policy="night")
    sparing.advance(1_500)
    assert sparing.told(dispatch_id) == []
    assert {line[2:4] for line in passed_over(sparing, dispatch_id)} == {("quiet_hours", "waiting")}
    assert sparing.get(dispatch_id).summary.due_at_ms == EIGHT_IN_THE_EVENING + 11 * HOUR_MS
    jump(sparing, 4 * HOUR_MS)
    assert sparing.told(dispatch_id) == []
    sparing.now_ms = EIGHT_IN_THE_EVENING + 11 * HOUR_MS
    sparing.settle()
    assert sparing.told(dispatch_id) == list(range(1, 13))
    assert sparing.get(dispatch_id).summary.waves == 1
    sparing.advance(3_000)
    view = sparing.get(dispatch_id).summary
    assert (view.state, view.notified_partial) == ("exhausted", 6)


def test_who_fits_no_longer_is_let_go_and_newcomers_are_told(sparing: Market) -> None:
    """A catch-up is a fresh query: one of those set aside became a carpenter, a new welder came."""
    sparing.now_ms = EIGHT_IN_THE_EVENING + 3 * HOUR_MS
    dispatch_id = sparing.open(policy="night")
    sparing.advance(1_500)
    changed = [each for each in sparing.source.profiles if each.id != 4]
    changed.append(Profile(id=4, keywords=("木工",), regions=(PUDONG,)))
    changed.append(Profile(id=50, keywords=("电焊工",), regions=(PUDONG,)))
    sparing.source.profiles[:] = changed
    sparing.now_ms = EIGHT_IN_THE_EVENING + 11 * HOUR_MS
    sparing.settle()
    told = sparing.told(dispatch_id)
    assert told == [1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12]
    sparing.advance(150)
    assert sparing.told(dispatch_id)[11:] == [50], "the next wave of the same tier"
    sparing.advance(1_200)
    assert 4 in sparing.told(dispatch_id), "he was let go, and the partial tier finds him"


def test_a_confirmed_reach_is_used_up_by_nobody_who_is_not_told(sparing: Market) -> None:
    """Those set aside keep their places; suppressed for good, they leave them to the next ones."""
    first = sparing.open()
    sparing.settle()
    sparing.do(dispatch.cancel_dispatch, first)
    dispatch_id = sparing.open({**WELDER, "confirmed_reach": 7}, policy="sparing")
    sparing.advance(900)
    assert sparing.told(dispatch_id) == [6, 7]
    sparing.advance(600)
    assert sparing.told(dispatch_id) == [6, 7, 8, 9, 10, 11, 12]


def test_an_edit_lets_those_set_aside_go(sparing: Market) -> None:
    sparing.now_ms = EIGHT_IN_THE_EVENING + 3 * HOUR_MS
    dispatch_id = sparing.open(policy="night")
    sparing.settle()
    sparing.do(dispatch.revise_order, dispatch_id, document=WELDER, taxonomy=builtin_taxonomy())
    sparing.advance(1_500)
    states = [line[3] for line in passed_over(sparing, dispatch_id)]
    assert states == ["settled", "waiting"]
    sparing.now_ms = EIGHT_IN_THE_EVENING + 11 * HOUR_MS
    sparing.settle()
    assert sparing.told(dispatch_id) == list(range(1, 13))


def test_memory_kept_from_batch_to_batch_judges_as_memory_read_anew(sparing: Market) -> None:
    kept = Attention()
    policies = [replace(SPARING, decline_cooldown_ms=HOUR_MS)]
    for number in range(6):
        sparing.open({**WELDER, "id": f"order-{number}"}, policy="sparing" if number % 2 else "fast")
        sparing.advance(150)
        sparing.now_ms += 20 * MINUTE_MS
        with sparing.database.read() as session:
            kept.refresh(session, policies, sparing.now_ms)
            fresh = Attention()
            fresh.refresh(session, policies, sparing.now_ms)
        for user_id in range(1, 13):
            again = [each.reason(policies[0], user_id, sparing.now_ms) for each in (kept, fresh)]
            assert again[0] == again[1], user_id


def statements_of(market: Market, policy: str, name: str) -> int:
    """How many statements one batch of 40 orders costs."""
    market.submit(*[{**WELDER, "id": f"{name}-{number}"} for number in range(40)], policy=policy)
    claims = market.claims("dispatch")
    counted: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        counted.append(statement)

    with market.database.read() as session:
        engine = session.engine
    event.listen(engine, "before_cursor_execute", count)
    dispatch.run_due_dispatches(market.database, market.ids, market.source, claims, now_ms=market.now_ms)
    event.remove(engine, "before_cursor_execute", count)
    return len(counted)


def test_a_policy_that_spares_nobody_costs_no_statement_and_one_that_does_a_handful(sparing: Market) -> None:
    """Not a query a user, nor one an order: one for the waves, one for where they begin, one to write who is spared."""
    sparing.open({**WELDER, "id": "warm"})
    sparing.settle()
    sparing.publish(replace(FAST, name="generous", offers_a_day=1_000))
    plain = statements_of(sparing, "fast", "first")
    assert statements_of(sparing, "fast", "second") == plain
    assert statements_of(sparing, "generous", "third") == plain + 2
    assert statements_of(sparing, "sparing", "fourth") <= plain + 3


def test_a_large_wave_is_judged_and_packed(database: Database, ids: IdAllocator) -> None:
    """2,000 users, half of whom were told before: one row a wave and reason, however many users."""
    market = Market(database, ids, full=2_000, partial=0)
    market.publish(Policy("half", wave_size=1_000))
    market.publish(Policy("capped", wave_size=2_000, offers_a_day=1))
    market.open(policy="half")
    market.settle()
    dispatch_id = market.open(policy="capped")
    market.settle()
    assert passed_over(market, dispatch_id) == [(1, "full", "day_cap", "waiting", 1_000)]
    assert market.get(dispatch_id).summary.notified_full == 1_000
