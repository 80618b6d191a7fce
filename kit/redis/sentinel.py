"""A Redis whose primary may change: found by asking Sentinels, over and over.

``redis+sentinel://[user:password@]host:port,host:port,host:port/service[/database][?sentinel_password=...]``. The
password is for the Redis servers; Sentinels are asked without one unless ``sentinel_password`` says it.
"""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import redis
import redis.asyncio
import redis.asyncio.retry
import redis.asyncio.sentinel
import redis.sentinel
from redis.backoff import NoBackoff
from redis.retry import Retry

from kit.errors import InvalidInput

SCHEME: Final = "redis+sentinel"
ASK_TIMEOUT_S: Final = 0.5
DEFAULT_SENTINEL_PORT: Final = 26_379


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """What a ``redis+sentinel`` URL says."""

    sentinels: tuple[tuple[str, int], ...]
    service: str
    database: int
    username: str | None
    password: str | None
    sentinel_password: str | None


def uses_sentinels(url: str) -> bool:
    """Whether the URL names Sentinels in place of a server."""
    return url.startswith(f"{SCHEME}://")


def parse_sentinel_url(url: str) -> SentinelAddress:
    """Read a ``redis+sentinel`` URL. Raises InvalidInput, without showing the URL: it may hold a password."""
    rule = f"must read {SCHEME}://[:password@]host:port,host:port,host:port/service[/database]"
    try:
        parts = urlsplit(url)
        credentials, _, hosts = parts.netloc.rpartition("@")
        username, _, password = credentials.partition(":")
        path = [part for part in parts.path.split("/") if part]
        sentinels = tuple(_host_and_port(each) for each in hosts.split(",") if each)
        found = SentinelAddress(
            sentinels=sentinels,
            service=path[0],
            database=int(path[1]) if len(path) > 1 else 0,
            username=unquote(username) or None,
            password=unquote(password) or None,
            sentinel_password=dict(parse_qsl(parts.query)).get("sentinel_password"),
        )
    except (ValueError, IndexError) as error:
        raise InvalidInput("QUANWANG_REDIS_URL", "(not shown)", rule) from error
    if parts.scheme != SCHEME or not sentinels or len(path) > 2:
        raise InvalidInput("QUANWANG_REDIS_URL", "(not shown)", rule)
    return found


def describe_sentinels(url: str) -> str:
    """Name the Redis of a ``redis+sentinel`` URL for sentences: never with a password."""
    address = parse_sentinel_url(url)
    places = ", ".join(f"{host}:{port}" for host, port in address.sentinels)
    return f"{address.service} (by the Sentinels {places})"


class FollowingPool(redis.sentinel.SentinelConnectionPool, redis.BlockingConnectionPool):
    """Connections to the present primary, bounded: whoever finds none free waits for one, as everywhere here.

    Each new connection asks the Sentinels where the primary is. One that turns out to lead to a standby is closed.
    """


def following_pool(url: str, *, max_connections: int, wait_s: float, **options: Any) -> redis.BlockingConnectionPool:
    """Return a bounded pool for a ``redis+sentinel`` URL; ``options`` are those of a connection."""
    address = parse_sentinel_url(url)
    # The library publishes no types here.
    sentinel: Any = redis.sentinel.Sentinel
    pool: Any = FollowingPool
    found: redis.BlockingConnectionPool = pool(
        address.service,
        sentinel(address.sentinels, sentinel_kwargs=_asking(address)),
        max_connections=max_connections,
        timeout=wait_s,
        db=address.database,
        username=address.username,
        password=address.password,
        retry=Retry(NoBackoff(), 0),
        **options,
    )
    return found


def connect_async(url: str, *, max_connections: int, timeout_s: float) -> "redis.asyncio.Redis":
    """Return an asynchronous client for either form of URL; it connects at its first command and never retries."""
    options: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "max_connections": max_connections,
        "retry": redis.asyncio.retry.Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    if not uses_sentinels(url):
        return redis.asyncio.Redis.from_url(url, **options)
    address = parse_sentinel_url(url)
    sentinel: Any = redis.asyncio.sentinel.Sentinel
    asking = sentinel(address.sentinels, sentinel_kwargs=_asking(address))
    client: redis.asyncio.Redis = asking.master_for(
        address.service, db=address.database, username=address.username, password=address.password, **options
    )
    return client


def _asking(address: SentinelAddress) -> dict[str, Any]:
    return {
        "socket_timeout": ASK_TIMEOUT_S,
        "socket_connect_timeout": ASK_TIMEOUT_S,
        "password": address.sentinel_password,
        "protocol": 2,
    }


def _host_and_port(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator:
        return text, DEFAULT_SENTINEL_PORT
    if not host or not 0 < int(port) < 1 << 16:
        raise ValueError(text)
    return host.removeprefix("[").removesuffix("]"), int(port)
