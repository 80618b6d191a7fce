"""An order waits for the profile changes that were committed before it, and for no longer than it must."""

import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from engine.coordinator import Coordinator
from engine.feeder import Feeder
from quanwang.processes import dispatcher
from quanwang.processes.dispatcher import Feeding, ShardsLagBehind

pytestmark = pytest.mark.integration


class Log:
    """Changes by number, and a feeder that publishes all of them when it is asked."""

    def __init__(self) -> None:
        self.newest = 5
        self.barrier: int | None = None
        self.steps = 0
        self.may_step = threading.Event()
        self.may_step.set()

    def step(self) -> int:
        self.may_step.wait()
        self.barrier = self.newest
        self.steps += 1
        return 0

    def snapshot(self) -> None:
        """Nothing is kept."""


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    # Only who asks is fed in time.
    monkeypatch.setattr(dispatcher, "BARRIER_PERIOD_S", 60.0)
    return Log()


@pytest.fixture
def feeding(log: Log) -> Iterator[Feeding]:
    found = Feeding(cast("Feeder", log), cast("Coordinator", cast("Any", log)), lambda: log.newest)
    found.start()
    assert found.wait_fed()
    yield found
    log.may_step.set()
    found.stop()


def test_what_is_committed_is_published_before_an_order_is_matched(log: Log, feeding: Feeding) -> None:
    for newest in (6, 7, 9):
        log.newest = newest
        feeding.catch_up()
        assert log.barrier == newest


def test_nothing_new_costs_no_barrier(log: Log, feeding: Feeding) -> None:
    steps = log.steps
    for _ in range(50):
        feeding.catch_up()
    assert log.steps == steps


def test_shards_that_do_not_follow_are_a_pause(log: Log, feeding: Feeding, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "CATCH_UP_S", 0.1)
    log.may_step.clear()
    log.newest = 8
    with pytest.raises(ShardsLagBehind, match="change 8 of profiles is not published yet"):
        feeding.catch_up()
