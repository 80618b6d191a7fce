"""One order through the whole of dispatch, on SQLite and MariaDB."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest

from kit.errors import Unavailable
from kit.work import HandlerOptions, Wake, WorkLoop, list_dead
from marketplace import dispatch
from marketplace.dispatch.errors import (
    AlreadyAccepted,
    DispatchClosed,
    DispatchNotFound,
    NeverOffered,
    NotInQueue,
    OfferExpired,
    OrderAlreadyAssigned,
    OwnOrder,
    StaleHold,
    WrongToken,
)
from marketplace.dispatch.ports import MatchAnswer, MatchRefused, MatchRequest
from marketplace.users import user_ids_for
from matching.profiles import Profile
from matching.taxonomy import builtin_taxonomy
from tests.integration.dispatch.market import BEIJING, FAST, PUDONG, WELDER, Market


def test_full_tier_then_partial_tier_then_exhausted(market: Market) -> None:
    """Every full user is told before any partial one, nobody twice, and the dispatch ends."""
    dispatch_id = market.open()
    market.settle()
    assert market.told(dispatch_id) == [1, 2, 3, 4, 5], "equal scores and ties: by id"
    market.advance(250)
    assert market.told(dispatch_id) == list(range(1, 13))
    assert market.get(dispatch_id).summary.state == "offering_full"
    market.advance(1_000)
    assert market.told(dispatch_id)[12:] == [101, 102, 103, 104, 105]
    market.advance(150)
    assert market.told(dispatch_id)[12:] == [101, 102, 103, 104, 105, 106], "the policy's partial limit"
    market.advance(1_200)
    summary = market.get(dispatch_id).summary
    assert (summary.state, summary.notified_full, summary.notified_partial) == ("exhausted", 12, 6)
    assert sorted(user for _, user in market.inboxes.entries) == sorted(market.told(dispatch_id))
    assert all(len(entries) == 1 for entries in market.inboxes.entries.values())
    assert market.inboxes.states[dispatch_id] == "closed"


def test_an_empty_full_tier_escalates_within_the_same_step(market: Market) -> None:
    dispatch_id = market.open({"keywords": ["木工"], "regions": [BEIJING]})
    market.step()
    assert market.told(dispatch_id) == [101, 102, 103, 104, 105]
    assert market.get(dispatch_id).summary.state == "offering_partial"
    assert market.source.calls == [1, 1]


def test_who_becomes_full_between_the_two_questions_keeps_the_full_tier_to_himself(market: Market) -> None:
    """The partial tier must not open over him, though the first answer knew nobody."""
    late = Profile(id=77, keywords=("木工",), regions=(BEIJING,))

    def arrive() -> None:
        if late not in market.source.profiles:
            market.source.profiles.append(late)

    market.source.before_answer = arrive
    dispatch_id = market.open({"keywords": ["木工"], "regions": [BEIJING]})
    market.step()
    market.step()
    assert market.told(dispatch_id) == [77]
    assert market.get(dispatch_id).summary.state == "offering_full"


def test_nobody_fits_is_exhausted_at_once_and_says_so(market: Market) -> None:
    dispatch_id = market.open({"crowds": ["nobody"]})
    market.settle()
    summary = market.get(dispatch_id).summary
    assert (summary.state, summary.full_count, summary.partial_count) == ("exhausted", 0, 0)


def test_who_becomes_full_later_is_told_first_in_the_partial_tier(market: Market) -> None:
    """A wave is a fresh query: a newcomer is not lost, the frozen query stays what it was."""
    dispatch_id = market.open()
    market.advance(300)
    frozen = market.get(dispatch_id).query_json
    market.source.profiles.append(Profile(id=50, keywords=("电焊工",), regions=(PUDONG,)))
    market.advance(1_000)
    assert market.told(dispatch_id)[12:17] == [50, 101, 102, 103, 104]
    assert market.get(dispatch_id).query_json == frozen


def test_acceptance_pauses_waves_and_a_withdrawal_resumes_them(market: Market) -> None:
    dispatch_id = market.open()
    market.settle()
    assert market.accept(dispatch_id, 3) == 1
    market.advance(2_000)
    assert len(market.told(dispatch_id)) == 5
    assert market.get(dispatch_id).summary.choice == "accepted"
    market.do(dispatch.withdraw_acceptance, dispatch_id, user_id=3)
    market.settle()
    assert len(market.told(dispatch_id)) == 10


def test_the_queue_gives_places_and_the_same_yes_again_keeps_its_place(market: Market) -> None:
    dispatch_id = market.open()
    market.settle()
    for place, user_id in enumerate((4, 2, 5), start=1):
        market.now_ms += 1
        assert market.accept(dispatch_id, user_id) == place
    assert market.accept(dispatch_id, 2) == 2
    market.do(dispatch.withdraw_acceptance, dispatch_id, user_id=4)
    market.do(dispatch.withdraw_acceptance, dispatch_id, user_id=4)
    assert market.accept(dispatch_id, 2) == 1
    market.now_ms += 1
    assert market.accept(dispatch_id, 4) == 3, "who comes back stands at the end"
    view = market.get(dispatch_id)
    assert [(each.user_id, each.position) for each in view.acceptances] == [(2, 1), (5, 2), (4, 3)]


def test_select_confirm_and_nothing_moves_any_more(market: Market) -> None:
    dispatch_id = market.open()
    market.settle()
    market.accept(dispatch_id, 1)
    market.accept(dispatch_id, 2)
    chosen = market.do(dispatch.select_acceptor, dispatch_id, user_id=2)
    assert (chosen.user_id, chosen.token, chosen.state) == (2, 1, "active")
    again = market.do(dispatch.select_acceptor, dispatch_id, user_id=2)
    assert again == chosen
    with pytest.raises(OrderAlreadyAssigned):
        market.do(dispatch.select_acceptor, dispatch_id, user_id=1)
    with pytest.raises(OrderAlreadyAssigned):
        market.accept(dispatch_id, 3)
    with pytest.raises(OrderAlreadyAssigned):
        market.do(dispatch.cancel_dispatch, dispatch_id)
    market.settle()
    assert market.inboxes.states[dispatch_id] == "taken"
    market.do(dispatch.confirm_assignment, dispatch_id, token=1)
    market.now_ms += 10**9
    market.settle()
    view = market.get(dispatch_id)
    assert view.summary.state == "assigned"
    assert view.assignment is not None
    assert view.assignment.state == "confirmed"


def test_a_hold_that_runs_out_moves_the_queue_on_and_fences_the_late_answer(market: Market) -> None:
    dispatch_id = market.open()
    market.settle()
    market.accept(dispatch_id, 1)
    market.accept(dispatch_id, 2)
    market.do(dispatch.select_acceptor, dispatch_id, user_id=1)
    market.now_ms += FAST.hold_ms
    market.settle()
    view = market.get(dispatch_id)
    assert (view.summary.state, view.summary.choice, view.assignment) == ("offering_full", "accepted", None)
    with pytest.raises(StaleHold):
        market.do(dispatch.confirm_assignment, dispatch_id, token=1)
    assert market.do(dispatch.select_acceptor, dispatch_id, user_id=2).token == 2
    with pytest.raises(WrongToken, match="has an active assignment, but 9 is not its token"):
        market.do(dispatch.confirm_assignment, dispatch_id, token=9)
    with pytest.raises(StaleHold):
        market.do(dispatch.fail_assignment, dispatch_id, token=1, reason="late")


def test_a_hold_that_runs_out_before_an_empty_queue_resumes_the_waves(market: Market) -> None:
    """The next wave is asked for in the very step that ends the hold: what its question needs was read before."""
    dispatch_id = market.open()
    market.settle()
    market.accept(dispatch_id, 1)
    market.do(dispatch.select_acceptor, dispatch_id, user_id=1)
    market.now_ms += FAST.hold_ms
    market.step()
    view = market.get(dispatch_id)
    assert (view.summary.state, view.summary.waves, view.acceptances[0].state) == ("offering_full", 2, "lapsed")
    assert market.told(dispatch_id) == list(range(1, 11))


def test_a_failed_assignment_comes_back_into_dispatch(market: Market) -> None:
    dispatch_id = market.open()
    market.settle()
    market.accept(dispatch_id, 1)
    market.do(dispatch.select_acceptor, dispatch_id, user_id=1)
    market.do(dispatch.confirm_assignment, dispatch_id, token=1)
    market.settle()
    failed = market.do(dispatch.fail_assignment, dispatch_id, token=1, reason="did not come")
    assert (failed.state, failed.reason) == ("failed", "did not come")
    market.advance(100)
    assert len(market.told(dispatch_id)) == 10, "an empty queue resumes offering"
    with pytest.raises(NotInQueue):
        market.do(dispatch.select_acceptor, dispatch_id, user_id=1)


def test_the_selected_user_may_withdraw_before_confirming(market: Market) -> None:
    dispatch_id = market.open()
    market.settle()
    market.accept(dispatch_id, 1)
    market.do(dispatch.select_acceptor, dispatch_id, user_id=1)
    market.do(dispatch.withdraw_acceptance, dispatch_id, user_id=1)
    market.settle()
    assert market.get(dispatch_id).summary.state == "offering_full"


def test_who_may_not_accept_is_told_why(market: Market) -> None:
    dispatch_id = market.open({**WELDER, "publisher": 5})
    market.settle()
    assert 5 not in market.told(dispatch_id), "the publisher is never offered his own order"
    with pytest.raises(OwnOrder):
        market.accept(dispatch_id, 5)
    with pytest.raises(NeverOffered):
        market.accept(dispatch_id, 101)
    with pytest.raises(DispatchNotFound):
        market.accept(dispatch_id + 1, 1)


def test_an_expired_offer_cannot_be_accepted(market: Market) -> None:
    market.publish(replace(FAST, offer_expiry_ms=500))
    dispatch_id = market.open()
    market.settle()
    market.now_ms += 500
    with pytest.raises(OfferExpired):
        market.accept(dispatch_id, 1)


def test_expiry_is_enforced_even_before_the_timer_ran(market: Market) -> None:
    dispatch_id = market.open({**WELDER, "expires_at_ms": market.now_ms + 400})
    market.settle()
    market.accept(dispatch_id, 1)
    market.now_ms += 400
    with pytest.raises(DispatchClosed, match="expired"):
        market.accept(dispatch_id, 2)
    with pytest.raises(DispatchClosed, match="expired"):
        market.do(dispatch.select_acceptor, dispatch_id, user_id=1)
    market.settle()
    view = market.get(dispatch_id)
    assert view.summary.state == "expired"
    assert [each.state for each in view.acceptances] == ["released"]


def test_a_silent_publisher_closes_the_dispatch(market: Market) -> None:
    dispatch_id = market.open()
    market.settle()
    market.accept(dispatch_id, 1)
    market.settle()
    market.now_ms += FAST.publisher_idle_ms
    market.settle()
    with market.database.read() as session:
        assert "publisher_reminded" in [line.kind for line in dispatch.timeline(session, dispatch_id=dispatch_id)]
    market.now_ms += FAST.publisher_idle_ms
    market.settle()
    assert market.get(dispatch_id).summary.state == "publisher_silent"


def test_cancel_releases_the_queue_and_says_why(market: Market) -> None:
    dispatch_id = market.open()
    market.settle()
    market.accept(dispatch_id, 1)
    market.do(dispatch.cancel_dispatch, dispatch_id, reason="found somebody")
    market.do(dispatch.cancel_dispatch, dispatch_id, reason="again")
    market.settle()
    view = market.get(dispatch_id)
    assert (view.summary.state, view.summary.reason) == ("cancelled", "found somebody")
    with pytest.raises(DispatchClosed):
        market.accept(dispatch_id, 2)


def test_decline_is_kept_and_a_later_yes_is_welcome(market: Market) -> None:
    dispatch_id = market.open()
    market.settle()
    decline = partial(dispatch.decline_offer, dispatch_id=dispatch_id, user_id=1, now_ms=market.now_ms)
    with market.database.transaction() as session:
        decline(session, reason="busy")
    with market.database.read() as session:
        answers = dispatch.answers_of_user(session, user_id=1, dispatch_ids=[dispatch_id])
        assert answers[dispatch_id].state == "declined"
    assert market.accept(dispatch_id, 1) == 1
    with market.database.transaction() as session, pytest.raises(AlreadyAccepted):
        decline(session)


def test_an_order_that_cannot_be_matched_closes_alone_with_its_reason(market: Market) -> None:
    bad = market.open({"id": "A-7", "title": "qqqq", "text": "qqqq wwww", "publisher": "anna"})
    good = market.open({**WELDER, "publisher": "anna"})
    market.settle()
    summary = market.get(bad).summary
    reason = "text: 'qqqq wwww' names no known keyword, region or industry; name some in the order"
    assert (summary.state, summary.reason) == ("unmatchable", reason)
    assert len(market.told(good)) == 5
    publisher = market.get(bad).publisher_user_id or 0
    with market.database.read() as session:
        (shown,) = dispatch.unmatchable_orders(session, publisher_user_id=publisher)
        assert (shown.dispatch_id, shown.external_id, shown.title, shown.reason) == (bad, "A-7", "qqqq", reason)
        assert dispatch.unmatchable_orders(session, publisher_user_id=publisher + 1) == []


def test_matching_paused_writes_nothing_and_loses_nothing(market: Market) -> None:
    dispatch_id = market.open()

    def pause() -> None:
        raise Unavailable("matching is paused")

    market.source.before_answer = pause
    with pytest.raises(Unavailable):
        market.step()
    assert market.told(dispatch_id) == []
    market.source.before_answer = lambda: None
    market.now_ms += 10_001
    market.settle()
    assert len(market.told(dispatch_id)) == 5


def test_a_selection_between_question_and_commit_stops_the_wave(market: Market) -> None:
    """The answers are used only if the dispatch is still as it was when they were asked for."""
    market.publish(replace(FAST, acceptors_wanted=2))
    dispatch_id = market.open()
    market.settle()
    market.accept(dispatch_id, 1)
    market.settle()
    market.source.before_answer = lambda: market.do(dispatch.select_acceptor, dispatch_id, user_id=1)
    market.now_ms += 100
    market.step()
    market.source.before_answer = lambda: None
    assert len(market.told(dispatch_id)) == 5
    assert market.get(dispatch_id).summary.state == "assigned"


def test_an_acceptance_between_question_and_commit_stops_the_wave(market: Market) -> None:
    dispatch_id = market.open()
    market.settle()

    def accept() -> None:
        market.accept(dispatch_id, 1)

    market.source.before_answer = accept
    market.now_ms += 100
    market.step()
    market.source.before_answer = lambda: None
    market.advance(2_000)
    assert len(market.told(dispatch_id)) == 5


def test_a_worker_that_was_frozen_changes_nothing(market: Market) -> None:
    """Its lease ran out, another one sent the wave: the late commit finds its fence and writes nothing."""
    dispatch_id = market.open()
    frozen = market.claims("dispatch")
    market.now_ms += 10_001
    market.settle()
    before = market.told(dispatch_id)
    dispatch.run_due_dispatches(market.database, market.ids, market.source, frozen, now_ms=market.now_ms)
    assert market.told(dispatch_id) == before


def test_a_batch_of_dispatches_is_one_question(market: Market) -> None:
    answers = market.submit(*[{**WELDER, "id": f"order-{number}"} for number in range(40)])
    market.step()
    assert market.source.calls == [40]
    assert all(len(market.told(answer.dispatch_id or 0)) == 5 for answer in answers)


def test_the_whole_tier_in_one_wave_needs_its_reach_confirmed(market: Market) -> None:
    refused = market.submit({**WELDER, "policy": "whole_tier"})[0]
    assert refused.status == "error"
    assert "confirmed_reach" in (refused.sentence or "")
    dispatch_id = market.open({**WELDER, "policy": "whole_tier", "confirmed_reach": 9})
    market.settle()
    assert market.told(dispatch_id) == list(range(1, 10))


def test_excluded_users_are_never_told(market: Market) -> None:
    market.database.run(lambda session: user_ids_for(session, market.ids, "shop", [1, 2], now_ms=market.now_ms))
    dispatch_id = market.open({**WELDER, "exclude": [1, "2", "stranger"]})
    market.settle()
    assert market.told(dispatch_id) == [3, 4, 5, 6, 7]


def test_an_edit_asks_anew_and_tells_nobody_again(market: Market) -> None:
    dispatch_id = market.open()
    market.advance(250)
    assert market.told(dispatch_id) == list(range(1, 13))
    before = market.get(dispatch_id).query_json
    edited = {"keywords": [["电焊工", "木工"]], "title": "welder or carpenter"}
    version = market.do(dispatch.revise_order, dispatch_id, document=edited, taxonomy=builtin_taxonomy())
    market.settle()
    view = market.get(dispatch_id)
    assert (version, view.order_version, view.summary.title) == (2, 2, "welder or carpenter")
    assert view.query_json != before
    assert view.summary.full_count == 8, "those who were told already are not counted again"
    assert market.told(dispatch_id)[12:] == [101, 102, 103, 104, 105]
    market.advance(5_000)
    assert market.get(dispatch_id).summary.state == "exhausted"
    with pytest.raises(DispatchClosed):
        market.do(dispatch.revise_order, dispatch_id, document=WELDER, taxonomy=builtin_taxonomy())


def test_a_poison_order_fails_alone(market: Market) -> None:
    """The loop of background work narrows a failing batch down: one dead letter, everybody else is told."""
    answers = market.submit(*[{**WELDER, "id": number} for number in range(1, 21)])
    poison = answers[7].dispatch_id
    real = market.source.match

    def failing(requests: Sequence[MatchRequest]) -> list[MatchAnswer | MatchRefused]:
        if any(request.dispatch_id == poison for request in requests):
            raise RuntimeError("this order breaks the matcher")
        return real(requests)

    market.source.match = failing  # type: ignore[method-assign]
    loop = WorkLoop(
        market.database,
        {
            "dispatch": lambda claims: dispatch.run_due_dispatches(
                market.database, market.ids, market.source, claims, now_ms=market.now_ms
            )
        },
        Wake(None),
        lambda: market.now_ms,
        options={"dispatch": HandlerOptions(max_attempts=2)},
    )
    loop.step()
    told = {answer.dispatch_id: market.told(answer.dispatch_id or 0) for answer in answers}
    assert told.pop(poison) == []
    assert all(len(users) == 5 for users in told.values())
    market.now_ms += 60_000
    for _ in range(3):
        loop.step()
    with market.database.read() as session:
        assert [dead.subject_id for dead in list_dead(session)] == [poison]


def test_a_hold_that_runs_out_with_nobody_behind_resumes_offering(market: Market) -> None:
    """The machine asks for a wave in the very step that ends the hold; nobody is told twice by it."""
    dispatch_id = market.open()
    market.settle()
    market.accept(dispatch_id, 3)
    market.settle()
    market.do(dispatch.select_acceptor, dispatch_id, user_id=3)
    market.advance(FAST.hold_ms + 50)
    assert market.get(dispatch_id).assignment is None
    assert market.told(dispatch_id) == list(range(1, 11))
    with market.database.read() as session:
        assert list_dead(session) == []
