"""Races between real transactions, on MariaDB: the database decides them, and every answer is an honest one."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from kit.db import Database
from kit.errors import QuanwangError
from kit.ids import IdAllocator
from marketplace import dispatch
from marketplace.dispatch.errors import DispatchClosed, OrderAlreadyAssigned
from marketplace.dispatch.policies import Policy
from tests.integration.dispatch.market import Market

ROUNDS = 12
CROWD = Policy("crowd", wave_size=1_000, acceptors_wanted=1)


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls at the same moment, each in a thread; return results or named errors. Others break the test."""
    barrier = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(place: int, call: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            results[place] = call()
        except QuanwangError as error:
            results[place] = error
        except BaseException as error:  # noqa: BLE001  # shown by the caller
            results[place] = AssertionError(f"unexpected {error!r}")

    threads = [threading.Thread(target=run, args=(place, call)) for place, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    broken = [result for result in results if isinstance(result, AssertionError)]
    assert not broken, broken
    return results


def accepting(market: Market, dispatch_id: int, user_ids: Sequence[int]) -> Callable[[], list[int | None]]:
    """A client that accepts for its users one by one."""
    return lambda: [market.accept(dispatch_id, user_id) for user_id in user_ids]


def test_a_thousand_acceptances_of_one_order(mariadb_database: Database) -> None:
    """All are queued, each place is given once; the dispatcher runs beside them and pauses the waves."""
    market = Market(mariadb_database, IdAllocator(mariadb_database), full=1_000, partial=0)
    market.publish(CROWD)
    dispatch_id = market.open(policy="crowd")
    market.settle()
    clients = [accepting(market, dispatch_id, range(first, 1_001, 8)) for first in range(1, 9)]
    results = together(*clients, market.settle)
    assert not [result for result in results if isinstance(result, QuanwangError)]
    market.settle()
    view = market.get(dispatch_id)
    assert view.summary.accepted_count == 1_000
    assert [each.position for each in view.acceptances] == list(range(1, 1_001))
    assert sorted(each.user_id for each in view.acceptances) == list(range(1, 1_001))


def test_the_same_yes_from_many_places_is_one_acceptance(maria_market: Market) -> None:
    dispatch_id = maria_market.open()
    maria_market.settle()
    places = together(*[lambda: maria_market.accept(dispatch_id, 1)] * 8)
    assert places == [1] * 8
    assert maria_market.get(dispatch_id).summary.accepted_count == 1


def test_two_selections_at_once_assign_one(maria_market: Market) -> None:
    for number in range(1, ROUNDS + 1):
        dispatch_id = maria_market.open({"keywords": ["电焊工"], "id": number})
        maria_market.settle()
        for user_id in (1, 2):
            maria_market.accept(dispatch_id, user_id)
        results = together(
            partial(maria_market.do, dispatch.select_acceptor, dispatch_id, user_id=1),
            partial(maria_market.do, dispatch.select_acceptor, dispatch_id, user_id=2),
        )
        assert sum(isinstance(result, OrderAlreadyAssigned) for result in results) == 1
        assignment = maria_market.get(dispatch_id).assignment
        assert assignment is not None


def test_accept_against_cancel_leaves_nobody_waiting(maria_market: Market) -> None:
    """Either the yes came first and is released by the cancellation, or it is told that the order is closed."""
    outcomes: Counter[str] = Counter()
    for number in range(1, ROUNDS + 1):
        dispatch_id = maria_market.open({"keywords": ["电焊工"], "id": number})
        maria_market.settle()
        accepted, cancelled = together(
            partial(maria_market.accept, dispatch_id, 1),
            partial(maria_market.do, dispatch.cancel_dispatch, dispatch_id),
        )
        assert cancelled is None
        view = maria_market.get(dispatch_id)
        if isinstance(accepted, DispatchClosed):
            outcomes["closed"] += 1
            assert view.acceptances == ()
        else:
            outcomes["released"] += 1
            assert (accepted, view.acceptances[0].state) == (1, "released")
    assert sum(outcomes.values()) == ROUNDS


def test_select_against_withdraw_has_one_winner(maria_market: Market) -> None:
    for number in range(1, ROUNDS + 1):
        dispatch_id = maria_market.open({"keywords": ["电焊工"], "id": number})
        maria_market.settle()
        maria_market.accept(dispatch_id, 1)
        together(
            partial(maria_market.do, dispatch.select_acceptor, dispatch_id, user_id=1),
            partial(maria_market.do, dispatch.withdraw_acceptance, dispatch_id, user_id=1),
        )
        # Selected first and then withdrawn from the front, or withdrawn first and not selectable: never both.
        view = maria_market.get(dispatch_id)
        assert view.assignment is None
        assert [each.state for each in view.acceptances] == ["withdrawn"]


def test_two_dispatchers_send_each_wave_once(maria_market: Market) -> None:
    answers = maria_market.submit(*[{"keywords": ["电焊工"], "id": number} for number in range(1, 61)])
    for _ in range(6):
        together(maria_market.settle, maria_market.settle)
        maria_market.now_ms += 100
    for answer in answers:
        assert maria_market.told(answer.dispatch_id or 0) == list(range(1, 13))


def test_the_same_order_submitted_twice_at_once_is_one(maria_market: Market) -> None:
    documents = [{"keywords": ["电焊工"], "id": f"order-{number}"} for number in range(30)]
    first, second = together(lambda: maria_market.submit(*documents), lambda: maria_market.submit(*reversed(documents)))
    by_name = {answer.external_id: answer for answer in first}
    for answer in second:
        other = by_name[answer.external_id]
        assert {answer.status, other.status} == {"created", "duplicate"}
        assert answer.dispatch_id == other.dispatch_id


@pytest.mark.parametrize("clients", [6])
def test_everything_at_once_keeps_the_invariants(maria_market: Market, clients: int) -> None:
    """Acceptances, withdrawals, selections, failures and the dispatcher in each other's way."""
    dispatch_ids = [maria_market.open({"keywords": ["电焊工"], "id": number}) for number in range(1, 5)]
    maria_market.settle()

    def client(seed: int) -> None:
        for turn in range(25):
            dispatch_id = dispatch_ids[(seed + turn) % len(dispatch_ids)]
            user_id = 1 + (seed * 7 + turn) % 5
            action = (seed + turn * 3) % 4
            try:
                if action < 2:
                    maria_market.accept(dispatch_id, user_id)
                elif action == 2:
                    maria_market.do(dispatch.select_acceptor, dispatch_id, user_id=user_id)
                else:
                    token = maria_market.get(dispatch_id).assignment
                    if token is not None:
                        maria_market.do(dispatch.fail_assignment, dispatch_id, token=token.token, reason="no")
            except QuanwangError:
                continue

    def dispatcher() -> None:
        for _ in range(25):
            maria_market.step()

    results = together(*[partial(client, seed) for seed in range(clients)], dispatcher)
    assert not [result for result in results if result is not None]
