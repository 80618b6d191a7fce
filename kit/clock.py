"""The only clock: everything below the entry points takes ``now_ms`` as an argument."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Returns milliseconds since 1970-01-01 UTC."""


Stopwatch = Callable[[], float]
"""Returns seconds on a clock that never goes backwards, such as ``elapsed_s``; only differences mean something."""


def not_measured() -> float:
    """The stopwatch of whoever does not measure: it stands still."""
    return 0.0


def now_ms() -> int:
    """Return the wall clock in milliseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


def elapsed_s() -> float:
    """Return seconds on a clock that never goes backwards; only differences mean something."""
    return time.monotonic()


def pause(seconds: float) -> None:
    """Do nothing for ``seconds``; for retries only, nothing that waits for work sleeps blindly."""
    time.sleep(seconds)
