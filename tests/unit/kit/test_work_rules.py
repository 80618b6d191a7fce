from dataclasses import replace

import pytest

from kit.work import Claimed, HandlerOptions
from kit.work.loop import batches_by_suspicion
from kit.work.queue import MAX_BACKOFF_MS, backoff_ms, still_ours

CLAIMED = Claimed(1, "k", 1, attempt=4, failures=0, due_at_ms=0, lease_until_ms=1, payload={}, created_at_ms=0)


def test_the_pause_doubles_up_to_five_minutes() -> None:
    assert [backoff_ms(n) for n in range(1, 5)] == [500, 1_000, 2_000, 4_000]
    assert {backoff_ms(n) for n in (11, 40, 30_000)} == {MAX_BACKOFF_MS}


def test_only_the_present_fencing_number_is_ours() -> None:
    assert [attempt for attempt in range(10) if still_ours(CLAIMED, attempt)] == [4]


def test_suspects_go_apart_in_smaller_and_smaller_company() -> None:
    claims = [replace(CLAIMED, id=number, failures=number // 100) for number in range(400)]
    batches = batches_by_suspicion(claims, 256)
    assert sorted(c.id for batch in batches for c in batch) == list(range(400))
    assert all(len({c.failures for c in batch}) == 1 for batch in batches)
    largest = {batch[0].failures: len(batch) for batch in reversed(batches)}
    assert largest == {0: 100, 1: 32, 2: 4, 3: 1}


@pytest.mark.parametrize(
    "wrong",
    [{"limit": 0}, {"limit": 257}, {"lease_ms": 99}, {"lease_ms": 2_000, "max_run_ms": 1_000}, {"max_attempts": 0}],
)
def test_impossible_options_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="HandlerOptions"):
        HandlerOptions(**wrong)
