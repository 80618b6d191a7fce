"""The population of a run: most people stay as they are, so that it is known exactly who must be told."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quanwang.demonstration.profiles import ProfileDraw

MOVING_SHARE = 0.02
CHANGING = ("regions", "location", "rating", "available")


@dataclass(frozen=True, slots=True)
class People:
    """People numbered 1 .. ``count``; the last ones change place, rating and availability during the run.

    Their words never change: the vocabulary, by which orders are understood, stays what it is. A number is the external
    id and the platform's id alike.
    """

    seed: int
    count: int

    @property
    def first_moving(self) -> int:
        """The first number of those who change."""
        return self.count - max(1, int(self.count * MOVING_SHARE)) + 1

    def stays(self, user_id: int) -> bool:
        """Whether this person is the same from the first order to the last."""
        return 1 <= user_id < self.first_moving

    def draw_moved(self, randomness: random.Random, drawn: ProfileDraw) -> tuple[str, Mapping[str, Any]]:
        """Return one of the moving people with another person's place, rating and availability."""
        number = randomness.randint(self.first_moving, self.count)
        ((name, own),) = drawn.documents(number, 1)
        ((_, other),) = drawn.documents(randomness.randint(1, 1_000_000), 1)
        return name, {**own, **{field: other[field] for field in CHANGING}}
