"""How the drawn people act: who accepts which order, as receivers, and whom publishers select.

Every decision is a function of the seed and the order's external id, so a run repeats itself.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from quanwang.demonstration.profiles import activity


class Interest(StrEnum):
    """Who will take an order."""

    FULL = "full"
    """Somebody of the full tier, as soon as one is asked; of the partial tier when the full one is empty."""
    PARTIAL = "partial"
    """Nobody of the full tier, somebody of the partial one."""
    NOBODY = "nobody"
    """Nobody at all: the order ends exhausted."""


INTERESTS = (Interest.FULL, Interest.PARTIAL, Interest.NOBODY)
INTEREST_SHARES = (0.70, 0.22, 0.08)
MOST_ACCEPTORS = 3


@dataclass(frozen=True, slots=True)
class Temper:
    """How one order fares: who is interested, and how many of them accept."""

    interest: Interest
    acceptors: int


def temper_of(seed: int, external_id: str) -> Temper:
    """Return how the order of this external id fares."""
    randomness = random.Random(f"{seed} temper {external_id}")
    interest = randomness.choices(INTERESTS, INTEREST_SHARES)[0]
    return Temper(interest, randomness.randint(1, MOST_ACCEPTORS))


def choose_acceptors(seed: int, external_id: str, user_ids: Sequence[int], count: int) -> list[int]:
    """Return at most ``count`` of the asked users, the more active ones more often, in the order of their yes."""
    if len(user_ids) <= count:
        return list(user_ids)
    randomness = random.Random(f"{seed} acceptors {external_id}")
    # A look at a dozen is enough to find somebody active, however large the wave is.
    asked = sorted(randomness.sample(range(len(user_ids)), min(12, len(user_ids))))
    users = [user_ids[place] for place in asked]
    eagerness = {user: randomness.random() ** (1 / activity(seed, user)) for user in users}
    return sorted(users, key=eagerness.__getitem__, reverse=True)[:count]


def takes_part(temper: Temper, tier: str, *, full_was_empty: bool) -> bool:
    """Whether users of this tier accept an order of this temper."""
    if temper.interest is Interest.NOBODY:
        return False
    if tier == "full":
        return temper.interest is Interest.FULL
    return temper.interest is Interest.PARTIAL or full_was_empty
