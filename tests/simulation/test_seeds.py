"""Clean code holds under every seed and at every crash point, and a seed is the same run every time."""

import threading

import pytest

from quanwang.simulation.points import CRASH_POINTS
from quanwang.simulation.run import Wishes, simulate
from quanwang.simulation.seed_run import Bench, SeedReport

STEPS = 400


def failures(report: SeedReport) -> str:
    """What a failed test shows of a seed."""
    return "\n".join((str(report.broken), *report.trace))


@pytest.mark.parametrize("seed", range(1, 5))
def test_a_seed_holds(bench: Bench, seed: int) -> None:
    """Nobody is told twice or missed, nothing is lost or forgotten, whatever dies in between."""
    report = bench.run(seed, STEPS)
    assert report.broken is None, failures(report)
    assert report.crashes
    assert report.counts["orders"] > 2
    assert report.counts["waves"] > 1


@pytest.mark.parametrize("point", ["dispatch.committed", "delivery.delivered", "request.committed", "rebuild.begun"])
def test_a_crash_point_holds(bench: Bench, point: str) -> None:
    """Processes die there, and nowhere else, in one of the first seeds that pass it."""
    for seed in range(1, 31):
        report = bench.run(seed, STEPS, crash_at=point)
        assert report.broken is None, failures(report)
        if report.crashes:
            assert set(report.crashes) == {point}
            return
    pytest.fail(f"nothing died at {point}")


def test_a_seed_is_the_same_run_every_time(bench: Bench) -> None:
    """Also after another one: nothing of a seed is left behind."""
    first = bench.run(3, STEPS)
    other = bench.run(4, STEPS)
    again = bench.run(3, STEPS)
    assert first.digest == again.digest != other.digest
    assert (first.steps, first.crashes, first.counts) == (again.steps, again.crashes, again.counts)


@pytest.mark.nightly
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("mariadb", [False, True])
def test_hundreds_of_seeds_and_every_crash_point(mariadb: bool) -> None:
    wishes = Wishes(seeds=200, first_seed=1_000, steps=500, jobs=2, crash_points=True, mariadb=mariadb)
    outcome = simulate(wishes, lambda _outcome, _done: None, threading.Event())
    assert not outcome.failures, failures(outcome.failures[0])
    assert outcome.missed_points == []
    assert all(outcome.crashes[point] for point in CRASH_POINTS)
