"""An edit after approval: a new version for those not told yet, the same item with another title for those who were."""

from typing import Any

import pytest

from kit.errors import InvalidInput, QuanwangError
from marketplace import dispatch
from marketplace.dispatch.errors import DispatchNotFound, OrderAlreadyAssigned
from marketplace.dispatch.revise_order import OrderChangedMeanwhile
from marketplace.users import user_ids_for
from matching.taxonomy import builtin_taxonomy
from tests.integration.dispatch.market import WELDER, Market
from tests.integration.dispatch.test_races import together

CARPENTER = {"keywords": ["木工"], "title": "carpenter"}


def revise(market: Market, dispatch_id: int, document: object, **arguments: Any) -> int:
    version: int = market.do(
        dispatch.revise_order, dispatch_id, document=document, taxonomy=builtin_taxonomy(), **arguments
    )
    return version


def test_told_users_see_the_item_change_and_nobody_is_told_twice(market: Market) -> None:
    dispatch_id = market.open({**WELDER, "title": "welder"})
    market.settle()
    before = {key: list(events) for key, events in market.inboxes.entries.items()}
    assert revise(market, dispatch_id, {**WELDER, "title": "welder by night"}) == 2
    market.settle()
    assert market.inboxes.titles == {dispatch_id: "welder by night"}
    assert market.inboxes.states[dispatch_id] == "open"
    market.advance(5_000)
    told = market.told(dispatch_id)
    assert len(told) == len(set(told)) == 18
    assert all(market.inboxes.entries[key] == events for key, events in before.items())
    with market.database.read() as session:
        assert dispatch.labels_of(session, [dispatch_id])[dispatch_id].title == "welder by night"


def test_those_not_told_yet_are_offered_by_the_new_version(market: Market) -> None:
    dispatch_id = market.open()
    market.settle()
    revise(market, dispatch_id, CARPENTER)
    market.settle()
    assert market.told(dispatch_id) == [1, 2, 3, 4, 5, 101, 102, 103, 104, 105]
    with market.database.read() as session:
        waves = dispatch.list_waves(session, dispatch_id=dispatch_id).items
    assert [(each.order_version, each.tier) for each in waves] == [(1, "full"), (2, "full")]


def test_acceptances_stay_queued_and_a_told_user_may_still_accept(market: Market) -> None:
    dispatch_id = market.open()
    market.settle()
    market.accept(dispatch_id, 3)
    revise(market, dispatch_id, CARPENTER)
    market.settle()
    assert market.accept(dispatch_id, 4) == 2
    assert [each.user_id for each in market.get(dispatch_id).acceptances] == [3, 4]


def test_an_assigned_order_is_not_revised(market: Market) -> None:
    dispatch_id = market.open()
    market.settle()
    market.accept(dispatch_id, 1)
    market.do(dispatch.select_acceptor, dispatch_id, user_id=1)
    with pytest.raises(OrderAlreadyAssigned):
        revise(market, dispatch_id, CARPENTER)
    assert market.get(dispatch_id).order_version == 1


def test_what_a_revision_cannot_be_is_one_sentence(market: Market) -> None:
    dispatch_id = market.open({**WELDER, "id": "mine", "publisher": "anna"})
    wrong: list[tuple[object, str]] = [
        ({"keywords": ["木工"], "id": "other"}, "id: 'other' is not the id of this order"),
        ({"keywords": ["木工"], "publisher": "bert"}, "publisher: 'bert' is not who published this order"),
        ({"keywords": ["木工"], "policy": "default"}, "policy: 'default' cannot be changed"),
        ({"keywords": ["木工"], "expires_at_ms": 1}, "expires_at_ms: 1 is over already"),
        ({"keywords": []}, "order names no dimension"),
        ({"keywords": ["木工"], "colour": 1}, "colour is no field of the order"),
        ([], "order"),
    ]
    for document, sentence in wrong:
        with pytest.raises(InvalidInput) as refused:
            revise(market, dispatch_id, document)
        assert refused.value.sentence.startswith(sentence), refused.value.sentence
    assert market.get(dispatch_id).order_version == 1


def test_naming_what_stays_is_welcome(market: Market) -> None:
    dispatch_id = market.open({**WELDER, "id": "mine", "publisher": "anna"})
    assert revise(market, dispatch_id, {**CARPENTER, "id": "mine", "publisher": "anna"}) == 2


def test_excluded_users_of_the_backend_are_translated(market: Market) -> None:
    mapped = market.database.run(
        lambda session: user_ids_for(session, market.ids, "shop", ["x", "y"], now_ms=market.now_ms)
    )
    dispatch_id = market.open()
    revise(market, dispatch_id, {**WELDER, "exclude": ["x", "stranger"]})
    assert market.get(dispatch_id).document["exclude"] == [mapped["x"]]


def test_somebody_elses_order_is_not_there(market: Market) -> None:
    dispatch_id = market.open()
    with pytest.raises(DispatchNotFound):
        revise(market, dispatch_id, CARPENTER, owner="other")


def test_a_confirmed_reach_is_replaced(market: Market) -> None:
    dispatch_id = market.open({**WELDER, "policy": "whole_tier", "confirmed_reach": 3})
    market.settle()
    assert market.told(dispatch_id) == [1, 2, 3]
    revise(market, dispatch_id, {**WELDER, "confirmed_reach": 7})
    market.settle()
    assert market.told(dispatch_id) == [1, 2, 3, 4, 5, 6, 7]


def test_a_revision_between_question_and_commit_stops_the_wave(market: Market) -> None:
    """The answer was for the old version: it is not used, and the new one is asked."""
    dispatch_id = market.open()

    def edit() -> None:
        revise(market, dispatch_id, CARPENTER)

    market.source.before_answer = edit
    market.step()
    market.source.before_answer = lambda: None
    assert market.told(dispatch_id) == []
    market.settle()
    assert market.told(dispatch_id) == [101, 102, 103, 104, 105]


def test_two_revisions_at_once_are_two_versions(maria_market: Market) -> None:
    dispatch_id = maria_market.open()
    results = together(*[lambda: revise(maria_market, dispatch_id, CARPENTER)] * 4)
    assert not [each for each in results if isinstance(each, QuanwangError) and not _contended(each)]
    versions = sorted(each for each in results if isinstance(each, int))
    assert versions == list(range(2, 2 + len(versions)))
    assert maria_market.get(dispatch_id).order_version == versions[-1]


def _contended(error: QuanwangError) -> bool:
    return isinstance(error, OrderChangedMeanwhile)
