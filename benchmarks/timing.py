"""Samples of time, all of them kept, and the few numbers that are read off them."""

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

PERCENTILES = (50, 95, 99)


@dataclass(slots=True)
class Measurement:
    """One contestant's pass over some orders in one round.

    ``call_us``, ``call_cpu_us`` and ``call_orders``: microseconds on the clock, microseconds of this thread's processor
    time, and orders of every call; ``rows`` the orders in the order asked.
    ``bucket`` is set where a pass took the orders of one bucket only.
    """

    contestant: str
    operation: str
    round: int
    call_us: list[float] = field(default_factory=list)
    call_cpu_us: list[float] = field(default_factory=list)
    call_orders: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    bucket: int | None = None

    def mean_us(self) -> float:
        """Microseconds an order."""
        return sum(self.call_us) / max(1, sum(self.call_orders))

    def mean_cpu_us(self) -> float:
        """Microseconds of processor time an order: what a busy machine cannot inflate, but for its caches."""
        return sum(self.call_cpu_us) / max(1, sum(self.call_orders))

    def order_us(self) -> list[float]:
        """Microseconds an order, call by call."""
        return [spent / orders for spent, orders in zip(self.call_us, self.call_orders, strict=True)]


@contextmanager
def undisturbed() -> Iterator[None]:
    """Collect garbage before, and not during, a stretch that is timed."""
    gc.collect(1)  # the old generation holds the population, and looking through it takes longer than many a pass
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def now_s() -> float:
    """The clock that everything is timed by, in seconds."""
    return time.perf_counter()


def wait_s(seconds: float) -> None:
    """Let so many seconds go by; none when the time is past."""
    time.sleep(max(0.0, seconds))


def cpu_s() -> float:
    """Processor time of the calling thread, in seconds."""
    return time.thread_time()


def median(values: Sequence[float]) -> float:
    """The middle value; raises ValueError for none."""
    if not values:
        raise ValueError("no value was measured")
    return float(np.median(values))


def summary(values: Sequence[float]) -> dict[str, float]:
    """Mean and percentiles by name: mean, p50, p95, p99."""
    if not values:
        return {}
    found = np.percentile(np.asarray(values, np.float64), PERCENTILES)
    named = {f"p{percent}": float(value) for percent, value in zip(PERCENTILES, found, strict=True)}
    return {"mean": float(np.mean(values)), **named}
