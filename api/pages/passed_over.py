"""Who fits and was passed over, ready to be written: how many, in which wave, and why."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from api.pages.words import PASSED_OVER, PASSED_OVER_STATES, word
from marketplace.dispatch.views import Suppression, SuppressionCount, Tier

Translate = Callable[[str], str]

SHOWN_ROWS: Final = 30


@dataclass(frozen=True, slots=True)
class PassedOverRow:
    """How many users one wave passed over for one reason; ``edited``: of an order that has several versions."""

    reason: str
    wave: int
    tier: Tier
    state: str
    users: int
    order_version: int
    edited: bool


@dataclass(frozen=True, slots=True)
class PassedOverView:
    """The newest rows first; ``more``: how many more there are."""

    rows: Sequence[PassedOverRow]
    more: int


def passed_over_view(counts: Sequence[SuppressionCount], translate: Translate) -> PassedOverView:
    """Return who was passed over, the newest wave first."""
    edited = any(count.order_version > 1 for count in counts)
    rows = [
        PassedOverRow(
            reason=translate(word(PASSED_OVER, count.reason).label),
            wave=count.wave,
            tier=count.tier,
            state=translate(word(PASSED_OVER_STATES, count.state).label),
            users=count.users,
            order_version=count.order_version,
            edited=edited,
        )
        for count in sorted(counts, key=lambda count: (-count.order_version, -count.wave, count.tier, count.reason))
    ]
    return PassedOverView(rows[:SHOWN_ROWS], max(0, len(rows) - SHOWN_ROWS))


def passed_over_users(counts: Sequence[SuppressionCount]) -> dict[str, int]:
    """Return users by reason, of the newest order version; settled ones are told since, or counted anew."""
    newest = max((count.order_version for count in counts), default=0)
    found: Counter[str] = Counter()
    for count in counts:
        if count.order_version == newest and count.state != "settled":
            found[count.reason] += count.users
    return {reason: found[reason] for reason in PASSED_OVER if found[reason]}


def newest_reason(found: Sequence[Suppression], translate: Translate) -> tuple[int, str, str] | None:
    """Return the wave that last passed one user over, why, and what became of it; None: none did."""
    if not found:
        return None
    last = found[-1]
    return (
        last.wave,
        translate(word(PASSED_OVER, last.reason).label),
        translate(word(PASSED_OVER_STATES, last.state).label),
    )
