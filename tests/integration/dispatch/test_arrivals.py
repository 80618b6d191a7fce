"""The queue of an order is in the order of commits, on both databases: no clock and no block of ids decides it."""

import threading

from kit.db import Database
from kit.ids import IdAllocator
from marketplace import dispatch
from marketplace.dispatch.policies import Policy
from tests.integration.dispatch.market import Market

CROWD = Policy("crowd", wave_size=100, acceptors_wanted=50)


def queue(market: Market, dispatch_id: int) -> list[tuple[int, int | None]]:
    """Users and their places, in the order of arrival."""
    return [(each.user_id, each.position) for each in market.get(dispatch_id).acceptances]


def accept_elsewhere(market: Market, ids: IdAllocator, dispatch_id: int, user_id: int, clock_ms: int) -> int | None:
    """Accept in another web process, which has ids and a clock of its own."""
    answer = market.database.run(
        lambda session: dispatch.accept_offer(session, ids, dispatch_id=dispatch_id, user_id=user_id, now_ms=clock_ms)
    )
    return answer.position


def test_neither_clocks_nor_ids_of_web_processes_decide_the_queue(market: Market) -> None:
    """The second process's clock is behind and its ids are smaller: its users still stand behind the earlier one."""
    early, late = IdAllocator(market.database), IdAllocator(market.database)
    early.next_id()
    late.next_id()
    dispatch_id = market.open()
    market.settle()
    assert accept_elsewhere(market, late, dispatch_id, 3, market.now_ms + 500) == 1
    assert accept_elsewhere(market, early, dispatch_id, 1, market.now_ms) == 2
    assert accept_elsewhere(market, late, dispatch_id, 2, market.now_ms + 100) == 3
    assert queue(market, dispatch_id) == [(3, 1), (1, 2), (2, 3)]


def test_a_web_process_whose_clock_is_ahead_does_not_put_the_timer_off(market: Market) -> None:
    dispatch_id = market.open()
    market.settle()
    due_at_ms = market.get(dispatch_id).summary.due_at_ms
    assert due_at_ms is not None
    accept_elsewhere(market, IdAllocator(market.database), dispatch_id, 1, market.now_ms + 30_000)
    market.now_ms = due_at_ms
    assert [claimed.subject_id for claimed in market.claims("dispatch")] == [dispatch_id]


def test_a_renewed_yes_goes_to_the_end_whatever_the_clock_says(market: Market) -> None:
    dispatch_id = market.open()
    market.settle()
    for user_id in (1, 2, 3):
        market.accept(dispatch_id, user_id)
    market.do(dispatch.withdraw_acceptance, dispatch_id, user_id=1)
    assert queue(market, dispatch_id) == [(1, None), (2, 1), (3, 2)]
    assert accept_elsewhere(market, market.ids, dispatch_id, 1, market.now_ms - 50) == 3
    assert accept_elsewhere(market, market.ids, dispatch_id, 2, market.now_ms) == 1, (
        "the same yes again keeps its place"
    )
    assert queue(market, dispatch_id) == [(2, 1), (3, 2), (1, 3)]


def test_a_batch_over_many_orders_keeps_its_order_in_each(market: Market) -> None:
    first, second = (market.open({"keywords": ["电焊工"], "id": number}) for number in (1, 2))
    market.settle()
    answers = [(first, 3), (second, 5), (first, 1), (second, 2), (first, 2), (first, 3)]
    given = market.database.run(
        lambda session: dispatch.accept_offers(session, market.ids, answers=answers, now_ms=market.now_ms)
    )
    assert [each.position for each in given] == [1, 1, 2, 2, 3, 1]
    assert queue(market, first) == [(3, 1), (1, 2), (2, 3)]
    assert queue(market, second) == [(5, 1), (2, 2)]


def test_a_rolled_back_yes_leaves_no_trace_in_the_queue(market: Market) -> None:
    dispatch_id = market.open()
    market.settle()
    try:
        with market.database.transaction() as session:
            dispatch.accept_offer(session, market.ids, dispatch_id=dispatch_id, user_id=1, now_ms=market.now_ms)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert market.accept(dispatch_id, 2) == 1
    assert queue(market, dispatch_id) == [(2, 1)]


def test_a_place_once_told_never_gets_worse(database: Database) -> None:
    """Eight clients at once: whoever commits later stands behind everybody who was told his place before."""
    market = Market(database, IdAllocator(database), full=80, partial=0)
    market.publish(CROWD)
    dispatch_id = market.open(policy="crowd")
    market.settle()
    told: dict[int, int | None] = {}
    failures: list[BaseException] = []
    start = threading.Barrier(8)

    def client(first: int) -> None:
        ids = IdAllocator(database)
        start.wait()
        try:
            for user_id in range(first, 81, 8):
                # Every client's clock is off by another amount.
                told[user_id] = accept_elsewhere(market, ids, dispatch_id, user_id, market.now_ms + first * 7 % 5)
        except BaseException as error:  # noqa: BLE001  # handed to the asserting thread
            failures.append(error)

    clients = [threading.Thread(target=client, args=(first,)) for first in range(1, 9)]
    for each in clients:
        each.start()
    for each in clients:
        each.join(60)
    assert failures == []
    assert dict(queue(market, dispatch_id)) == told, "nobody withdrew, so every place told is the place that stands"
    assert sorted(place or 0 for place in told.values()) == list(range(1, 81))


def test_the_places_of_a_batch_are_those_of_each_by_itself(database: Database, ids: IdAllocator) -> None:
    """More than twenty of one order are placed by a count and a stretch of its queue, fewer by reading it."""
    market = Market(database, ids, full=90)
    market.publish(CROWD)
    dispatch_id = market.open(policy="crowd")
    market.settle()
    for user_id in range(1, 31):
        market.accept(dispatch_id, user_id)
    for user_id in (2, 3, 17):
        market.do(dispatch.withdraw_acceptance, dispatch_id, user_id=user_id)
    # New ones, some who wait already, and one who comes back: between them stand others.
    users = [*range(40, 70), 5, 29, 17]
    answers = market.database.run(
        lambda session: dispatch.accept_offers(
            session, ids, answers=[(dispatch_id, user_id) for user_id in users], now_ms=market.now_ms
        )
    )
    places = {user_id: place for user_id, place in queue(market, dispatch_id) if place is not None}
    assert {answer.user_id: answer.position for answer in answers} == {user_id: places[user_id] for user_id in users}
    assert sorted(places.values()) == list(range(1, 59))


def test_many_who_were_told_by_one_great_wave_accept_at_once(database: Database, ids: IdAllocator) -> None:
    """Chunks above 4,096 users are searched by the database for a few, and fetched for many."""
    market = Market(database, ids, full=4_200)
    market.publish(Policy("great", wave_size=5_000, full_limit=5_000))
    dispatch_id = market.open(policy="great")
    market.settle()
    asked = [*range(1, 30), 4_199, 4_200, 9_999]

    def accept(users: list[int]) -> list[str]:
        pairs = [(dispatch_id, user_id) for user_id in users]
        answers = market.database.run(
            lambda session: dispatch.accept_offers(session, ids, answers=pairs, now_ms=market.now_ms)
        )
        return [answer.status for answer in answers]

    assert accept(asked) == ["accepted"] * 31 + ["error"]
    assert accept([4_198, 9_998]) == ["accepted", "error"]
