"""The dispatch machine, rule by rule of the design. Times are small numbers; policies are small ones too."""

from dataclasses import replace

import pytest

from marketplace.dispatch.machine import open_dispatch, step
from marketplace.dispatch.policies import Policy
from marketplace.dispatch.states import (
    Assign,
    AssignmentEnded,
    Cancelled,
    Choice,
    Confirmed,
    Decision,
    EndAssignment,
    Ending,
    Event,
    ImpossibleEvent,
    Matched,
    MoveTo,
    QueryWave,
    Refused,
    ReleaseAcceptors,
    RemindPublisher,
    Revised,
    Selected,
    SendWave,
    Stage,
    Step,
    Withdrawn,
    Woken,
)

POLICY = Policy(
    "test",
    wave_size=10,
    wave_interval_ms=100,
    full_window_ms=1_000,
    partial_window_ms=2_000,
    acceptors_wanted=1,
    full_limit=1_000,
    partial_limit=15,
    offer_expiry_ms=5_000,
    publisher_idle_ms=3_000,
    hold_ms=4_000,
    dispatch_expiry_ms=100_000,
)


class Run:
    """One dispatch under test: applies events and remembers what came out last."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy = policy
        self.state = open_dispatch(policy, now_ms=0)
        self.last = Decision(self.state, (), 0)

    def on(self, event: Event, now_ms: int) -> tuple[object, ...]:
        self.last = step(self.state, self.policy, event, now_ms)
        self.state = self.last.state
        return self.last.instructions

    def wave(self, now_ms: int, *, full: int, partial: int | None = None, queued: int = 0) -> tuple[object, ...]:
        asked = self.on(Woken(queued, now_ms if queued else None), now_ms)
        assert any(isinstance(each, QueryWave) for each in asked), f"no wave was asked for at {now_ms}: {asked}"
        return asked + self.on(Matched(full, partial), now_ms)


def test_a_fresh_dispatch_asks_for_the_full_tier_only() -> None:
    run = Run()
    assert run.on(Woken(0), 0) == (QueryWave(11, with_partial=False),)
    assert run.last.due_at_ms == 0


def test_a_full_wave_is_sent_and_the_next_one_follows_after_the_interval() -> None:
    run = Run()
    run.on(Woken(0), 0)
    assert run.on(Matched(25, None), 0) == (MoveTo(Stage.OFFERING_FULL), SendWave(1, 10, 0, 5_000))
    assert run.last.due_at_ms == 100
    assert run.on(Woken(0), 99) == ()
    assert run.wave(100, full=15)[-1] == SendWave(2, 10, 0, 5_100)
    assert run.wave(200, full=5)[-1] == SendWave(3, 5, 0, 5_200)
    assert run.state.notified_full == 25


def test_the_full_window_runs_from_the_tiers_last_wave() -> None:
    run = Run()
    run.wave(0, full=12)
    run.wave(100, full=2)
    assert run.last.due_at_ms == 1_100
    assert run.on(Woken(0), 1_099) == ()
    assert run.on(Woken(0), 1_100) == (MoveTo(Stage.OFFERING_PARTIAL), QueryWave(11, with_partial=True))


def test_an_empty_full_tier_escalates_at_once() -> None:
    run = Run()
    run.on(Woken(0), 7)
    asked = run.on(Matched(0, None), 7)
    assert asked == (MoveTo(Stage.OFFERING_FULL), MoveTo(Stage.OFFERING_PARTIAL), QueryWave(11, with_partial=True))
    assert run.on(Matched(0, 4), 7) == (SendWave(1, 0, 4, 5_007),)


def test_an_empty_full_tier_needs_no_second_question_when_the_partial_tier_is_known() -> None:
    run = Run()
    run.on(Woken(0), 7)
    assert run.on(Matched(0, 4), 7)[-1] == SendWave(1, 0, 4, 5_007)
    assert run.state.stage is Stage.OFFERING_PARTIAL


def test_nobody_at_all_is_exhausted_at_once() -> None:
    run = Run()
    run.on(Woken(0), 0)
    assert run.on(Matched(0, 0), 0)[-1] == MoveTo(Stage.EXHAUSTED)
    assert run.last.due_at_ms is None


def test_a_partial_wave_takes_the_newly_full_first() -> None:
    run = Run()
    run.wave(0, full=1)
    assert run.wave(1_000, full=3, partial=20)[-1] == SendWave(2, 3, 7, 6_000)
    assert (run.state.notified_full, run.state.notified_partial) == (4, 7)


def test_the_partial_limit_bounds_the_tier() -> None:
    run = Run()
    run.wave(0, full=0, partial=11)
    assert run.wave(100, full=0, partial=11)[-1] == SendWave(2, 0, 5, 5_100)
    assert run.last.due_at_ms == 2_100, "nothing more is allowed, so the window runs"


def test_a_policy_without_partial_users_still_tells_the_newly_full() -> None:
    run = Run(replace(POLICY, partial_limit=0))
    run.wave(0, full=1)
    assert run.wave(1_000, full=2, partial=9)[-1] == SendWave(2, 2, 0, 6_000)


def test_the_full_limit_bounds_a_crowd() -> None:
    run = Run(replace(POLICY, full_limit=12))
    run.wave(0, full=500)
    assert run.wave(100, full=490)[-1] == SendWave(2, 2, 0, 5_100)
    assert run.state.step is Step.WINDOW


def test_a_confirmed_reach_bounds_both_tiers_together() -> None:
    run = Run()
    run.state = replace(run.state, confirmed_reach=12)
    run.wave(0, full=9)
    assert run.wave(1_000, full=1, partial=10)[-1] == SendWave(2, 1, 2, 6_000)
    assert run.state.step is Step.WINDOW


def test_exhausted_when_the_partial_window_is_over() -> None:
    run = Run()
    run.wave(0, full=0, partial=3)
    assert run.last.due_at_ms == 2_000
    assert run.on(Woken(0), 2_000) == (MoveTo(Stage.EXHAUSTED),)


def test_an_empty_partial_tier_waits_its_window_for_the_full_offers() -> None:
    run = Run()
    run.wave(0, full=1)
    run.wave(1_000, full=0, partial=0)
    assert run.last.due_at_ms == 3_000
    assert run.on(Woken(0), 3_000) == (MoveTo(Stage.EXHAUSTED),)


def test_waves_pause_when_enough_accepted() -> None:
    run = Run()
    run.wave(0, full=25)
    assert run.on(Woken(1, 50), 100) == ()
    assert run.state.choice is Choice.ACCEPTED
    assert run.last.due_at_ms == 50 + 3_000, "only the publisher's idle timer runs"


def test_waves_go_on_while_fewer_accepted_than_wanted() -> None:
    run = Run(replace(POLICY, acceptors_wanted=3))
    run.wave(0, full=25)
    assert run.wave(100, full=15, queued=2)[-1] == SendWave(2, 10, 0, 5_100)


def test_an_emptied_queue_resumes_where_it_stopped() -> None:
    run = Run()
    run.wave(0, full=25)
    run.on(Woken(1, 50), 60)
    assert run.on(Withdrawn(0), 70) == ()
    assert run.last.due_at_ms == 100, "the next wave keeps its time"
    run.on(Woken(1, 80), 90)
    assert run.on(Withdrawn(0), 500) == (QueryWave(11, with_partial=False),), "a wave that is late follows at once"


def test_an_emptied_queue_after_everything_was_offered_looks_once_more() -> None:
    run = Run(replace(POLICY, acceptors_wanted=2))
    run.wave(0, full=0, partial=3)
    assert run.on(Woken(1, 1_900), 2_000) == ()
    assert run.state.step is Step.REST
    assert run.on(Withdrawn(0), 2_500) == (QueryWave(11, with_partial=True),)
    assert run.on(Matched(0, 0), 2_500)[-1] == MoveTo(Stage.EXHAUSTED)


def test_the_partial_window_does_not_close_over_somebody_who_waits() -> None:
    run = Run(replace(POLICY, acceptors_wanted=2))
    run.wave(0, full=0, partial=3)
    run.on(Woken(1, 1_900), 2_000)
    assert not run.state.final
    assert run.last.due_at_ms == 1_900 + 3_000


def test_the_publisher_selects_and_the_hold_runs() -> None:
    run = Run()
    run.wave(0, full=2)
    run.on(Woken(2, 10), 20)
    assert run.on(Selected(7), 30) == (Assign(7, 1, 4_030),)
    assert (run.state.choice, run.state.queued, run.last.due_at_ms) == (Choice.ASSIGNED, 1, 4_030)


def test_a_confirmed_assignment_has_no_timer_left() -> None:
    run = Run()
    run.wave(0, full=2)
    run.on(Woken(1, 10), 20)
    run.on(Selected(7), 30)
    run.on(Confirmed(1), 40)
    assert run.last.due_at_ms is None
    assert run.on(Confirmed(1), 50) == (), "confirming twice changes nothing"
    assert run.on(Woken(0), 10**9) == (), "not even the expiry of the dispatch touches it"


def test_without_a_hold_a_selection_is_final_at_once() -> None:
    run = Run(replace(POLICY, hold_ms=0))
    run.wave(0, full=2)
    run.on(Woken(1, 10), 20)
    assert run.on(Selected(7), 30) == (Assign(7, 1, None),)
    assert run.last.due_at_ms is None


def test_a_hold_that_runs_out_moves_the_queue_on() -> None:
    run = Run()
    run.wave(0, full=2)
    run.on(Woken(2, 10), 20)
    run.on(Selected(7), 30)
    assert run.on(Woken(1, 10), 4_029) == ()
    assert run.on(Woken(1, 10), 4_030) == (EndAssignment(7, 1, Ending.LAPSED),)
    assert run.state.choice is Choice.ACCEPTED
    assert run.last.due_at_ms == 4_030 + 3_000, "the publisher has his time again"
    with pytest.raises(ImpossibleEvent):
        run.on(Confirmed(1), 4_031)
    assert run.on(Selected(8), 4_040) == (Assign(8, 2, 8_040),), "the next hold has the next token"


def test_a_failed_assignment_with_an_empty_queue_resumes_offering() -> None:
    run = Run()
    run.wave(0, full=25)
    run.on(Woken(1, 10), 20)
    run.on(Selected(7), 30)
    run.on(Confirmed(1), 40)
    failed = run.on(AssignmentEnded(1, Ending.FAILED), 9_000)
    assert failed == (EndAssignment(7, 1, Ending.FAILED), QueryWave(11, with_partial=False))


def test_an_assignment_that_fails_after_the_expiry_closes() -> None:
    run = Run()
    run.wave(0, full=2)
    run.on(Woken(2, 10), 20)
    run.on(Selected(7), 30)
    run.on(Confirmed(1), 40)
    failed = run.on(AssignmentEnded(1, Ending.FAILED), 100_000)
    assert failed == (EndAssignment(7, 1, Ending.FAILED), MoveTo(Stage.EXPIRED), ReleaseAcceptors())


def test_a_silent_publisher_is_reminded_then_the_acceptors_are_released() -> None:
    run = Run()
    run.wave(0, full=2)
    run.on(Woken(1, 10), 20)
    assert run.on(Woken(1, 10), 3_009) == ()
    assert run.on(Woken(1, 10), 3_010) == (RemindPublisher(),)
    assert run.last.due_at_ms == 6_010
    assert run.on(Woken(1, 10), 6_010) == (MoveTo(Stage.PUBLISHER_SILENT), ReleaseAcceptors())


def test_a_late_reminder_leaves_the_publisher_his_second_period() -> None:
    run = Run()
    run.wave(0, full=2)
    assert run.on(Woken(1, 10), 50_000) == (RemindPublisher(),), "the dispatcher was down for long"
    assert run.last.due_at_ms == 53_000


def test_expiry_closes_and_releases() -> None:
    run = Run(replace(POLICY, publisher_idle_ms=10**8))
    run.wave(0, full=2)
    run.on(Woken(1, 10), 20)
    assert run.on(Woken(1, 10), 100_000) == (MoveTo(Stage.EXPIRED), ReleaseAcceptors())


def test_an_order_can_only_expire_earlier_than_its_policy() -> None:
    assert open_dispatch(POLICY, now_ms=5, expires_at_ms=50).expires_at_ms == 50
    assert open_dispatch(POLICY, now_ms=5, expires_at_ms=10**9).expires_at_ms == 100_005


def test_an_offer_never_outlives_its_dispatch() -> None:
    run = Run(replace(POLICY, dispatch_expiry_ms=900))
    assert run.wave(0, full=1)[-1] == SendWave(1, 1, 0, 900)


def test_cancel_releases_everybody_and_is_final() -> None:
    run = Run()
    run.wave(0, full=2)
    run.on(Woken(2, 10), 20)
    assert run.on(Cancelled(), 30) == (MoveTo(Stage.CANCELLED), ReleaseAcceptors())
    for event in (Woken(1), Matched(5, 5), Selected(1), Cancelled(), Confirmed(1), Refused()):
        assert run.on(event, 40) == ()
        assert run.state.stage is Stage.CANCELLED


def test_an_assigned_order_is_not_cancelled_by_its_dispatch() -> None:
    run = Run()
    run.wave(0, full=2)
    run.on(Woken(1, 10), 20)
    run.on(Selected(7), 30)
    with pytest.raises(ImpossibleEvent):
        run.on(Cancelled(), 40)


def test_an_order_that_cannot_be_asked_is_closed_as_such() -> None:
    run = Run()
    run.on(Woken(0), 0)
    assert run.on(Refused(), 0) == (MoveTo(Stage.UNMATCHABLE),)
    assert run.last.due_at_ms is None


def test_a_revision_starts_over_with_those_not_told_yet() -> None:
    run = Run()
    run.wave(0, full=1)
    run.wave(1_000, full=0, partial=3)
    revised = run.on(Revised(2, 90_000), 1_500)
    assert revised == (MoveTo(Stage.APPROVED), QueryWave(11, with_partial=False))
    assert (run.state.order_version, run.state.expires_at_ms, run.state.notified_partial) == (2, 90_000, 3)
    with pytest.raises(ImpossibleEvent):
        run.on(Revised(2, 90_000), 1_600)


def test_windows_of_zero_mean_at_once_and_stay_bounded() -> None:
    run = Run(
        replace(POLICY, wave_interval_ms=0, full_window_ms=0, partial_window_ms=0, publisher_idle_ms=0, hold_ms=0)
    )
    sent = run.wave(5, full=12)
    assert sum(isinstance(each, SendWave) for each in sent) == 1, "one wave a decision, whatever the interval"
    assert run.last.due_at_ms == 5
    assert MoveTo(Stage.OFFERING_PARTIAL) in run.wave(5, full=2)
    assert run.wave(5, full=0, partial=0)[-1] == MoveTo(Stage.EXHAUSTED)


def test_two_answers_in_a_row_are_impossible() -> None:
    run = Run()
    run.wave(0, full=2)
    with pytest.raises(ImpossibleEvent):
        run.on(Matched(5, None), 0)


def test_selecting_from_an_empty_queue_is_impossible() -> None:
    run = Run()
    run.wave(0, full=2)
    with pytest.raises(ImpossibleEvent):
        run.on(Selected(7), 30)
