"""Whether what Redis holds is complete: the key ``hot:generation``, and the one rebuild when it is missing."""

from typing import Final

from kit.redis.client import RedisClient

GENERATION_KEY: Final = "hot:generation"
REBUILD_KEY: Final = "hot:rebuild"

_EXTEND = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""

_PUBLISH = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
redis.call('DEL', KEYS[1])
return 1
"""

_ABANDON = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""


class Generation:
    """The completeness mark. Every script that reads or writes hot data checks GENERATION_KEY itself.

    The claim of a rebuild is efficiency only: two rebuilds at once would write the same. Raises RedisUnavailable.
    """

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._extend = client.script(_EXTEND)
        self._publish = client.script(_PUBLISH)
        self._abandon = client.script(_ABANDON)

    def generation(self) -> str | None:
        """Return the mark, or None: Redis lost its data or was never filled."""
        mark = self._client.execute("GET", GENERATION_KEY)
        return mark.decode() if mark is not None else None

    def claim_rebuild(self, token: str, lease_ms: int) -> bool:
        """Try to become the one who rebuilds, for ``lease_ms``; ``token`` names the claimant."""
        return bool(self._client.execute("SET", REBUILD_KEY, token, "NX", "PX", lease_ms, attempts=1))

    def extend_rebuild(self, token: str, lease_ms: int) -> bool:
        """Keep the claim; False when it was lost (Redis was emptied again, or the lease ran out): start over."""
        return bool(self._extend.run([REBUILD_KEY], [token, lease_ms]))

    def publish_generation(self, token: str, generation: str) -> bool:
        """Mark Redis complete and end the claim; False when the claim was lost, then nothing is marked."""
        return bool(self._publish.run([REBUILD_KEY, GENERATION_KEY], [token, generation]))

    def abandon_rebuild(self, token: str) -> None:
        """End the claim without a mark, so that another may try at once."""
        self._abandon.run([REBUILD_KEY], [token])

    def clear(self) -> None:
        """Take the mark away: the next look starts a rebuild."""
        self._client.execute("DEL", GENERATION_KEY)
