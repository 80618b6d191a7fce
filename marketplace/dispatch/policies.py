"""Policies: how an order is offered. A policy is immutable; a change is a new version, and a dispatch keeps its own."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from kit.errors import InvalidInput

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

MAX_WAVE_SIZE = 99_999
MAX_DURATION_MS = 366 * DAY_MS


@dataclass(frozen=True, slots=True)
class Policy:
    """How waves, windows and timers run for one dispatch. Durations of 0 mean "at once".

    ``hold_ms`` 0 means that a selection is final at once: nothing has to be confirmed, so nothing can lapse.
    ``wave_size`` is at most 99,999 so that one query can always tell whether more candidates remain.
    """

    name: str
    wave_size: int = 200
    wave_interval_ms: int = 60 * SECOND_MS
    full_window_ms: int = 30 * MINUTE_MS
    partial_window_ms: int = 60 * MINUTE_MS
    acceptors_wanted: int = 1
    full_limit: int = 100_000
    partial_floor: int = 2_400
    partial_limit: int = 500
    offer_expiry_ms: int = DAY_MS
    publisher_idle_ms: int = DAY_MS
    hold_ms: int = DAY_MS
    dispatch_expiry_ms: int = 7 * DAY_MS
    needs_reach_confirmation: bool = False

    def __post_init__(self) -> None:
        if not (1 <= len(self.name) <= 64):
            raise InvalidInput("name", self.name, "must have 1 to 64 characters.")
        for field, (low, high) in _BOUNDS.items():
            value = getattr(self, field)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise InvalidInput(field, value, f"must be a whole number from {low:,} to {high:,}.")

    def to_json(self) -> str:
        """Return the canonical document: equal policies have equal texts."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> "Policy":
        """Read ``to_json`` back; raises InvalidInput for an unknown field or a value out of its bounds."""
        document: dict[str, Any] = json.loads(text)
        known = {field.name for field in dataclasses.fields(Policy)}
        for name, value in document.items():
            if name not in known:
                raise InvalidInput(name, value, "is no field of a policy.", show_value=False)
        return Policy(**document)


_BOUNDS = {
    "wave_size": (1, MAX_WAVE_SIZE),
    "wave_interval_ms": (0, MAX_DURATION_MS),
    "full_window_ms": (0, MAX_DURATION_MS),
    "partial_window_ms": (0, MAX_DURATION_MS),
    "acceptors_wanted": (1, 10_000),
    "full_limit": (1, 100_000),
    "partial_floor": (0, 11_000),
    "partial_limit": (0, 100_000),
    "offer_expiry_ms": (0, MAX_DURATION_MS),
    "publisher_idle_ms": (0, MAX_DURATION_MS),
    "hold_ms": (0, MAX_DURATION_MS),
    "dispatch_expiry_ms": (1, MAX_DURATION_MS),
}

DEFAULT = Policy("default")

WHOLE_TIER = Policy("whole_tier", wave_size=MAX_WAVE_SIZE, needs_reach_confirmation=True)
"""Everybody of the tier in one wave; the publisher must have confirmed the reach."""


def demonstration_policy(
    *,
    name: str = "demonstration",
    full_window_ms: int = 2 * SECOND_MS,
    partial_window_ms: int = 2 * SECOND_MS,
    wave_interval_ms: int = 300,
    wave_size: int = 500,
    partial_limit: int = 100,
) -> Policy:
    """Return a policy whose windows are seconds, so that both tiers can be watched."""
    return Policy(
        name,
        wave_size=wave_size,
        wave_interval_ms=wave_interval_ms,
        full_window_ms=full_window_ms,
        partial_window_ms=partial_window_ms,
        partial_limit=partial_limit,
        offer_expiry_ms=HOUR_MS,
        publisher_idle_ms=10 * MINUTE_MS,
        hold_ms=0,
        dispatch_expiry_ms=HOUR_MS,
    )


POLICIES: dict[str, Policy] = {policy.name: policy for policy in (DEFAULT, WHOLE_TIER, demonstration_policy())}
"""The built-in policies by name; they become rows when a dispatch first uses them."""
