"""Private Redis servers that replicate, and the Sentinels that watch them: configurations, and what they say.

As the embedded server they keep nothing on disk: what all of them lose is rebuilt from the database.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from kit.errors import Unavailable
from kit.redis.embedded import common_lines, find_server, quoted

LOOK_TIMEOUT_S: Final = 0.5
QUORUM: Final = 2
DOWN_AFTER_MS: Final = 2_500
FAILOVER_TIMEOUT_MS: Final = 6_000
_SILENT = (redis.exceptions.RedisError, OSError)


class RedisSilent(Unavailable):
    """A Redis server or a Sentinel does not answer whoever supervises it."""


@dataclass(frozen=True, slots=True)
class RedisView:
    """What a server says: its role (master or slave), the port that it follows, whether it follows now."""

    role: str
    source_port: int
    linked: bool
    standbys: int


def replicated_command(folder: Path, port: int, password: str, *, follows_port: int | None) -> list[str]:
    """Write the configuration of a server and return the command that runs it; it begins empty.

    Raises RedisBinaryMissing.
    """
    server = find_server()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = common_lines(folder) | {
        "bind": "127.0.0.1",
        "port": str(port),
        "requirepass": password,
        "masterauth": password,
        "repl-diskless-sync": "yes",
        "repl-diskless-sync-delay": "0",
        "repl-timeout": "10",
        "repl-backlog-size": "16mb",
    }
    if follows_port is not None:
        lines["replicaof"] = f"127.0.0.1 {follows_port}"
    return [server, str(_written(folder / "redis.conf", lines))]


def sentinel_command(folder: Path, port: int, password: str, service: str, primary_port: int) -> list[str]:
    """Write the first configuration of a Sentinel and return the command that runs it. It rewrites the file itself."""
    server = find_server()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": quoted(folder),
        "logfile": '""',
        "requirepass": password,
        "sentinel sentinel-pass": password,
        f"sentinel monitor {service}": f"127.0.0.1 {primary_port} {QUORUM}",
        f"sentinel auth-pass {service}": password,
        f"sentinel down-after-milliseconds {service}": str(DOWN_AFTER_MS),
        f"sentinel failover-timeout {service}": str(FAILOVER_TIMEOUT_MS),
        f"sentinel parallel-syncs {service}": "1",
    }
    return [server, str(_written(folder / "sentinel.conf", lines)), "--sentinel"]


def sentinel_again_command(folder: Path) -> list[str]:
    """Return the command that runs a Sentinel with what it knew when it ended."""
    return [find_server(), str(folder / "sentinel.conf"), "--sentinel"]


class RedisDoor:
    """A supervisor's connection to one server or Sentinel; every call raises RedisSilent within a second."""

    def __init__(self, port: int, password: str) -> None:
        self._redis: Any = redis.Redis(
            host="127.0.0.1",
            port=port,
            password=password,
            socket_timeout=LOOK_TIMEOUT_S,
            socket_connect_timeout=LOOK_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            decode_responses=True,
        )

    def look(self) -> RedisView:
        """Ask a server how it replicates."""
        found = self._ask("INFO", "replication")
        return RedisView(
            role=str(found["role"]),
            source_port=int(found.get("master_port", 0)),
            linked=found.get("master_link_status") == "up" and not found.get("master_sync_in_progress"),
            standbys=int(found.get("connected_slaves", 0)),
        )

    def ping(self) -> None:
        """Ask for an answer."""
        self._ask("PING")

    def primary_port(self, service: str) -> int:
        """Ask a Sentinel where the primary is."""
        found = self._ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service)
        return int(found[1]) if found else 0

    def known_standbys(self, service: str) -> int:
        """Ask a Sentinel how many standbys of the primary it could promote."""
        found = self._ask("SENTINEL", "REPLICAS", service)
        return sum("down" not in str(standby) and "disconnected" not in str(standby) for standby in found)

    def fail_over(self, service: str) -> bool:
        """Ask a Sentinel to promote the standby now; False when it cannot yet."""
        try:
            self._ask("SENTINEL", "FAILOVER", service)
        except redis.exceptions.ResponseError:
            return False
        return True

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        self._redis.connection_pool.disconnect()

    def _ask(self, *command: str) -> Any:
        try:
            return self._redis.execute_command(*command)
        except redis.exceptions.ResponseError:
            raise
        except _SILENT as error:
            self.close()
            raise RedisSilent(f"Redis does not answer its supervisor: {error}") from error


def _written(path: Path, lines: dict[str, str]) -> Path:
    path.touch(mode=0o600)
    path.write_text("".join(f"{name} {value}\n" for name, value in lines.items()), encoding="utf-8")
    return path
