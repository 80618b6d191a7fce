"""What the supervisor of a primary and its standby decides: never to promote who may lack an acknowledged order."""

import itertools
from dataclasses import replace

import pytest

from kit.db.replication import Position
from quanwang.cluster.decisions import (
    CLOSE_TRANSACTIONS,
    FROZEN_S,
    GRACE_S,
    PrimarySight,
    StandbySight,
    Step,
    has_diverged,
    next_step,
)

AT = Position(500, 1)
PRIMARY = PrimarySight(alive=True, silent_s=0.0, confirming=True, confirmed=True, written=AT)
STANDBY = StandbySight(
    alive=True, silent_s=0.0, away_s=0.0, follows=True, received=AT, broken=False, diverged=False, copying=False
)
DEAD = replace(PRIMARY, alive=False)
LATE = FROZEN_S + 0.1


def test_a_whole_pair_is_left_alone() -> None:
    assert next_step(PRIMARY, STANDBY, trusted=True, wanted=AT) is Step.NOTHING


@pytest.mark.parametrize("primary", [DEAD, replace(PRIMARY, silent_s=LATE)])
def test_a_dead_or_frozen_primary_is_replaced_by_a_trusted_standby(primary: PrimarySight) -> None:
    assert next_step(primary, STANDBY, trusted=True, wanted=AT) is Step.FAIL_OVER


def test_a_primary_that_is_silent_for_a_moment_is_waited_for() -> None:
    assert next_step(replace(PRIMARY, silent_s=1.0), STANDBY, trusted=True, wanted=AT) is Step.NOTHING


@pytest.mark.parametrize(
    "standby",
    [replace(STANDBY, alive=False), replace(STANDBY, silent_s=0.5), replace(STANDBY, broken=True)],
)
def test_a_standby_that_cannot_take_over_lets_the_primary_start_again(standby: StandbySight) -> None:
    assert next_step(DEAD, standby, trusted=True, wanted=AT) is Step.RESTART_PRIMARY


def test_whoever_is_not_trusted_is_never_promoted() -> None:
    """Whatever else is true: all states of both servers."""
    primaries = [
        PrimarySight(alive, silent_s, confirming, confirmed, AT)
        for alive, silent_s, confirming, confirmed in itertools.product(
            (True, False), (0.0, 1.0, LATE), (True, False), (True, False)
        )
    ]
    standbys = [
        StandbySight(alive, silent_s, away_s, follows, AT, broken, diverged, copying)
        for alive, silent_s, away_s, follows, broken, diverged, copying in itertools.product(
            (True, False), (0.0, LATE), (0.0, GRACE_S + 1), (True, False), (True, False), (True, False), (True, False)
        )
    ]
    for primary, standby, wanted in itertools.product(primaries, standbys, (None, AT)):
        assert next_step(primary, standby, trusted=False, wanted=wanted) is not Step.FAIL_OVER


def test_trust_is_taken_away_in_writing_before_the_primary_goes_on_alone() -> None:
    """Every way to GO_ALONE and every restart of the standby begins with DISTRUST while it is trusted."""
    for standby in (
        replace(STANDBY, alive=False, away_s=0.1),
        replace(STANDBY, silent_s=LATE, away_s=LATE),
        replace(STANDBY, away_s=GRACE_S + 0.1),
        replace(STANDBY, diverged=True),
        replace(STANDBY, broken=True),
    ):
        assert next_step(PRIMARY, standby, trusted=True, wanted=AT) is Step.DISTRUST


def test_commits_wait_for_a_standby_that_is_away_only_for_a_while() -> None:
    dead = replace(STANDBY, alive=False, away_s=0.1)
    assert next_step(PRIMARY, dead, trusted=False, wanted=None) is Step.RESTART_STANDBY
    gone = replace(STANDBY, alive=False, away_s=GRACE_S + 0.1)
    assert next_step(PRIMARY, gone, trusted=False, wanted=None) is Step.GO_ALONE
    alone = replace(PRIMARY, confirming=False, confirmed=False)
    assert next_step(alone, gone, trusted=False, wanted=None) is Step.RESTART_STANDBY


def test_trust_needs_confirmed_commits_and_everything_that_was_committed_without() -> None:
    alone = replace(PRIMARY, confirming=False, confirmed=False)
    assert next_step(alone, STANDBY, trusted=False, wanted=None) is Step.CONFIRM
    behind = replace(STANDBY, received=Position(499, 1))
    assert next_step(PRIMARY, behind, trusted=False, wanted=AT) is Step.NOTHING
    assert next_step(replace(PRIMARY, confirmed=False), STANDBY, trusted=False, wanted=AT) is Step.NOTHING
    assert next_step(PRIMARY, STANDBY, trusted=False, wanted=AT) is Step.TRUST


def test_a_primary_that_started_confirming_says_first_what_must_be_received() -> None:
    assert next_step(PRIMARY, STANDBY, trusted=False, wanted=None) is Step.CONFIRM


def test_commits_do_not_wait_for_a_standby_that_is_far_behind() -> None:
    alone = replace(PRIMARY, confirming=False, written=Position(CLOSE_TRANSACTIONS + 2, 1))
    assert next_step(alone, replace(STANDBY, received=Position(1, 1)), trusted=False, wanted=None) is Step.NOTHING


@pytest.mark.parametrize("change", [{"diverged": True}, {"broken": True}])
def test_a_standby_that_cannot_follow_is_made_anew(change: dict[str, bool]) -> None:
    assert next_step(PRIMARY, replace(STANDBY, **change), trusted=False, wanted=None) is Step.COPY  # type: ignore[arg-type]


def test_a_standby_being_filled_is_left_alone() -> None:
    copying = replace(STANDBY, copying=True, diverged=True, follows=False)
    assert next_step(replace(PRIMARY, confirming=False), copying, trusted=False, wanted=None) is Step.NOTHING


@pytest.mark.parametrize(
    ("held", "diverged"),
    [
        (Position(480, 1), False),
        (Position(481, 1), True),
        (Position(700, 2), False),
        (Position(), False),
    ],
)
def test_a_server_diverged_when_it_holds_what_its_primary_never_had(held: Position, diverged: bool) -> None:
    """Server 2 was promoted with everything up to 480; server 1 comes back."""
    assert has_diverged(held, fork=Position(480, 1), primary_number=2) is diverged


def test_positions_are_read_as_the_server_writes_them() -> None:
    assert Position.parse("0-2-123") == Position(123, 2)
    assert str(Position(123, 2)) == "0-2-123"
    assert Position.parse("") == Position() == Position.parse(str(Position()))
    assert Position(9, 2) < Position(10, 1)
