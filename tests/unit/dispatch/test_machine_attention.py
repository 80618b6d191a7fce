"""The machine among users whose attention is spared: waves, the one catch-up of a tier, quiet hours."""

from dataclasses import replace

import pytest

from marketplace.dispatch.policies import DAY_MS, HOUR_MS, Policy
from marketplace.dispatch.states import (
    CaughtUp,
    EndSetAside,
    ImpossibleEvent,
    Matched,
    MoveTo,
    QueryWave,
    Revised,
    SendWave,
    SetAside,
    Stage,
    Step,
    Withdrawn,
    Woken,
)
from tests.unit.dispatch.test_machine import POLICY, Run

NIGHT = replace(POLICY, quiet_from_minute=22 * 60, quiet_until_minute=7 * 60, utc_offset_minutes=0)
LATE_MS = 23 * HOUR_MS


def aside(run: Run, now_ms: int, *, full: int, held: tuple[int, ...]) -> tuple[object, ...]:
    """One wave of the full tier with some held back."""
    run.on(Woken(0), now_ms)
    return run.on(Matched(full, None, held), now_ms)


def test_a_wave_tells_the_others_and_sets_aside_who_is_held_back() -> None:
    run = Run()
    assert aside(run, 0, full=25, held=(0, 3, 9, 10))[1:] == (SetAside(1, 3, 0), SendWave(1, 7, 0, 5_000))
    assert (run.state.notified_full, run.state.set_aside_full) == (7, 3), "place 10 belongs to the next wave"
    assert run.last.due_at_ms == 100


def test_a_round_that_tells_nobody_is_no_wave_and_takes_no_time() -> None:
    run = Run()
    assert aside(run, 0, full=25, held=tuple(range(10)))[1:] == (SetAside(1, 10, 0),)
    assert (run.state.waves, run.state.step, run.last.due_at_ms) == (0, Step.WAVE, 0)
    assert aside(run, 0, full=15, held=()) == (SendWave(1, 10, 0, 5_000),)


def test_a_tier_of_users_who_are_all_held_back_is_not_empty() -> None:
    run = Run()
    aside(run, 0, full=2, held=(0, 1))
    assert (run.state.stage, run.state.step, run.last.due_at_ms) == (Stage.OFFERING_FULL, Step.WINDOW, 1_000)
    assert run.on(Woken(0), 1_000) == (QueryWave(15, with_partial=False, catch_up=True),)


def test_the_catch_up_is_one_wave_whatever_its_size_and_the_window_runs_anew() -> None:
    run = Run(replace(POLICY, wave_size=2))
    aside(run, 0, full=4, held=(0, 1))
    aside(run, 0, full=2, held=(0, 1))
    assert run.on(Woken(0), 1_000) == (QueryWave(11, with_partial=False, catch_up=True),)
    assert run.on(CaughtUp(3, 0, 1, more=False), 1_000) == (
        EndSetAside(1, 3, 0),
        SendWave(1, 3, 0, 6_000, catch_up=True),
    )
    state = run.state
    assert (state.notified_full, state.set_aside, state.suppressed, run.last.due_at_ms) == (3, 0, 1, 2_000)
    assert run.on(Woken(0), 2_000)[0] == MoveTo(Stage.OFFERING_PARTIAL), "no second catch-up"


def test_a_catch_up_that_tells_nobody_ends_the_tier() -> None:
    run = Run()
    aside(run, 0, full=2, held=(0, 1))
    run.on(Woken(0), 1_000)
    assert run.on(CaughtUp(0, 0, 2, more=False), 1_000) == (EndSetAside(1, 0, 0), MoveTo(Stage.OFFERING_PARTIAL))
    assert run.last.due_at_ms == 1_000
    run.on(Woken(0), 1_000)
    assert run.on(Matched(0, 0), 1_000) == (MoveTo(Stage.EXHAUSTED),), "nobody was told at all"


def test_whoever_is_suppressed_leaves_his_place_to_the_next() -> None:
    run = Run()
    run.state = replace(run.state, confirmed_reach=3)
    aside(run, 0, full=5, held=(0, 1))
    assert (run.state.notified_full, run.state.step) == (1, Step.WINDOW), "those set aside keep their places"
    run.on(Woken(0), 1_000)
    assert run.on(CaughtUp(1, 0, 1, more=True), 1_000)[-1] == SendWave(2, 1, 0, 6_000, catch_up=True)
    assert run.wave(1_100, full=2)[-1] == SendWave(3, 1, 0, 6_100)


def test_a_catch_up_keeps_to_the_limits() -> None:
    """Between being set aside and the catch-up a user may have changed tiers."""
    run = Run(replace(POLICY, partial_limit=2))
    run.on(Woken(0), 0)
    run.on(Matched(0, 9, (), (0, 1)), 0)
    assert (run.state.set_aside_partial, run.state.step) == (2, Step.WINDOW)
    run.on(Woken(0), 2_000)
    assert run.on(CaughtUp(1, 4, 0, more=False), 2_000)[0] == EndSetAside(1, 1, 2)
    assert run.state.suppressed == 2


def test_an_acceptance_pauses_the_catch_up_and_a_withdrawal_resumes_it() -> None:
    run = Run()
    aside(run, 0, full=3, held=(0,))
    assert run.on(Woken(1, 500), 1_000) == ()
    assert run.on(Withdrawn(0), 1_500) == (QueryWave(13, with_partial=False, catch_up=True),)


def test_the_catch_up_waits_for_the_morning() -> None:
    run = Run(NIGHT)
    run.state = replace(run.state, expires_at_ms=10 * DAY_MS)
    aside(run, LATE_MS, full=3, held=(0, 1, 2))
    assert run.on(Woken(0), LATE_MS + 1_000) == ()
    assert (run.state.step, run.last.due_at_ms) == (Step.CATCH_UP, DAY_MS + 7 * HOUR_MS)
    assert run.on(Woken(0), DAY_MS) == ()
    asked = run.on(Woken(0), DAY_MS + 7 * HOUR_MS)
    assert asked == (QueryWave(17, with_partial=False, catch_up=True),)


def test_a_dispatcher_that_slept_through_the_day_does_not_catch_up_in_the_next_night() -> None:
    run = Run(NIGHT)
    run.state = replace(run.state, expires_at_ms=10 * DAY_MS)
    aside(run, LATE_MS, full=3, held=(0, 1, 2))
    run.on(Woken(0), LATE_MS + 1_000)
    assert run.on(Woken(0), LATE_MS + DAY_MS) == ()
    assert run.last.due_at_ms == 2 * DAY_MS + 7 * HOUR_MS


def test_rounds_at_night_keep_their_interval() -> None:
    run = Run(NIGHT)
    run.state = replace(run.state, expires_at_ms=10 * DAY_MS)
    aside(run, LATE_MS, full=25, held=tuple(range(10)))
    assert run.last.due_at_ms == LATE_MS + 100


def test_an_order_that_expires_at_night_expires() -> None:
    run = Run(NIGHT)
    run.state = replace(run.state, expires_at_ms=LATE_MS + HOUR_MS)
    aside(run, LATE_MS, full=3, held=(0, 1, 2))
    run.on(Woken(0), LATE_MS + 1_000)
    assert run.last.due_at_ms == LATE_MS + HOUR_MS
    assert run.on(Woken(0), LATE_MS + HOUR_MS) == (MoveTo(Stage.EXPIRED),)


def test_a_revision_forgets_who_was_set_aside() -> None:
    run = Run()
    aside(run, 0, full=3, held=(0, 1))
    run.on(Revised(2, 90_000, confirmed_reach=50), 10)
    assert (run.state.set_aside, run.state.suppressed, run.state.confirmed_reach) == (0, 0, 50)


def test_an_answer_of_the_other_kind_is_impossible() -> None:
    run = Run()
    with pytest.raises(ImpossibleEvent):
        run.on(CaughtUp(1, 0, 0, more=False), 0)
    aside(run, 0, full=3, held=(0, 1))
    run.on(Woken(0), 1_000)
    with pytest.raises(ImpossibleEvent):
        run.on(Matched(3, None), 1_000)


@pytest.mark.parametrize(
    ("start", "end", "offset", "now_ms", "until_ms"),
    [
        (0, 0, 0, 5, None),
        (60, 120, 0, HOUR_MS - 1, None),
        (60, 120, 0, HOUR_MS, 2 * HOUR_MS),
        (60, 120, 0, 2 * HOUR_MS - 1, 2 * HOUR_MS),
        (60, 120, 0, 2 * HOUR_MS, None),
        (22 * 60, 7 * 60, 0, 21 * HOUR_MS, None),
        (22 * 60, 7 * 60, 0, 23 * HOUR_MS, 31 * HOUR_MS),
        (22 * 60, 7 * 60, 0, 24 * HOUR_MS, 31 * HOUR_MS),
        (22 * 60, 7 * 60, 8 * 60, 14 * HOUR_MS, 23 * HOUR_MS),
        (22 * 60, 7 * 60, -3 * 60, 0, None),
        (22 * 60, 7 * 60, -3 * 60, HOUR_MS, 10 * HOUR_MS),
    ],
)
def test_quiet_hours_run_by_the_platforms_clock_and_past_midnight(
    start: int, end: int, offset: int, now_ms: int, until_ms: int | None
) -> None:
    policy = Policy("night", quiet_from_minute=start, quiet_until_minute=end, utc_offset_minutes=offset)
    assert policy.quiet_until_ms(now_ms) == until_ms
