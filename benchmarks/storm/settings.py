"""What one run of the storm is asked to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kit.errors import InvalidInput

KINDS = ("words", "availability", "rating", "location", "joining", "leaving")
MIX = {"words": 40.0, "availability": 25.0, "rating": 15.0, "location": 15.0, "joining": 3.0, "leaving": 2.0}
"""Chosen, not observed: parts of all changes. Words are whole new profiles; joining is a new id, leaving a deletion."""
CADENCE_S = 0.5
"""A barrier is cut so often, as by the dispatcher's feeder."""
FIGURES = (
    "visible_p50_ms",
    "visible_p99_ms",
    "visible_max_ms",
    "barrier_p50_ms",
    "barrier_p99_ms",
    "barrier_max_ms",
    "single_p50_ratio",
    "single_p95_ratio",
    "single_p99_ratio",
    "batch_p50_ratio",
    "batch_p95_ratio",
    "batch_p99_ratio",
    "single_cpu_p99_ratio",
    "batch_cpu_p99_ratio",
    "merges",
    "failed_merges",
    "longest_merge_s",
    "changes",
    "unseen_changes",
    "lost_users",
    "checked_orders",
    "wrong_orders",
    "peak_memory_bytes",
)
"""The numbers of the JSON document that a threshold can be set on."""


@dataclass(frozen=True, slots=True)
class StormSettings:
    """Checked options of a run."""

    users: int = 1_000_000
    orders: int = 256
    percent_a_minute: float = 1.0
    seconds: float = 60.0
    quiet_seconds: float = 20.0
    seed: int = 1
    mix: Mapping[str, float] = field(default_factory=lambda: dict(MIX))

    def __post_init__(self) -> None:
        bounds = {
            "users": (1_000, 20_000_000),
            "orders": (16, 10_000),
            "percent_a_minute": (0.0, 1_000.0),
            "seconds": (1.0, 86_400.0),
            "quiet_seconds": (1.0, 86_400.0),
            "seed": (0, 2**32),
        }
        for name, (least, most) in bounds.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise InvalidInput(name, value, f"must be between {least:,} and {most:,}")

    @property
    def barriers(self) -> int:
        """Barriers that are cut in the storm."""
        return max(1, round(self.seconds / CADENCE_S))

    @property
    def changes_a_barrier(self) -> int:
        """Users who change between one barrier and the next."""
        return max(1, round(self.users * self.percent_a_minute / 100 / 60 * CADENCE_S))


def parse_mix(text: str | None) -> dict[str, float]:
    """``words=40,rating=60`` as parts of all changes, those not named 0; None: MIX. Raises InvalidInput."""
    if text is None:
        return dict(MIX)
    mix = dict.fromkeys(KINDS, 0.0)
    for part in text.split(","):
        kind, _, share = part.partition("=")
        if kind.strip() not in KINDS or not share.strip().replace(".", "", 1).isdecimal():
            raise InvalidInput("mix", part, f"must be one of {', '.join(KINDS)}, an equals sign and a number: words=40")
        mix[kind.strip()] = float(share)
    if sum(mix.values()) <= 0:
        raise InvalidInput("mix", text, "must give at least one kind of change a share above 0")
    return mix
