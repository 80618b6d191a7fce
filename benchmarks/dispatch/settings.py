"""What a run of the dispatch benchmark is asked for."""

from dataclasses import dataclass

from kit.errors import InvalidInput

FIGURES = (
    "sustained_orders_per_s",
    "submit_to_inbox_p50_ms",
    "submit_to_inbox_p99_ms",
    "inbox_entries_per_s",
    "single_order_p50_ms",
    "shard_recovery_s",
    "redis_rebuild_entries_per_s",
    "acceptances_per_s",
    "lost",
    "doubled",
)
"""Figures that a threshold may name."""

LARGEST_WAVE_USERS = 5_000
MEDIAN_RECIPIENTS = 50
LARGE_PART = 1_000
"""One order in so many reaches the largest number of users."""

SPREAD = 0.8
"""Standard deviation of the logarithm of how many users the other orders reach."""

MIN_PROFILES = 1_000
MAX_PROFILES = 20_000_000


@dataclass(frozen=True, slots=True)
class DispatchSettings:
    """``first_rate``: orders a second of the first step; each step lasts ``step_seconds``.

    ``steady_seconds``: how long half the sustained rate is watched. ``singles``: orders sent alone on an idle system.
    """

    profiles: int = 1_000_000
    first_rate: float = 250.0
    most_rate: float = 4_000.0
    step_seconds: float = 10.0
    steady_seconds: float = 30.0
    singles: int = 50
    seed: int = 1

    def __post_init__(self) -> None:
        bounds = {
            "profiles": (MIN_PROFILES, MAX_PROFILES),
            "first_rate": (1.0, 100_000.0),
            "most_rate": (self.first_rate, 100_000.0),
            "step_seconds": (1.0, 3_600.0),
            "steady_seconds": (1.0, 86_400.0),
            "singles": (1, 10_000),
        }
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InvalidInput("--" + name.replace("_", "-"), value, f"must be from {low:,} to {high:,}")
