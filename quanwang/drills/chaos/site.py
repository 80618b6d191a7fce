"""The installation that a run breaks: private, in a folder of its own, with two web processes and two workers."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from engine.socket import SocketMatchService
from kit.config import Settings
from kit.db import Database
from kit.errors import QuanwangError
from kit.redis import connect, embedded_redis_command
from quanwang.processes.lifeline import processes_of_session
from quanwang.processes.readiness import answers_at, redis_answers
from quanwang.processes.storage import migrated_database
from quanwang.processes.supervisor import Further, Supervisor

HOST: Final = "127.0.0.1"
READY_S: Final = 180.0
KERNELS_S: Final = 900.0
SECOND_API: Final = "api-2"
SECOND_WORKER: Final = "worker-2"
CHILDREN: Final = {
    "api": ("api", SECOND_API),
    "worker": ("worker", SECOND_WORKER),
    "dispatcher": ("dispatcher",),
    "redis": ("redis",),
}
"""Role: the processes that play it."""

SHARD_NAME: Final = "ray::Shard"


class Site:
    """Starts everything, finds processes by role, stops everything. ``supervisor.run`` belongs to the main thread."""

    def __init__(
        self, folder: Path, *, shards: int, planted_bug: str | None = None, say: Callable[[str], None]
    ) -> None:
        self.ports = (free_port(), free_port())
        self.settings = Settings(
            data_dir=folder, http_host=HOST, http_port=self.ports[0], shards=shards, planted_bug=planted_bug
        )
        self.settings.prepare_folders()
        self.roles: tuple[str, ...] = ("api", "dispatcher", "worker", "shard", "ray", "redis")
        further = {
            SECOND_API: Further(_command("api"), {"QUANWANG_HTTP_PORT": str(self.ports[1])}),
            SECOND_WORKER: Further(_command("worker")),
        }
        self.supervisor = Supervisor(
            self.settings,
            redis_command=lambda: embedded_redis_command(self.settings),
            with_ray=True,
            further=further,
            say=say,
        )

    @property
    def addresses(self) -> list[str]:
        """Where the web processes answer."""
        return [f"http://{HOST}:{port}" for port in self.ports]

    def start_servers(self, *, compile_kernels: bool) -> Database:
        """Start what everything else stands on, and return the database with its tables."""
        self.supervisor.want("redis", "ray", *(["kernels"] if compile_kernels else []))
        database = migrated_database(self.settings)
        self.supervisor.wait_until(lambda: redis_answers(self.settings), name="redis", wait_s=READY_S)
        return database

    def start_processes(self, *, compile_kernels: bool) -> None:
        """Start the rest and wait until orders are accepted and matched."""
        if compile_kernels:
            self.supervisor.wait_done("kernels", wait_s=KERNELS_S)
        self.supervisor.want("dispatcher")
        self.supervisor.wait_until(self.supervisor.ray_is_up, name="ray", wait_s=READY_S)
        self.supervisor.want("api", SECOND_API, "worker", SECOND_WORKER)
        self.supervisor.wait_until(self.is_whole, name="dispatcher", wait_s=READY_S)

    def is_whole(self) -> bool:
        """Whether every part answers."""
        return (
            all(answers_at(HOST, port) for port in self.ports)
            and redis_answers(self.settings)
            and self._matching_ready()
        )

    def wait_whole(self, wait_s: float) -> bool:
        """Wait until every part answers; False when one does not within ``wait_s``."""
        end_s = time.monotonic() + wait_s
        while not self.is_whole():
            self.supervisor.heed()
            if time.monotonic() > end_s:
                return False
            time.sleep(0.2)
        return True

    def process_ids(self, role: str, victim: int) -> list[int]:
        """Return the processes of a role that a fault hits: one of several, or all of Ray's; none while they are away.

        ``victim`` draws which one.
        """
        if role == "ray":
            return self._session_of_ray()
        if role == "shard":
            return _one_of([each for each in self._session_of_ray() if _name_of(each).startswith(SHARD_NAME)], victim)
        found = [self.supervisor.process_id(name) for name in CHILDREN[role]]
        return _one_of([each for each in found if each is not None], victim)

    def flush_redis(self) -> None:
        """Let Redis forget everything. Raises RedisUnavailable."""
        client = connect(self.settings.resolved_redis_url)
        try:
            client.execute("FLUSHALL")
        finally:
            client.close()

    def thaw_everything(self) -> None:
        """Let every process that may be frozen go on."""
        for role in self.roles:
            for turn in range(len(CHILDREN.get(role, (role,)))):
                for process_id in self.process_ids(role, turn):
                    send(process_id, signal.SIGCONT)

    def _session_of_ray(self) -> list[int]:
        keeper = self.supervisor.process_id("ray")
        # The keeper itself is left alone: it is what ends the rest, and what the supervisor sees.
        return [] if keeper is None else [each for each in processes_of_session(keeper) if each != keeper]

    def _matching_ready(self) -> bool:
        service = SocketMatchService(self.settings.match_address)
        try:
            return bool(service.health()["ready"])
        except QuanwangError:
            return False
        finally:
            service.close()


def send(process_id: int, what: signal.Signals) -> bool:
    """Send a signal; False when the process is gone."""
    try:
        os.kill(process_id, what)
    except ProcessLookupError:
        return False
    return True


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _command(name: str) -> list[str]:
    return [sys.executable, "-m", "quanwang", name]


def _one_of(process_ids: list[int], victim: int) -> list[int]:
    return [sorted(process_ids)[victim % len(process_ids)]] if process_ids else []


def _name_of(process_id: int) -> str:
    try:
        return Path(f"/proc/{process_id}/cmdline").read_text(errors="replace")
    except OSError:
        return ""
