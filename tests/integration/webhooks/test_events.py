"""What happens to a dispatch reaches its owner's webhook: signed, complete, and in the transaction of the change."""

import json
from typing import Any

import pytest
from sqlalchemy import func, select

from marketplace import dispatch, webhooks
from marketplace.webhooks import EventKind
from marketplace.webhooks.tables import webhook_event
from tests.harness.receiver import Receiver
from tests.integration.dispatch.market import WELDER, Market
from tests.integration.webhooks.sending import Hooks


def told(receiver: Receiver, secret: str) -> list[tuple[str, dict[str, Any]]]:
    """(type, data) of what arrived, each with a good signature, in the order of the events."""
    found = []
    for arrived in sorted(receiver.arrived, key=lambda each: int(each.headers["webhook-id"].removeprefix("evt_"))):
        document = json.loads(arrived.body)
        assert set(document) == {"type", "timestamp", "data"}
        found.append((document["type"], document["data"]))
    return found


def events_written(market: Market) -> int:
    with market.database.read() as session:
        count: int = session.execute(select(func.count()).select_from(webhook_event)).scalar_one()
        return count


def test_the_owner_is_told_of_a_whole_dispatch(market: Market, hooks: Hooks, receiver: Receiver) -> None:
    secret = hooks.register(receiver.url).secret
    dispatch_id = market.open({**WELDER, "id": "A-1"})
    market.settle()
    market.accept(dispatch_id, 1)
    market.accept(dispatch_id, 2)
    market.do(dispatch.withdraw_acceptance, dispatch_id, user_id=2, reason="other work")
    view = market.do(dispatch.select_acceptor, dispatch_id, user_id=1)
    market.do(dispatch.confirm_assignment, dispatch_id, token=view.token)
    market.do(dispatch.fail_assignment, dispatch_id, token=view.token, reason="never came")
    market.do(dispatch.cancel_dispatch, dispatch_id, reason="not needed")
    hooks.work()
    found = told(receiver, secret)
    about = {"dispatch_id": dispatch_id, "external_id": "A-1"}
    assert [kind for kind, _ in found] == [
        "dispatch.wave_sent",
        "acceptance.created",
        "acceptance.created",
        "acceptance.withdrawn",
        "dispatch.assigned",
        "assignment.confirmed",
        "assignment.ended",
        "dispatch.closed",
    ]
    assert all(data | about == data for _, data in found)
    assert found[0][1] | {"wave": 1, "full": 5, "partial": 0} == found[0][1]
    assert found[3][1] | {"user_id": 2, "reason": "other work", "user_external_id": None} == found[3][1]
    assert found[6][1] | {"user_id": 1, "ending": "failed", "reason": "never came"} == found[6][1]
    assert found[7][1] | {"stage": "cancelled", "reason": "not needed"} == found[7][1]
    assert [each.state for each in hooks.deliveries(hooks_id(hooks))] == ["delivered"] * 8


def hooks_id(hooks: Hooks) -> int:
    with hooks.database.read() as session:
        return webhooks.list_webhooks(session, owner="shop")[0].webhook_id


def test_only_chosen_kinds_of_the_own_dispatches_are_told(market: Market, hooks: Hooks, receiver: Receiver) -> None:
    hooks.register(receiver.url, EventKind.CLOSED)
    hooks.register(receiver.url, EventKind.WAVE_SENT, owner="somebody else")
    dispatch_id = market.open()
    market.settle()
    assert events_written(market) == 0
    market.do(dispatch.cancel_dispatch, dispatch_id)
    hooks.work()
    assert [json.loads(each.body)["type"] for each in receiver.arrived] == ["dispatch.closed"]


def test_a_rolled_back_change_tells_nothing(market: Market, hooks: Hooks, receiver: Receiver) -> None:
    hooks.register(receiver.url)
    dispatch_id = market.open()
    market.settle()
    before = events_written(market)
    with pytest.raises(RuntimeError), market.database.transaction() as session:
        dispatch.accept_offer(session, market.ids, dispatch_id=dispatch_id, user_id=1, now_ms=market.now_ms)
        raise RuntimeError("the process dies")
    assert events_written(market) == before


def test_the_publisher_silent_and_the_lapsed_hold_are_told(market: Market, hooks: Hooks, receiver: Receiver) -> None:
    secret = hooks.register(
        receiver.url, EventKind.PUBLISHER_REMINDED, EventKind.ASSIGNMENT_ENDED, EventKind.CLOSED
    ).secret
    dispatch_id = market.open()
    market.settle()
    market.accept(dispatch_id, 1)
    market.accept(dispatch_id, 2)
    market.do(dispatch.select_acceptor, dispatch_id, user_id=1)
    for _ in range(7):
        market.now_ms += 20_000
        market.settle()
    hooks.work()
    found = told(receiver, secret)
    assert [kind for kind, _ in found] == ["assignment.ended", "dispatch.publisher_reminded", "dispatch.closed"]
    assert found[0][1] | {"user_id": 1, "ending": "lapsed"} == found[0][1]
    assert found[1][1] | {"waiting": 1} == found[1][1]
    assert found[2][1] | {"stage": "publisher_silent"} == found[2][1]
