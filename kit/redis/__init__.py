"""Redis or Valkey: an index, a cache and a wake-up call. Losing all of it at any moment loses nothing.

Everything raises RedisUnavailable within a few seconds when the server is away; callers fall back to the database.
"""

from kit.redis.client import RedisClient, RedisUnavailable, Script, connect
from kit.redis.embedded import EmbeddedRedis, RedisBinaryMissing, embedded_redis_command
from kit.redis.generation import GENERATION_KEY, Generation
from kit.redis.sentinel import connect_async
from kit.redis.stream import WAKE_STREAM, RedisWakeStream

__all__ = [
    "GENERATION_KEY",
    "WAKE_STREAM",
    "EmbeddedRedis",
    "Generation",
    "RedisBinaryMissing",
    "RedisClient",
    "RedisUnavailable",
    "RedisWakeStream",
    "Script",
    "connect",
    "connect_async",
    "embedded_redis_command",
]
