"""Policies: how an order is offered. A policy is immutable; a change is a new version, and a dispatch keeps its own."""

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kit.errors import InvalidInput

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

MAX_WAVE_SIZE = 99_999
MAX_DURATION_MS = 366 * DAY_MS
DAY_MINUTES = 24 * 60
CHINA_OFFSET_MINUTES = 8 * 60
_NAME = re.compile(r"\w[\w.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Policy:
    """How waves, windows and timers run for one dispatch. Durations of 0 mean "at once".

    ``hold_ms`` 0 means that a selection is final at once: nothing has to be confirmed, so nothing can lapse.
    ``wave_size`` is at most 99,999 so that one query can always tell whether more candidates remain.

    The attention budget is off unless set, because a publisher who was promised "every user who qualifies" must find
    them told, and only the platform knows how much is too much: ``offers_an_hour`` and ``offers_a_day`` (0: no cap)
    count what a user was offered by all dispatches; after a decline the user is left alone for ``decline_cooldown_ms``;
    nobody is told from minute ``quiet_from_minute`` of the day to before ``quiet_until_minute`` (equal: no quiet
    hours; past midnight when the first is the larger one), by the platform's clock, ``utc_offset_minutes`` from UTC.
    ``rotate_equals``: who of equal score and tie comes first is drawn anew for each order, instead of by id.
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
    offers_an_hour: int = 0
    offers_a_day: int = 0
    decline_cooldown_ms: int = 0
    quiet_from_minute: int = 0
    quiet_until_minute: int = 0
    utc_offset_minutes: int = CHINA_OFFSET_MINUTES
    rotate_equals: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or _NAME.fullmatch(self.name) is None:
            rule = 'must have 1 to 64 letters, digits, "_", "-" or "."; a version follows behind ":".'
            raise InvalidInput("name", self.name, rule)
        for field, (low, high) in _BOUNDS.items():
            value = getattr(self, field)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise InvalidInput(field, value, f"must be a whole number from {low:,} to {high:,}.")
        for field in ("needs_reach_confirmation", "rotate_equals"):
            if not isinstance(getattr(self, field), bool):
                raise InvalidInput(field, getattr(self, field), "must be true or false.")

    @property
    def spares_attention(self) -> bool:
        """Whether somebody who fits may be passed over for his own sake."""
        return self.counts_attention or self.quiet_from_minute != self.quiet_until_minute

    @property
    def counts_attention(self) -> bool:
        """Whether it matters what a user was offered and declined before."""
        return bool(self.offers_an_hour or self.offers_a_day or self.decline_cooldown_ms)

    def quiet_until_ms(self, now_ms: int) -> int | None:
        """Return when the quiet hours end that ``now_ms`` lies in; None outside of them."""
        start, end = self.quiet_from_minute, self.quiet_until_minute
        if start == end:
            return None
        into_day_ms = (now_ms + self.utc_offset_minutes * MINUTE_MS) % DAY_MS
        quiet_ms = (end - start) % DAY_MINUTES * MINUTE_MS
        into_quiet_ms = (into_day_ms - start * MINUTE_MS) % DAY_MS
        return now_ms + quiet_ms - into_quiet_ms if into_quiet_ms < quiet_ms else None

    def to_json(self) -> str:
        """Return the canonical document: equal policies have equal texts."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> "Policy":
        """Read ``to_json`` back; raises InvalidInput for an unknown field or a value out of its bounds."""
        return Policy.from_document(json.loads(text))

    @staticmethod
    def from_document(document: Mapping[str, Any]) -> "Policy":
        """Return the policy with these fields, the defaults for those left out.

        Raises InvalidInput for an unknown field, a missing name or a value out of its bounds.
        """
        for name, value in document.items():
            if name not in _FIELDS:
                rule = f"is no field of a policy; known are {', '.join(sorted(_FIELDS))}."
                raise InvalidInput(name, value, rule, show_value=False)
        if "name" not in document:
            raise InvalidInput("name", None, "is missing; give the policy a name.", show_value=False)
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
    "offers_an_hour": (0, 1_000),
    "offers_a_day": (0, 10_000),
    "decline_cooldown_ms": (0, DAY_MS),
    "quiet_from_minute": (0, DAY_MINUTES - 1),
    "quiet_until_minute": (0, DAY_MINUTES - 1),
    "utc_offset_minutes": (-12 * 60, 14 * 60),
}
_FIELDS = frozenset(field.name for field in dataclasses.fields(Policy))

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
