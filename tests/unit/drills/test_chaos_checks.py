"""The checks of chaos find every broken promise, and nothing in a history that is right."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from quanwang.drills.chaos.checks import check_answers, check_notices, check_orders, check_rest
from quanwang.drills.chaos.checks_of_answers import check_answers_of_people
from quanwang.drills.chaos.end_state import EndedAcceptance, EndedAssignment, EndState
from quanwang.drills.chaos.findings import Code, Finding
from quanwang.drills.chaos.history import Operation, Outcome
from tests.unit.drills.histories import DISPATCH_ID, TITLE, chunk, dispatch, end, history, operation, submit


def found(operations: Sequence[Operation], state: EndState) -> list[Finding]:
    return [
        *check_orders(operations, state),
        *check_notices(operations, state),
        *check_answers_of_people(operations, state),
        *check_rest(state, late_ms=1_000),
        *check_answers(operations),
    ]


def codes(operations: Sequence[Operation], state: EndState) -> set[Code]:
    return {finding.code for finding in found(operations, state)}


def without(kind: str) -> list[Operation]:
    return [each for each in history() if each.kind != kind]


def test_a_history_that_is_right_has_no_findings() -> None:
    assert found(history(), end()) == []


def test_an_acknowledged_order_that_is_gone_is_lost() -> None:
    state = end(dispatches=[], acceptances=[], assignments=[], chunks=[], inboxes={})
    assert codes([submit(0)], state) == {Code.LOST}


def test_an_order_that_nobody_was_told_of_is_lost_unless_it_ended_by_right() -> None:
    bare: dict[str, Any] = {"acceptances": [], "assignments": [], "chunks": [], "inboxes": {}}
    idle = dispatch(waves=0, assigned_user_id=None, stage="cancelled")
    assert codes([submit(0)], end(dispatches=[idle], **bare)) == {Code.LOST}
    assert codes([submit(0), operation("cancel", 5)], end(dispatches=[idle], **bare)) == set()
    assert codes([submit(0), operation("cancel", 5, "unknown")], end(dispatches=[idle], **bare)) == set()
    assert codes([submit(0), operation("cancel", 5, "fail")], end(dispatches=[idle], **bare)) == {Code.LOST}


def test_one_order_with_two_dispatches_is_doubled() -> None:
    twin = dispatch(dispatch_id=12, stage="exhausted", assigned_user_id=None)
    operations = [*history(), operation("submit again", 50, wanted={"titles": [TITLE]}, answer=history()[0].answer)]
    assert codes(operations, end(dispatches=[dispatch(), twin])) == {Code.DOUBLED}


@pytest.mark.parametrize(("outcome", "expected"), [("fail", {Code.PHANTOM}), ("unknown", set()), ("ok", set())])
def test_an_order_that_was_refused_must_not_be_there(outcome: Outcome, expected: set[Code]) -> None:
    state = end(dispatches=[dispatch(assigned_user_id=None, stage="exhausted")], acceptances=[], assignments=[])
    assert codes([submit(0, outcome)], state) == expected


def test_an_order_that_nobody_sent_is_a_phantom() -> None:
    stranger = dispatch(dispatch_id=12, title="somebody else's", stage="exhausted", assigned_user_id=None)
    assert codes(history(), end(dispatches=[dispatch(), stranger])) == {Code.PHANTOM}


def test_who_is_in_two_waves_was_told_twice() -> None:
    assert codes(history(), end(chunks=[chunk((1, 2, 3)), chunk((3, 4), event_id=2, number=2)])) == {Code.TOLD_TWICE}


def test_an_entry_seen_twice_in_the_middle_of_a_run_counts() -> None:
    seen = operation("inbox", 250, user_id=2, answer={"dispatch_ids": [DISPATCH_ID, DISPATCH_ID], "source": "redis"})
    assert codes([*history(), seen], end()) == {Code.TOLD_TWICE}


def test_an_inbox_that_lacks_an_entry_or_has_one_too_many_is_found() -> None:
    assert codes(history(), end(inboxes={1: []})) == {Code.MISSED}
    assert codes(history(), end(inboxes={9: [DISPATCH_ID]})) == {Code.PHANTOM}


def test_an_acceptance_that_is_gone_is_undone() -> None:
    assert codes(history(), end(acceptances=end().acceptances[:1])) == {Code.UNDONE}


def test_a_withdrawal_that_nobody_asked_for_is_undone() -> None:
    assert codes(without("withdraw"), end()) == {Code.UNDONE}


def test_a_withdrawal_that_did_not_hold_is_undone() -> None:
    waiting = [end().acceptances[0], EndedAcceptance(DISPATCH_ID, 2, "accepted", 2)]
    assert codes(history(), end(acceptances=waiting)) == {Code.UNDONE}


def test_who_accepted_first_stands_first() -> None:
    swapped = [EndedAcceptance(DISPATCH_ID, 1, "selected", 2), EndedAcceptance(DISPATCH_ID, 2, "withdrawn", 1)]
    assert codes(history(), end(acceptances=swapped)) == {Code.ASSIGNMENTS}


def test_two_who_accepted_at_once_may_stand_either_way() -> None:
    swapped = [EndedAcceptance(DISPATCH_ID, 1, "selected", 2), EndedAcceptance(DISPATCH_ID, 2, "withdrawn", 1)]
    operations = history()
    operations[1] = replace(operations[1], ended_ms=205)
    operations[2] = replace(operations[2], answer={"status": "accepted", "position": 1})
    assert codes(operations, end(acceptances=swapped)) == set()


def test_nobody_accepts_after_the_expiry_or_after_a_cancellation() -> None:
    late = operation("accept late", 200_000, user_id=2, answer={"status": "accepted", "position": 1})
    assert codes([*history(), late], end()) == {Code.PHANTOM}
    over = operation("accept late", 700, user_id=2, answer=late.answer, wanted={"offered_until_ms": 650})
    assert codes([*history(), over], end()) == {Code.PHANTOM}
    still = operation("accept late", 700, user_id=2, answer=late.answer, wanted={"offered_until_ms": 750})
    assert codes([*history(), still], end()) == set()
    cancelled = dispatch(stage="cancelled", assigned_user_id=None)
    state = end(dispatches=[cancelled], acceptances=[EndedAcceptance(DISPATCH_ID, 2, "released", 1)], assignments=[])
    after = [submit(0), operation("cancel", 50), operation("accept late", 70, user_id=2, answer=late.answer)]
    before = [submit(0), operation("cancel", 50), operation("accept", 55, user_id=2, answer=late.answer)]
    assert codes(after, state) == {Code.PHANTOM}
    assert codes(before, state) == set()


def test_a_cancellation_that_did_not_hold_is_undone() -> None:
    assert codes([*history(), operation("cancel", 700)], end()) == {Code.UNDONE}


def test_a_selection_or_a_confirmation_that_is_gone_is_undone() -> None:
    nothing = end(assignments=[], dispatches=[dispatch(stage="exhausted", assigned_user_id=None)])
    assert codes(history(), nothing) == {Code.UNDONE}
    lapsed = [EndedAssignment(DISPATCH_ID, 1, 1, "lapsed", active=False, ended_at_ms=600)]
    state = end(assignments=lapsed, dispatches=[dispatch(stage="exhausted", assigned_user_id=None)])
    assert codes(history(), state) == {Code.UNDONE}


def test_two_active_assignments_are_found() -> None:
    second = EndedAssignment(DISPATCH_ID, 2, 2, "active", active=True, ended_at_ms=None)
    assert codes(history(), end(assignments=[*end().assignments, second])) == {Code.ASSIGNMENTS}


def test_an_open_dispatch_without_work_is_forgotten() -> None:
    held = dispatch(hold_until_ms=5_000)
    assert codes(history(), end(dispatches=[held])) == {Code.FORGOTTEN}
    assert codes(history(), end(dispatches=[held], work=[("dispatch", DISPATCH_ID, "pending", -100)])) == set()


@pytest.mark.parametrize("work", [("delivery", 1, "dead", -5), ("webhook", 7, "pending", 1_001)])
def test_dead_and_overdue_work_is_found(work: tuple[str, int, str, int]) -> None:
    assert codes(history(), end(work=[work])) == {Code.FORGOTTEN}


def test_a_wave_that_was_never_delivered_is_found() -> None:
    assert codes(history(), end(chunks=[chunk((1, 2, 3), delivered_at_ms=None)])) == {Code.FORGOTTEN}


def test_an_answer_of_500_is_an_incident() -> None:
    assert codes([*history(), operation("profile", 1, "unknown", status=500, order=None)], end()) == {Code.INCIDENT}
