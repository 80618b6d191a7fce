"""A Redis client with bounds: connections, timeouts, retries; and one error when the server is away."""

import hashlib
import random
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from kit.clock import elapsed_s, pause
from kit.errors import InvalidInput, Unavailable
from kit.redis.sentinel import describe_sentinels, following_pool, uses_sentinels

T = TypeVar("T")
Argument = str | bytes | int | float
Command = Sequence[Argument]

CONNECT_TIMEOUT_S: Final = 1.0
ANSWER_TIMEOUT_S: Final = 2.0
POOL_WAIT_S: Final = 1.0
REST_AFTER_FAILURE_S: Final = 0.25
MAX_PIPELINE: Final = 1_000

_AWAY = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.exceptions.BusyLoadingError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.MasterDownError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.AuthenticationError,
    OSError,
)


class RedisUnavailable(Unavailable):
    """Redis does not answer, is loading, read-only or full; the database has everything."""


class RedisClient:
    """Sends commands to one server; safe for threads. Answers are the redis library's: bytes, ints, lists, True for OK.

    A command is tried ``attempts`` times when the connection breaks, so it may run twice: send idempotent ones, or pass
    ``attempts=1``. After a failure the server is left alone for a quarter of a second: meanwhile commands fail at once.
    """

    def __init__(
        self, url: str, *, max_connections: int = 16, timeout_s: float = ANSWER_TIMEOUT_S, attempts: int = 2
    ) -> None:
        self.where = describe(url)
        self.url = url
        self._attempts = attempts
        self._timeout_s = timeout_s
        self._away_until_s = 0.0
        self._pool = _pool_of(url, max_connections, timeout_s)
        # The library's signatures of raw commands are untyped; ours are typed.
        self._redis: Any = redis.Redis(connection_pool=self._pool)

    def execute(self, *command: Argument, attempts: int | None = None) -> Any:
        """Send one command, such as ``execute("GET", key)``; return its answer. Raises RedisUnavailable."""
        return self._try(lambda: self._redis.execute_command(*command), attempts)

    def pipeline(self, commands: Sequence[Command], *, attempts: int | None = None) -> list[Any]:
        """Send at most 1,000 commands in one go, not as a transaction; return their answers in order.

        A command that Redis refuses raises redis.ResponseError after all were run.
        """
        if len(commands) > MAX_PIPELINE:
            raise ValueError(f"RedisClient.pipeline: {len(commands)} commands are more than {MAX_PIPELINE}")

        def send() -> list[Any]:
            pipe = self._redis.pipeline(transaction=False)
            for command in commands:
                pipe.execute_command(*command)
            return list(pipe.execute())

        return self._try(send, attempts)

    def script(self, source: str) -> "Script":
        """Return a Lua script; nothing is sent before its first run."""
        return Script(self, source)

    def read_stream(self, stream: str, after_id: str, *, block_ms: int, count: int = 100) -> list[tuple[str, str]]:
        """Wait up to ``block_ms`` (0: not at all) for entries of a stream after an id; return (id, "kinds") pairs."""
        if block_ms / 1000 >= self._timeout_s:
            raise ValueError(f"read_stream: block_ms {block_ms} is not below the answer timeout {self._timeout_s} s")
        # BLOCK 0 would wait for ever.
        waiting = ("BLOCK", block_ms) if block_ms > 0 else ()
        answer = self._try(
            lambda: self._redis.execute_command("XREAD", "COUNT", count, *waiting, "STREAMS", stream, after_id), 1
        )
        entries = answer[0][1] if answer else []
        return [(entry_id.decode(), fields.get(b"kinds", b"").decode()) for entry_id, fields in entries]

    def ping(self) -> None:
        """Ask for an answer. Raises RedisUnavailable when there is none."""
        self.execute("PING", attempts=1)

    def close(self) -> None:
        """Close all connections; the client can be used again afterwards."""
        self._pool.disconnect()

    def _try(self, send: Callable[[], T], attempts: int | None) -> T:
        left = attempts or self._attempts
        if elapsed_s() < self._away_until_s:
            raise RedisUnavailable(self._sentence(), 1)
        while True:
            left -= 1
            try:
                return send()
            except _AWAY as error:
                if left > 0:
                    pause(random.uniform(0.005, 0.03))
                    continue
                self._away_until_s = elapsed_s() + REST_AFTER_FAILURE_S
                raise RedisUnavailable(self._sentence(error), 1) from error

    def _sentence(self, error: BaseException | None = None) -> str:
        if isinstance(error, redis.exceptions.OutOfMemoryError):
            return f"Redis at {self.where} has no memory left: raise its maxmemory; the database is used meanwhile"
        if isinstance(error, redis.exceptions.ReadOnlyError):
            return f"Redis at {self.where} is a read-only standby: connect to the primary"
        if isinstance(error, redis.exceptions.AuthenticationError):
            return f"Redis at {self.where} refuses the password: check QUANWANG_REDIS_URL"
        return f"Redis at {self.where} does not answer: check that it runs; the database is used meanwhile"


class Script:
    """A Lua script run by its digest; loaded again by itself when the server has forgotten it."""

    def __init__(self, client: RedisClient, source: str) -> None:
        self._client = client
        self.source = source
        self.digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    def run(self, keys: Sequence[str | bytes] = (), arguments: Sequence[Argument] = ()) -> Any:
        """Run with KEYS and ARGV; return its answer. Raises RedisUnavailable, redis.ResponseError of the script."""
        try:
            return self._client.execute("EVALSHA", self.digest, len(keys), *keys, *arguments)
        except redis.exceptions.NoScriptError:
            return self._client.execute("EVAL", self.source, len(keys), *keys, *arguments)

    def run_many(self, calls: Sequence[tuple[Sequence[str | bytes], Sequence[Argument]]]) -> list[Any]:
        """Run many calls in pipelines of at most 1,000; return their answers in order."""
        answers: list[Any] = []
        for start in range(0, len(calls), MAX_PIPELINE):
            commands: list[Command] = [
                ("EVALSHA", self.digest, len(keys), *keys, *arguments)
                for keys, arguments in calls[start : start + MAX_PIPELINE]
            ]
            try:
                answers += self._client.pipeline(commands)
            except redis.exceptions.NoScriptError:
                self._client.execute("SCRIPT", "LOAD", self.source)
                answers += self._client.pipeline(commands)
        return answers


def _pool_of(url: str, max_connections: int, timeout_s: float) -> redis.BlockingConnectionPool:
    options = {"socket_timeout": timeout_s, "socket_connect_timeout": CONNECT_TIMEOUT_S, "protocol": 2}
    if uses_sentinels(url):
        return following_pool(url, max_connections=max_connections, wait_s=POOL_WAIT_S, **options)
    try:
        return redis.BlockingConnectionPool.from_url(
            url, max_connections=max_connections, timeout=POOL_WAIT_S, retry=Retry(NoBackoff(), 0), **options
        )
    except ValueError as error:
        raise InvalidInput(
            "QUANWANG_REDIS_URL", "(not shown)", "must start with redis://, rediss://, unix:// or redis+sentinel://"
        ) from error


def connect(
    url: str, *, max_connections: int = 16, timeout_s: float = ANSWER_TIMEOUT_S, attempts: int = 2
) -> RedisClient:
    """Return a client of the server at ``redis://host:port/0`` or ``unix:///path``, or of the primary that Sentinels
    name (``redis+sentinel://``, see kit.redis.sentinel); connects at the first command.
    """
    return RedisClient(url, max_connections=max_connections, timeout_s=timeout_s, attempts=attempts)


def describe(url: str) -> str:
    """Name a server for sentences: never with a password."""
    if uses_sentinels(url):
        return describe_sentinels(url)
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    return f"{parts.hostname or 'localhost'}:{parts.port or 6379}"
