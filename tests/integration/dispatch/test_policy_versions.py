"""Policies in versions: published, read, named by an order, kept by a dispatch."""

from dataclasses import replace

import pytest

from kit.errors import InvalidInput
from marketplace import dispatch
from marketplace.dispatch.policies import DEFAULT, Policy
from marketplace.dispatch.publish_policy import PolicyNotFound
from tests.integration.dispatch.market import FAST, WELDER, Market


def test_the_same_policy_again_is_the_same_version(market: Market) -> None:
    with market.database.transaction() as session:
        again = dispatch.publish_policy(session, market.ids, policy=FAST, now_ms=market.now_ms)
        other = dispatch.publish_policy(session, market.ids, policy=replace(FAST, wave_size=7), now_ms=market.now_ms)
    assert (again.version, again.is_new) == (1, False)
    assert (other.version, other.is_new) == (2, True)


def test_an_order_names_the_newest_version_or_one_of_them(market: Market) -> None:
    market.publish(replace(FAST, wave_size=7))
    newest = market.open(policy="fast")
    first = market.open({**WELDER, "policy": "fast:1"})
    second = market.open({**WELDER, "policy": "fast:2"})
    market.settle()
    assert [len(market.told(each)) for each in (newest, first, second)] == [7, 5, 7]
    assert [market.get(each).policy_version for each in (newest, first, second)] == [2, 1, 2]


def test_a_running_dispatch_keeps_its_version(market: Market) -> None:
    dispatch_id = market.open()
    market.settle()
    market.publish(replace(FAST, wave_size=2))
    market.advance(100)
    assert len(market.told(dispatch_id)) == 10
    assert market.get(dispatch_id).policy == FAST


def test_a_version_that_is_not_there_is_named(market: Market) -> None:
    references = ["fast:0", "fast:2", "fast:", "fast:x", "fast:-1", "fast:1.0", "fast:99999999"]
    answers = market.submit(*[{**WELDER, "policy": reference} for reference in references])
    rule = "names no version of that policy; there are the versions 1 to 1, and without one the newest."
    assert [answer.sentence for answer in answers] == [f"policy: '{reference}' {rule}" for reference in references]


def test_an_unknown_policy_is_named_with_the_known_ones(market: Market) -> None:
    answer = market.submit({**WELDER, "policy": "slow:1"})[0]
    known = "choose one of default, demonstration, fast, whole_tier."
    assert answer.sentence == f"policy: 'slow:1' is not a known policy; {known}"


def test_policies_are_listed_and_read(market: Market) -> None:
    market.publish(replace(FAST, wave_size=7))
    with market.database.read() as session:
        listed = {each.policy.name: each.version for each in dispatch.list_policies(session)}
        assert listed == {"default": None, "demonstration": None, "fast": 2, "whole_tier": None}
        assert dispatch.get_policy(session, name="fast").policy.wave_size == 7
        assert dispatch.get_policy(session, name="fast", version=1).policy == FAST
        assert dispatch.get_policy(session, name="default").policy == DEFAULT
        versions = dispatch.list_policy_versions(session, name="fast")
        assert [each.version for each in versions] == [2, 1]
        for name, version in (("slow", None), ("fast", 3), ("fast", 10**9)):
            with pytest.raises(PolicyNotFound, match="There is no policy"):
                dispatch.get_policy(session, name=name, version=version)
        with pytest.raises(PolicyNotFound):
            dispatch.list_policy_versions(session, name="slow")


def test_a_published_default_takes_the_place_of_the_built_in_one(market: Market) -> None:
    market.publish(Policy("default", wave_size=3))
    dispatch_id = market.open(policy="default")
    market.settle()
    assert len(market.told(dispatch_id)) == 3


def test_a_policy_without_any_window_ends_at_one_moment(market: Market) -> None:
    """Windows, intervals and timers of zero: everybody is told in bounded steps, and the dispatch ends."""
    zero = Policy("zero", wave_size=5, wave_interval_ms=0, full_window_ms=0, partial_window_ms=0, partial_limit=6)
    market.publish(replace(zero, publisher_idle_ms=0, hold_ms=0))
    dispatch_id = market.open(policy="zero")
    market.settle()
    summary = market.get(dispatch_id).summary
    assert (summary.state, summary.notified_full, summary.notified_partial) == ("exhausted", 12, 6)


def test_a_wave_of_a_million_is_refused_with_the_bounds() -> None:
    with pytest.raises(InvalidInput, match="wave_size: 1000000 must be a whole number from 1 to 99,999"):
        Policy.from_document({"name": "huge", "wave_size": 1_000_000})


def test_equals_rotate_by_order_and_the_wave_says_among_how_many(market: Market) -> None:
    """Everybody of the tier still is told, nobody twice; who comes first differs between orders."""
    market.publish(replace(FAST, name="rotating", rotate_equals=True))
    dispatch_ids = [market.open({**WELDER, "id": f"r{number}"}, policy="rotating") for number in range(6)]
    market.settle()
    first = {tuple(sorted(market.told(each))) for each in dispatch_ids}
    assert len(first) > 1
    with market.database.read() as session:
        wave = dispatch.list_waves(session, dispatch_id=dispatch_ids[0]).items[0]
    assert wave.certificate["rotation"] == {"full": {"among": 12, "whole": True}}
    market.advance(250)
    assert all(sorted(market.told(each)) == list(range(1, 13)) for each in dispatch_ids)
