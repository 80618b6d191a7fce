"""What goes wrong, drawn from the seed: at the doors of the stores, at the matcher, and to whole processes."""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from quanwang.simulation.scheduler import Actor

MOST_CRASHES: Final = 12
CRASHES_AT_A_POINT: Final = 3
HOUR_MS: Final = 3_600_000
STRIKES: Final = {
    "freeze": 8,
    "wipe_redis": 3,
    "redis_away": 3,
    "lose_shard": 3,
    "clock_jump": 3,
    "all_clocks_jump": 1,
    "switch": 2,
    "late_duplicate": 4,
}
"""What happens to the whole installation, and how likely beside the others."""


@dataclass(slots=True)
class Faults:
    """Decides by draws; counts what it did. ``calm`` ends it: the run must heal by itself then.

    ``crash_at`` names a crash point: actors die there, three times in all, and nobody dies elsewhere.
    """

    draws: random.Random
    crash_at: str | None = None
    calm: bool = False
    commits: int = 0
    crashes: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)
    redis_away: bool = False
    shard_is_lost: bool = False
    lost_shard: int = 0

    def at_begin(self) -> bool:
        """Whether this transaction meets a lock conflict."""
        return self._draw(0.01, "lock conflicts")

    def at_commit(self) -> str:
        """``kept``, or the connection breaks during the commit: ``unknown_kept`` or ``unknown_lost``."""
        if self._draw(0.008, "commits of unknown outcome"):
            return self.draws.choice(("unknown_kept", "unknown_lost"))
        return "kept"

    def committed(self) -> None:
        """Count a commit that was kept."""
        self.commits += 1

    def at_redis(self) -> str:
        """``answered``; ``away``: nothing arrives; ``unheard``: it is done and the answer is lost."""
        if self.redis_away and not self.calm:
            return "away"
        return "unheard" if self._draw(0.01, "answers of Redis lost") else "answered"

    def at_match(self) -> str:
        """``whole``; ``away``: nobody answers; ``torn``: a part of the answer is missing."""
        if self._draw(0.03, "matching away"):
            return "away"
        return "torn" if self.shard_is_lost and self._draw(0.8, "incomplete answers") else "whole"

    def answer_lost(self) -> bool:
        """Whether a client does not hear the answer to a request that was done."""
        return self._draw(0.08, "answers to clients lost")

    def kills(self, actor: Actor) -> bool:
        """Whether the actor dies where it stands."""
        self.passed[actor.point] += 1
        if self.crash_at is not None:
            meant = actor.point == self.crash_at and not self.calm and self.crashes[actor.point] < CRASHES_AT_A_POINT
            kills = meant and self.draws.random() < 0.5
        else:
            likely = 0.004 if actor.point in ("idle", "start") else 0.016
            kills = self.crashes.total() < MOST_CRASHES and self._draw(likely, "processes killed")
        if kills:
            self.crashes[actor.point] += 1
        return kills

    def freezes(self, actor: Actor) -> bool:
        """Whether the actor stops where it stands, to wake up late; where it matters most it does so most."""
        if self.calm:
            return False
        if self.crash_at is not None:
            return actor.point == self.crash_at and self.draws.random() < 0.3
        likely = 0.1 if actor.point.startswith("label.") else 0.01 if "." in actor.point else 0.0
        return self.draws.random() < likely

    def strikes(self) -> str | None:
        """What happens to the installation before this step, mostly nothing."""
        if self.calm or self.draws.random() >= 0.02:
            return None
        return self.draws.choices(
            tuple(STRIKES),
            tuple(STRIKES.values()),
        )[0]

    def _draw(self, likely: float, what: str) -> bool:
        if self.calm or self.draws.random() >= likely:
            return False
        self.happened[what] += 1
        return True
