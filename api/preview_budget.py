"""How many previews an owner may ask for in a minute: many small variations of one order could single out a person."""

import threading
from typing import Final

from kit.errors import TooManyRequests
from kit.redis import RedisClient, RedisUnavailable

MINUTE_MS: Final = 60_000
MAX_OWNERS: Final = 10_000


class PreviewBudgetSpent(TooManyRequests):
    """The owner's previews of this minute are used up."""


class PreviewBudget:
    """Counts previews per owner and minute; in Redis for all processes, in this process while Redis is away."""

    def __init__(self, redis: RedisClient | None, a_minute: int) -> None:
        self._redis = redis
        self._a_minute = a_minute
        self._counts: dict[tuple[str, int], int] = {}
        self._lock = threading.Lock()

    def spend(self, owner: str, *, now_ms: int) -> None:
        """Count one preview. Raises PreviewBudgetSpent."""
        minute = now_ms // MINUTE_MS
        spent = self._count_in_redis(owner, minute)
        if spent is None:
            spent = self._count_here(owner, minute)
        if spent > self._a_minute:
            wait_s = max(1, ((minute + 1) * MINUTE_MS - now_ms) // 1000)
            raise PreviewBudgetSpent(
                f"The {self._a_minute} previews of this minute are used up; ask again in {wait_s} seconds.", wait_s
            )

    def _count_in_redis(self, owner: str, minute: int) -> int | None:
        if self._redis is None:
            return None
        key = f"preview:{minute}:{owner}"
        try:
            counted, _ = self._redis.pipeline([("INCR", key), ("EXPIRE", key, 120)], attempts=1)
        except RedisUnavailable:
            return None
        return int(counted)

    def _count_here(self, owner: str, minute: int) -> int:
        with self._lock:
            if len(self._counts) >= MAX_OWNERS:
                self._counts = {key: count for key, count in self._counts.items() if key[1] == minute}
            counted = self._counts.get((owner, minute), 0) + 1
            self._counts[owner, minute] = counted
            return counted
