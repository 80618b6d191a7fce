"""The search for the highest rate that is sustained: rising steps, then halving between the last two."""

from collections.abc import Callable
from typing import Final, Protocol

GROWTH: Final = 1.6
HALVINGS: Final = 2
PATIENCE_MS: Final = 2_000.0
"""A rate is sustained when 99 of 100 orders are in their inboxes within so long: a growing queue soon breaks it."""


class Step(Protocol):
    """What a step tells of itself."""

    @property
    def rate(self) -> float:
        """Orders a second."""
        ...

    @property
    def lost(self) -> int:
        """Acknowledged orders that did not reach everybody."""
        ...

    @property
    def refused(self) -> int:
        """Orders that were not acknowledged."""
        ...

    def percentile(self, percent: float) -> float | None:
        """Of the milliseconds until the inbox."""
        ...


def is_sustained(step: Step) -> bool:
    """Whether the installation kept up with the step."""
    p99 = step.percentile(99)
    return step.lost == 0 and step.refused == 0 and p99 is not None and p99 <= PATIENCE_MS


def search(run: Callable[[float], Step], first: float, most: float) -> tuple[float, float | None]:
    """Return the highest rate that was sustained (0.0: none) and the lowest one that was not (None: none tried)."""
    good, bad, rate = 0.0, None, first
    while True:
        if is_sustained(run(rate)):
            good = rate
            if rate >= most:
                return good, None
            rate = min(most, rate * GROWTH)
        else:
            bad = rate
            break
    for _ in range(HALVINGS):
        middle = (good + bad) / 2
        if middle < first / 4:
            break
        if is_sustained(run(middle)):
            good = middle
        else:
            bad = middle
    return good, bad
