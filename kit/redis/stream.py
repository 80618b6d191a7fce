"""The wake-up call between processes: one capped stream, no groups, no acknowledgements."""

from typing import Final

from kit.redis.client import RedisClient, RedisUnavailable

WAKE_STREAM: Final = "wake"
MAX_ENTRIES: Final = 1_000
NEWEST: Final = "$"


class RedisWakeStream:
    """Implements kit.work's WakeStream. One instance waits in one thread; sending is safe for all.

    What is announced between two waits is seen by the second one; what was announced before the first wait is not,
    because a starting worker looks at the database anyway.
    """

    def __init__(self, client: RedisClient, stream: str = WAKE_STREAM) -> None:
        self._client = client
        self._stream = stream
        self._last_id = NEWEST

    def send(self, text: str) -> bool:
        """Announce; False when Redis is away."""
        try:
            self._client.execute("XADD", self._stream, "MAXLEN", "~", MAX_ENTRIES, "*", "kinds", text, attempts=1)
        except RedisUnavailable:
            return False
        return True

    def wait(self, timeout_s: float) -> list[str] | None:
        """Return what was announced since the last call, waiting up to ``timeout_s`` (below 2 s); None when away."""
        try:
            if self._last_id == NEWEST:
                self._last_id = self._newest_id()
            entries = self._client.read_stream(self._stream, self._last_id, block_ms=int(timeout_s * 1000))
        except RedisUnavailable:
            # A server that comes back may be an empty one, whose ids start anew: begin at its end.
            self._last_id = NEWEST
            return None
        if entries:
            self._last_id = entries[-1][0]
        return [text for _entry_id, text in entries]

    def _newest_id(self) -> str:
        # "$" in every XREAD would lose what is announced between two of them.
        answer = self._client.execute("XREVRANGE", self._stream, "+", "-", "COUNT", 1)
        return answer[0][0].decode() if answer else "0-0"
