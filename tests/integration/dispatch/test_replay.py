"""A recorded dispatch replays byte for byte, whatever happened to it; a record that was tampered with does not."""

import random
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from kit.errors import InvalidInput, QuanwangError
from marketplace import dispatch
from marketplace.dispatch.errors import DispatchNotFound, UnknownPolicy
from marketplace.dispatch.packing import pack_ids
from marketplace.dispatch.policies import Policy
from marketplace.dispatch.record_repository import TooMuchToReplay
from marketplace.dispatch.remarks import RemarkCode
from marketplace.dispatch.replay_views import Replan, Replay
from marketplace.dispatch.tables import dispatch_event, wave
from matching.profiles import Profile
from matching.taxonomy import builtin_taxonomy
from tests.integration.dispatch.market import FAST, PUDONG, WELDER, Market

HISTORIES = 12
"""Random histories a database; each is named by its seed."""


def replayed(market: Market, dispatch_id: int) -> Replay:
    with market.database.read() as session:
        return dispatch.replay_dispatch(session, dispatch_id=dispatch_id)


def replanned(market: Market, dispatch_id: int, policy: str | Policy) -> Replan:
    with market.database.read() as session:
        return dispatch.replan_dispatch(session, dispatch_id=dispatch_id, with_policy=policy, now_ms=market.now_ms)


def codes(found: Replay) -> set[RemarkCode]:
    return {remark.code for remark in found.differences}


def test_both_tiers_replay_byte_for_byte_to_the_end(market: Market) -> None:
    dispatch_id = market.open()
    market.advance(3_500)
    found = replayed(market, dispatch_id)
    assert found.identical, found.differences
    assert [(each.full, each.partial) for each in found.waves] == [(5, 0), (5, 0), (2, 0), (0, 5), (0, 1)]
    assert all(len(each.recorded_digest) == 64 for each in found.waves)
    assert len({each.recorded_digest for each in found.waves}) == 5
    assert found.events == 3, "full tier, partial tier, exhausted"
    assert {remark.code for remark in found.notes} == {RemarkCode.UNTOLD_NOT_NAMED}, "the partial limit left two out"


class History:
    """One dispatch to which random things happen."""

    def __init__(self, market: Market, seed: int) -> None:
        self.market, self.draw = market, random.Random(seed)
        policy = replace(
            FAST,
            name=f"random-{seed}",
            acceptors_wanted=self.draw.choice((1, 1, 2, 3)),
            hold_ms=self.draw.choice((0, 700)),
            publisher_idle_ms=self.draw.choice((900, 50_000)),
            full_window_ms=self.draw.choice((0, 600, 1_000)),
            partial_limit=self.draw.choice((0, 3, 6)),
            dispatch_expiry_ms=self.draw.choice((4_000, 500_000)),
        )
        market.publish(policy)
        self.dispatch_id = market.open(policy=policy.name)

    def happen(self) -> None:
        market, draw = self.market, self.draw
        view = market.get(self.dispatch_id)
        told = market.told(self.dispatch_id) or [1]
        token = 0 if view.assignment is None else view.assignment.token
        waiting = [each.user_id for each in view.acceptances if each.state == "accepted"] or told
        act = draw.choice(
            ("wait", "wait", "accept", "accept", "withdraw", "select", "confirm", "fail", "arrive", "edit")
        )
        try:
            match act:
                case "accept":
                    market.accept(self.dispatch_id, draw.choice(told))
                case "withdraw":
                    who = draw.choice([*waiting, *([] if view.assignment is None else [view.assignment.user_id])])
                    market.do(dispatch.withdraw_acceptance, self.dispatch_id, user_id=who)
                case "select":
                    market.do(dispatch.select_acceptor, self.dispatch_id, user_id=draw.choice(waiting))
                case "confirm":
                    market.do(dispatch.confirm_assignment, self.dispatch_id, token=token)
                case "fail" if draw.random() < 0.5:
                    market.do(dispatch.fail_assignment, self.dispatch_id, token=token, reason="gone")
                case "arrive":
                    late = Profile(id=500 + draw.randrange(400), keywords=("电焊工",), regions=(PUDONG,))
                    if late.id not in {profile.id for profile in market.source.profiles}:
                        market.source.profiles.append(late)
                case "edit" if draw.random() < 0.2:
                    market.do(dispatch.revise_order, self.dispatch_id, document=WELDER, taxonomy=builtin_taxonomy())
                case _:
                    market.advance(draw.choice((50, 150, 400, 1_100)))
        except QuanwangError:
            pass
        if draw.random() < 0.7:
            market.advance(draw.choice((0, 50, 100)))


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_random_histories_replay_byte_for_byte(market: Market, seed: int) -> None:
    history = History(market, seed)
    for number in range(1, 31):
        history.happen()
        if number % 6 == 0:
            found = replayed(market, history.dispatch_id)
            assert found.identical, (seed, number, [remark.sentence for remark in found.differences])


@pytest.mark.plants_a_bug
def test_a_user_taken_out_of_a_wave_is_noticed(market: Market) -> None:
    dispatch_id = market.open()
    market.advance(300)
    with market.database.transaction() as session:
        second = session.execute(
            select(wave.c.id).where(wave.c.dispatch_id == dispatch_id, wave.c.number == 2)
        ).scalar_one()
        changes = {"size": 4, "user_ids": pack_ids([6, 7, 8, 9]), "scores": bytes(16), "ties": bytes(16)}
        session.execute(update(wave).where(wave.c.id == second).values(**changes))
    found = replayed(market, dispatch_id)
    assert not found.identical
    assert codes(found) == {RemarkCode.OTHER_SIZE}
    assert [each.identical for each in found.waves] == [True, False, True]


@pytest.mark.plants_a_bug
def test_another_expiry_is_noticed(market: Market) -> None:
    dispatch_id = market.open()
    market.advance(300)
    with market.database.transaction() as session:
        session.execute(update(wave).where(wave.c.number == 3).values(expires_at_ms=wave.c.expires_at_ms + 1))
    assert codes(replayed(market, dispatch_id)) == {RemarkCode.OTHER_BYTES}


@pytest.mark.plants_a_bug
def test_a_wave_that_was_sent_too_early_and_all_after_it_are_told(market: Market) -> None:
    dispatch_id = market.open()
    market.advance(300)
    with market.database.transaction() as session:
        session.execute(update(wave).where(wave.c.number == 2).values(sent_at_ms=wave.c.sent_at_ms - 60))
    found = replayed(market, dispatch_id)
    assert codes(found) == {RemarkCode.NOT_ASKED, RemarkCode.NOT_REACHED}
    assert [each.replayed_digest is None for each in found.waves] == [False, True, True]


@pytest.mark.plants_a_bug
def test_an_escalation_that_nobody_ordered_is_noticed(market: Market) -> None:
    dispatch_id = market.open()
    market.advance(300)
    with market.database.transaction() as session:
        row = {
            "id": 1,
            "dispatch_id": dispatch_id,
            "at_ms": market.now_ms,
            "kind": "offering_partial",
            "actor": "system",
        }
        session.execute(dispatch_event.insert(), [row])
    assert codes(replayed(market, dispatch_id)) == {RemarkCode.EVENT_NOT_MADE}


def test_larger_waves_tell_the_same_users_earlier(market: Market) -> None:
    market.publish(replace(FAST, name="wide", wave_size=50))
    dispatch_id = market.open()
    market.advance(150)
    market.accept(dispatch_id, 8)
    market.advance(60)
    market.do(dispatch.select_acceptor, dispatch_id, user_id=8)
    found = replanned(market, dispatch_id, "wide")
    recorded, planned = found.recorded, found.planned
    assert (recorded.full, recorded.waves, recorded.first_acceptance_ms, recorded.assigned_ms) == (10, 2, 150, 210)
    # All twelve are told at once; user 8 takes 50 ms as he did, and the publisher 60 ms more.
    assert (planned.full, planned.waves, planned.first_acceptance_ms, planned.assigned_ms) == (12, 1, 50, 110)
    assert planned.policy_version == 1
    assert [(remark.code, remark.parameters) for remark in found.notes] == [
        (RemarkCode.UNTOLD_NOT_NAMED, {"full": 2, "partial": 0}),
        (RemarkCode.PARTIAL_NEVER_ASKED, {}),
    ]


def test_a_policy_planned_with_itself_gives_what_was_recorded(market: Market) -> None:
    dispatch_id = market.open()
    market.advance(3_500)
    found = replanned(market, dispatch_id, "fast:1")
    assert replace(found.planned, ended_ms=None) == replace(found.recorded, ended_ms=None)


def test_a_higher_floor_and_a_lower_limit_leave_people_out(market: Market) -> None:
    dispatch_id = market.open()
    market.advance(3_500)
    high = replanned(market, dispatch_id, replace(FAST, name="high", partial_floor=11_000)).planned
    assert (high.full, high.partial, high.stage, high.policy_version) == (12, 0, "exhausted", None)
    few = replanned(market, dispatch_id, replace(FAST, name="few", full_limit=3, partial_limit=2)).planned
    assert (few.full, few.partial) == (3, 2)
    more = replanned(market, dispatch_id, replace(FAST, name="more", partial_limit=100))
    assert more.planned.partial == 6
    assert RemarkCode.UNTOLD_UNPLANNED in {remark.code for remark in more.notes}, "two were never named"


def test_what_cannot_be_replayed_is_refused_in_a_sentence(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    dispatch_id = market.open()
    market.settle()
    with pytest.raises(DispatchNotFound):
        replayed(market, 1)
    with pytest.raises(UnknownPolicy, match="choose one of default, demonstration, fast, whole_tier"):
        replanned(market, dispatch_id, "nothing")
    with pytest.raises(UnknownPolicy):
        replanned(market, dispatch_id, "fast:2")
    with pytest.raises(InvalidInput, match="name:version"):
        replanned(market, dispatch_id, "fast:two")
    monkeypatch.setattr("marketplace.dispatch.record_repository.MAX_CHUNKS", 0)
    with pytest.raises(TooMuchToReplay, match="1 wave chunks"):
        replayed(market, dispatch_id)


def test_a_policy_of_the_smallest_waves_is_planned_within_bounds(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatch_id = market.open()
    market.advance(3_500)
    monkeypatch.setattr("marketplace.dispatch.replan.MAX_STEPS", 5)
    found = replanned(market, dispatch_id, replace(FAST, name="drop", wave_size=1))
    assert RemarkCode.CUT_SHORT in {remark.code for remark in found.notes}
    assert found.planned.waves <= 5
