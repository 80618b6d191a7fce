"""What is counted for each user, beside the hot path and exactly once; who could have been offered, from a sample."""

from functools import partial

import pytest

from kit.work import NewWork, enqueue
from marketplace import dispatch
from marketplace.dispatch.count_fairness import ELIGIBILITY_WORK, is_sampled
from marketplace.dispatch.fairness_repository import counts_of, read_progress
from tests.integration.dispatch.market import WELDER, Market
from tests.integration.dispatch.test_races import together


def fairness(market: Market, user_id: int) -> tuple[int, int]:
    """(offered, won) of a user."""
    with market.database.read() as session:
        found = dispatch.fairness_of(session, user_id=user_id)
    return found.offered, found.won


def test_offers_are_counted_once_however_often_they_are_looked_at(market: Market) -> None:
    first = market.open()
    market.settle()
    assert dispatch.count_offers(market.database, market.ids, now_ms=market.now_ms) == 5
    assert dispatch.count_offers(market.database, market.ids, now_ms=market.now_ms) == 0
    market.advance(250)
    market.open({**WELDER, "id": "second"})
    market.settle()
    market.accept(first, 2)
    market.do(dispatch.select_acceptor, first, user_id=2)
    dispatch.count_offers(market.database, market.ids, now_ms=market.now_ms)
    assert [fairness(market, user) for user in (1, 2, 12, 101)] == [(2, 0), (2, 1), (1, 0), (0, 0)]


def test_counters_at_the_same_time_count_once(maria_market: Market) -> None:
    for number in range(20):
        maria_market.open({**WELDER, "id": f"n{number}"})
    maria_market.settle()
    count = partial(dispatch.count_offers, maria_market.database, maria_market.ids, now_ms=maria_market.now_ms)
    assert sum(together(*[count] * 4)) == 100
    assert fairness(maria_market, 1) == (20, 0)


def test_a_counter_that_dies_counts_nothing_twice(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    market.open()
    market.settle()
    from marketplace.dispatch import fairness_repository

    real = fairness_repository.save_progress

    def dying(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fairness_repository, "save_progress", dying)
    with pytest.raises(KeyboardInterrupt):
        dispatch.count_offers(market.database, market.ids, now_ms=market.now_ms)
    monkeypatch.setattr(fairness_repository, "save_progress", real)
    dispatch.count_offers(market.database, market.ids, now_ms=market.now_ms)
    assert fairness(market, 1) == (1, 0)


def test_eligibility_is_asked_of_sampled_orders_told_or_not(market: Market) -> None:
    """All 12 welders were eligible, though one wave of 5 was told; an estimate is a hundred times the sample."""
    market.open()
    market.settle()
    dispatch.count_offers(market.database, market.ids, now_ms=market.now_ms, one_in=1)
    claims = market.claims(ELIGIBILITY_WORK)
    assert len(claims) == 1
    dispatch.sample_eligibility(market.database, market.source, claims)
    dispatch.sample_eligibility(market.database, market.source, claims)
    with market.database.read() as session:
        found = [dispatch.fairness_of(session, user_id=user) for user in (1, 12, 101)]
        assert [each.eligible_estimate for each in found] == [100, 100, 0]
        assert read_progress(session).sampled_orders == 1, "the second, late worker counted nothing"


def test_an_order_that_cannot_be_asked_is_passed_over(market: Market) -> None:
    """Revised, and not matched again yet: the sample does without it."""
    with market.database.transaction() as session:
        enqueue(session, market.ids, [NewWork(ELIGIBILITY_WORK, 77, market.now_ms)], market.now_ms)
    dispatch.sample_eligibility(market.database, market.source, market.claims(ELIGIBILITY_WORK))
    with market.database.read() as session:
        assert read_progress(session).sampled_orders == 0
        assert dispatch.fairness_of(session, user_id=1).eligible_estimate is None
    assert market.claims(ELIGIBILITY_WORK) == []


def test_one_in_a_hundred_is_drawn() -> None:
    """By a hash of the number, so that no block of numbers is left out (six standard deviations)."""
    drawn = sum(is_sampled(dispatch_id) for dispatch_id in range(1 << 40, (1 << 40) + 20_000))
    assert 115 < drawn < 285


def test_a_list_of_all_is_read_page_by_page(market: Market) -> None:
    market.open()
    market.advance(250)
    dispatch.count_offers(market.database, market.ids, now_ms=market.now_ms)
    seen: list[int] = []
    cursor: str | None = None
    with market.database.read() as session:
        while True:
            page = dispatch.list_fairness(session, cursor=cursor, limit=5)
            seen += [each.user_id for each in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == list(range(1, 13))
        assert counts_of(session, [1, 999])[999].offered == 0
