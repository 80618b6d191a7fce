"""What a seed draws: a small town of users, orders that fit some of them, policies in which everything happens soon."""

import random
from dataclasses import dataclass, field
from typing import Any, Final

from marketplace.dispatch import Policy

WORDS: Final = ("电焊工", "木工", "油漆工")
PLACES: Final = ("310115", "310104", "110105")
CITY_OF_TWO: Final = "310000"
USERS: Final = 14
FIRST_MS: Final = 1_700_000_000_000


@dataclass(frozen=True, slots=True)
class World:
    """The draws of one seed. All random choices of a run come from ``draws``, in the order of its steps."""

    seed: int
    draws: random.Random = field(repr=False)
    policies: tuple[Policy, ...] = ()

    @staticmethod
    def of_seed(seed: int) -> "World":
        """Return the world of a seed."""
        draws = random.Random(f"quanwang simulate {seed}")
        policies = tuple(_policy(draws, f"drawn-{number}") for number in range(2))
        return World(seed, draws, policies)

    def profile(self) -> dict[str, Any]:
        """Draw what a user offers; most offer something of what orders ask."""
        draws = self.draws
        return {
            "keywords": sorted(draws.sample(WORDS, draws.choice((1, 1, 2)))),
            "regions": [draws.choice(PLACES)],
            "rating": draws.randrange(0, 101, 10),
            "available": draws.random() < 0.92,
        }

    def order(self, number: int, now_ms: int) -> dict[str, Any]:
        """Draw an order; its title tells it from every other one."""
        draws = self.draws
        document: dict[str, Any] = {
            "title": f"order {number}",
            "keywords": [draws.choice(WORDS)],
            "policy": draws.choice(self.policies).name,
            "fuzzy": False,
        }
        if draws.random() < 0.8:
            document["regions"] = [draws.choice((*PLACES, CITY_OF_TWO))]
        if draws.random() < 0.5:
            document["id"] = f"external-{number}"
        if draws.random() < 0.3:
            document["publisher"] = f"u{draws.randrange(USERS)}"
        if draws.random() < 0.15:
            document["expires_at_ms"] = now_ms + draws.randrange(2_000, 60_000)
        if draws.random() < 0.1:
            document["confirmed_reach"] = draws.randrange(1, 8)
        return document


def _policy(draws: random.Random, name: str) -> Policy:
    return Policy(
        name,
        wave_size=draws.choice((1, 2, 3, 5, 50)),
        wave_interval_ms=draws.choice((0, 0, 300, 1_000)),
        full_window_ms=draws.choice((0, 1_500, 4_000)),
        partial_window_ms=draws.choice((0, 1_500, 5_000)),
        acceptors_wanted=draws.choice((1, 1, 2)),
        partial_floor=draws.choice((0, 0, 2_400)),
        partial_limit=draws.choice((3, 500)),
        offer_expiry_ms=draws.choice((3_000, 20_000, 600_000)),
        publisher_idle_ms=draws.choice((2_000, 20_000)),
        hold_ms=draws.choice((0, 2_000, 8_000)),
        dispatch_expiry_ms=draws.choice((15_000, 120_000)),
        offers_an_hour=draws.choice((0, 0, 0, 3)),
        decline_cooldown_ms=draws.choice((0, 0, 3_000)),
        rotate_equals=draws.random() < 0.3,
    )
