"""The pure parts of the dispatch benchmark: sizes, arrivals, the search for the rate, notices counted, percentiles."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from benchmarks.dispatch.load_generator import Notices
from benchmarks.dispatch.sampling import arrivals, draw_size, nearest
from benchmarks.dispatch.search import PATIENCE_MS, search
from benchmarks.dispatch.settings import LARGEST_WAVE_USERS, MEDIAN_RECIPIENTS, DispatchSettings
from benchmarks.dispatch.usage import Moment, usage_between
from kit.errors import InvalidInput


def test_sizes_have_the_median_and_the_tail_that_are_named() -> None:
    dice = random.Random(1)
    sizes = sorted(draw_size(dice) for _ in range(50_000))
    assert abs(sizes[25_000] - MEDIAN_RECIPIENTS) <= 2
    assert sizes[-1] == LARGEST_WAVE_USERS
    assert 20 <= sum(size == LARGEST_WAVE_USERS for size in sizes) <= 90


def test_the_nearest_size_is_nearest_by_ratio() -> None:
    sizes = [1, 10, 100, 1_000]
    assert [nearest(sizes, wanted) for wanted in (1, 3, 4, 31, 32, 5_000)] == [0, 0, 1, 1, 2, 3]


def test_arrivals_come_at_the_rate_whatever_happens_to_them() -> None:
    times = arrivals(random.Random(2), 400.0, 20.0)
    assert times == sorted(times)
    assert 7_500 <= len(times) <= 8_500
    assert 0 < times[0] < times[-1] < 20.0


@dataclass(frozen=True)
class Measured:
    rate: float
    p99: float | None
    lost: int = 0
    refused: int = 0

    def percentile(self, _percent: float) -> float | None:
        return self.p99


def up_to(limit: float) -> Callable[[float], Measured]:
    return lambda rate: Measured(rate, 100.0 if rate <= limit else PATIENCE_MS + 1)


@pytest.mark.parametrize("limit", [100.0, 300.0, 1_234.0])
def test_the_search_ends_close_below_the_limit(limit: float) -> None:
    sustained, broken = search(up_to(limit), 250.0, 4_000.0)
    assert broken is not None
    assert sustained <= limit < broken
    assert broken - sustained <= 0.25 * max(250.0, sustained)


def test_the_search_stops_at_the_most_that_was_asked_for() -> None:
    assert search(up_to(1e9), 250.0, 900.0) == (900.0, None)


@pytest.mark.parametrize("fault", [{"lost": 1}, {"refused": 1}, {"p99": None}])
def test_a_step_that_loses_an_order_is_not_sustained(fault: dict[str, int | None]) -> None:
    measured = {"p99": 10.0, "lost": 0, "refused": 0} | fault
    assert search(lambda rate: Measured(rate, **measured), 250.0, 900.0)[0] == 0.0  # type: ignore[arg-type]


def test_notices_are_counted_by_dispatch_and_user() -> None:
    notices = Notices()
    notices.take(b'{"users":[4,5,6],"scores":[1,2,3],"kind":"offer","event_id":9,"dispatch_id":77}', 1.0)
    notices.take(b'{"users":[8],"scores":[1],"kind":"offer","event_id":10,"dispatch_id":77}', 2.0)
    notices.take(b'{"kind":"broadcast","first":1,"last":9,"count":12000,"dispatch_id":78}', 3.0)
    notices.take(b'{"kind":"state","dispatch_id":77,"state":"taken"}', 4.0)
    assert notices.users == {77: 4, 78: 12_000}
    assert notices.at_s == {77: 2.0, 78: 3.0}


def test_the_bottleneck_is_named_by_what_the_cores_did() -> None:
    def of(**cores: float) -> str:
        used = usage_between(Moment(0.0, {}), Moment(10.0, {part: 10 * share for part, share in cores.items()}))
        return type(used)(used.cores, 2).bottleneck()

    assert of(api=0.9, worker=0.95).startswith("all 2 cores are busy")
    assert of(api=0.2, worker=0.95) == "the worker: one process that uses 0.95 cores"
    assert of(api=0.2, worker=0.1).startswith("waiting, not computing")


@pytest.mark.parametrize("wrong", [{"profiles": 5}, {"first_rate": 0.0}, {"most_rate": 10.0}, {"singles": 0}])
def test_settings_that_make_no_sense_are_refused_by_their_option(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="--" + next(iter(wrong)).replace("_", "-")):
        DispatchSettings(**wrong)  # type: ignore[arg-type]
