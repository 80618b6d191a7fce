"""Who was passed over is counted once, and every reason and state has a word."""

from typing import get_args

from api.pages.passed_over import newest_reason, passed_over_users, passed_over_view
from api.pages.words import PASSED_OVER, PASSED_OVER_STATES
from marketplace.dispatch.states import Reason
from marketplace.dispatch.suppression_repository import SuppressionState
from marketplace.dispatch.views import Suppression, SuppressionCount


def _count(reason: str, state: str, users: int, *, wave: int = 1, version: int = 1) -> SuppressionCount:
    return SuppressionCount(version, wave, "full", reason, state, users, 0)


def test_every_reason_and_state_has_a_word() -> None:
    assert set(PASSED_OVER) == {reason.value for reason in Reason}
    assert set(PASSED_OVER_STATES) == set(get_args(SuppressionState))


def test_whoever_got_a_catch_up_wave_is_not_counted_twice() -> None:
    counts = [
        _count("day_cap", "settled", 9),
        _count("limit", "final", 4, wave=2),
        _count("limit", "final", 1, wave=3),
        _count("day_cap", "waiting", 2, wave=3),
    ]
    assert passed_over_users(counts) == {"day_cap": 2, "limit": 5}


def test_an_edited_order_counts_its_newest_version_and_shows_all() -> None:
    counts = [_count("hour_cap", "waiting", 7), _count("hour_cap", "waiting", 3, version=2)]
    assert passed_over_users(counts) == {"hour_cap": 3}
    view = passed_over_view(counts, str)
    assert [(row.order_version, row.users, row.edited) for row in view.rows] == [(2, 3, True), (1, 7, True)]


def test_a_long_list_says_how_much_it_leaves_out() -> None:
    view = passed_over_view([_count("limit", "final", 1, wave=wave) for wave in range(1, 101)], str)
    assert (len(view.rows), view.more, view.rows[0].wave) == (30, 70, 100)


def test_the_last_wave_that_passed_a_user_over_is_the_one_that_is_told() -> None:
    found = [
        Suppression(1, 1, "full", "quiet_hours", "settled", 5),
        Suppression(1, 3, "full", "limit", "final", 9),
    ]
    assert newest_reason(found, str) == (3, "no room within the tier's limit", "not told any more")
    assert newest_reason([], str) is None
