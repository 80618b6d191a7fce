from dataclasses import replace

import pytest

from kit.work import Claimed, HandlerOptions
from kit.work.loop import by_suspicion
from kit.work.queue import DEFAULT_BACKOFF, still_ours

CLAIMED = Claimed(1, "k", 1, attempt=4, failures=0, due_at_ms=0, lease_until_ms=1, payload={}, created_at_ms=0)


def test_the_pause_doubles_up_to_five_minutes() -> None:
    assert [DEFAULT_BACKOFF.longest_after(n) for n in range(1, 5)] == [500, 1_000, 2_000, 4_000]
    assert {DEFAULT_BACKOFF.longest_after(n) for n in (11, 40, 30_000)} == {300_000}


def test_only_the_present_fencing_number_is_ours() -> None:
    assert [attempt for attempt in range(10) if still_ours(CLAIMED, attempt)] == [4]


def test_what_was_not_lost_is_worked_on_together_whatever_its_failures() -> None:
    claims = [replace(CLAIMED, id=number, failures=number % 4) for number in range(256)]
    assert by_suspicion(claims, 256) == (claims, [], [])


@pytest.mark.parametrize(("failures", "company"), [(1, 32), (2, 4), (3, 1), (30, 1)])
def test_suspects_go_apart_in_smaller_and_smaller_company(failures: int, company: int) -> None:
    trusted = [replace(CLAIMED, id=number) for number in range(100)]
    lost = [replace(CLAIMED, id=number, failures=failures, lost=True) for number in range(100, 200)]
    worse = replace(CLAIMED, id=200, failures=failures + 1, lost=True)
    assert by_suspicion([worse, *lost, *trusted], 256) == (trusted, lost[:company], [*lost[company:], worse])


@pytest.mark.parametrize(
    "wrong",
    [{"limit": 0}, {"limit": 257}, {"lease_ms": 99}, {"lease_ms": 2_000, "max_run_ms": 1_000}, {"max_attempts": 0}],
)
def test_impossible_options_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="HandlerOptions"):
        HandlerOptions(**wrong)
