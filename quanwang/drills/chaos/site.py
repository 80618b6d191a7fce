"""The installation that a run breaks: private, in a folder of its own, with two web processes and two workers."""

import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Final

from engine.socket import SocketMatchService
from kit.config import Settings
from kit.db import Database
from kit.errors import QuanwangError
from kit.redis import connect, embedded_redis_command
from quanwang.cluster.cluster import Cluster
from quanwang.processes.lifeline import processes_of_session
from quanwang.processes.readiness import answers_at, redis_answers
from quanwang.processes.storage import migrated_database
from quanwang.processes.supervisor import Further, Supervisor

HOST: Final = "127.0.0.1"
READY_S: Final = 180.0
KERNELS_S: Final = 900.0
SECOND_API: Final = "api-2"
SECOND_WORKER: Final = "worker-2"
SECOND_DISPATCHER: Final = "dispatcher-2"
"""Only without Ray: its shards are its own, so it is what a dispatcher's replacement on another machine would be."""
CHILDREN: Final = {
    "api": ("api", SECOND_API),
    "worker": ("worker", SECOND_WORKER),
    "dispatcher": ("dispatcher", SECOND_DISPATCHER),
    "redis": ("redis",),
    "disk": ("api", SECOND_API, "worker", SECOND_WORKER, "dispatcher", SECOND_DISPATCHER),
}
"""Role: the supervisor's processes that play it. The embedded database is a file, which all of those write."""

CLUSTER_ROLES: Final = {
    "redis": ("redis-primary",),
    "redis-all": ("redis-primary", "redis-standby"),
    "database": ("mariadb-primary",),
    "database-standby": ("mariadb-standby",),
}
"""Role: what the cluster calls it."""

ALL_AT_ONCE: Final = ("ray", "redis-all", "disk")
"""Roles of which a fault hits every process; of the others it hits one."""

FEW_CONNECTIONS: Final = "3"
"""Of the second web process to the database: fewer than clients, so that it runs out of them now and then."""

SHARD_NAME: Final = "ray::Shard"


class Site:
    """Starts everything, finds processes by role, stops everything. ``supervisor.run`` belongs to the main thread.

    With a cluster, database and Redis have a standby each; without, they are the embedded ones. ``in_process``: the
    dispatcher holds the shards itself, without Ray.
    """

    def __init__(
        self,
        folder: Path,
        *,
        shards: int,
        with_cluster: bool,
        in_process: bool = False,
        planted_bug: str | None = None,
    ) -> None:
        self.ports = (free_port(), free_port())
        settings = Settings(
            data_dir=folder, http_host=HOST, http_port=self.ports[0], shards=shards, planted_bug=planted_bug
        )
        settings.prepare_folders()
        # Both would tell of every process that ends; here the faults are told, and the logs tell the rest.
        self._cluster = Cluster(settings, _quietly) if with_cluster else None
        self.settings = settings if self._cluster is None else self._cluster.settings
        self._with_ray = not in_process
        self.supervisor = Supervisor(
            self.settings,
            redis_command=None if with_cluster else lambda: embedded_redis_command(self.settings),
            with_ray=not in_process,
            in_process=in_process,
            further={
                SECOND_API: Further(
                    _command("api"),
                    {"QUANWANG_HTTP_PORT": str(self.ports[1]), "QUANWANG_DATABASE_POOL_SIZE": FEW_CONNECTIONS},
                ),
                SECOND_WORKER: Further(_command("worker")),
                SECOND_DISPATCHER: Further([*_command("dispatcher"), "--in-process"], self._elsewhere()),
            },
            say=_quietly,
        )

    @property
    def addresses(self) -> list[str]:
        """Where the web processes answer."""
        return [f"http://{HOST}:{port}" for port in self.ports]

    def start_servers(self, *, compile_kernels: bool) -> Database:
        """Start what everything else stands on, and return the database with its tables."""
        self.supervisor.want(*(["ray"] if self._with_ray else []), *(["kernels"] if compile_kernels else []))
        if self._cluster is None:
            self.supervisor.want("redis")
        else:
            self._cluster.start()
            self._cluster.wait_whole()
        database = migrated_database(self.settings)
        self.supervisor.wait_until(lambda: redis_answers(self.settings), name="redis", wait_s=READY_S)
        return database

    def start_processes(self, *, compile_kernels: bool) -> None:
        """Start the rest and wait until orders are accepted and matched."""
        if compile_kernels:
            self.supervisor.wait_done("kernels", wait_s=KERNELS_S)
        self.supervisor.want("dispatcher")
        if self._with_ray:
            self.supervisor.wait_until(self.supervisor.ray_is_up, name="ray", wait_s=READY_S)
        else:
            self.supervisor.want(SECOND_DISPATCHER)
        self.supervisor.want("api", SECOND_API, "worker", SECOND_WORKER)
        self.supervisor.wait_until(self.is_whole, name="dispatcher", wait_s=READY_S)

    def stop_servers(self) -> None:
        """Stop the cluster, after everything that uses it."""
        if self._cluster is not None:
            self._cluster.stop()

    def is_whole(self) -> bool:
        """Whether every part answers."""
        return (
            all(answers_at(HOST, port) for port in self.ports)
            and redis_answers(self.settings)
            and self._matching_ready()
            and (self._cluster is None or not self._cluster.warnings())
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
        """Return the processes of a role that a fault hits; none while they are away.

        ``victim`` draws which one of several it is, where it is not all of them.
        """
        if role == "ray":
            found = self._session_of_ray()
        elif role == "shard":
            found = [each for each in self._session_of_ray() if _name_of(each).startswith(SHARD_NAME)]
        elif self._cluster is not None and role in CLUSTER_ROLES:
            known = [self._cluster.with_role(name).process_id for name in CLUSTER_ROLES[role]]
            found = [each for each in known if each is not None]
        else:
            children = [self.supervisor.process_id(name) for name in CHILDREN[role]]
            found = [each for each in children if each is not None]
        if role in ALL_AT_ONCE or not found:
            return found
        return [sorted(found)[victim % len(found)]]

    def flush_redis(self) -> None:
        """Let Redis forget everything. Raises RedisUnavailable."""
        client = connect(self.settings.resolved_redis_url)
        try:
            client.execute("FLUSHALL")
        finally:
            client.close()

    def _elsewhere(self) -> dict[str, str]:
        """Return the settings of a process in a folder of its own, with the same database and Redis."""
        return {
            "QUANWANG_DATA_DIR": str(self.settings.data_dir.absolute() / "elsewhere"),
            "QUANWANG_DATABASE_URL": self.settings.resolved_database_url,
            "QUANWANG_REDIS_URL": self.settings.resolved_redis_url,
        }

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


def roles_of(*, with_cluster: bool, in_process: bool) -> tuple[str, ...]:
    """Return the roles that such an installation has."""
    ray = () if in_process else ("shard", "ray")
    servers = tuple(CLUSTER_ROLES) if with_cluster else ("redis", "disk")
    return ("api", "dispatcher", "worker", *ray, *servers)


def send(process_id: int, what: signal.Signals) -> bool:
    """Send a signal; False when the process is gone."""
    try:
        os.kill(process_id, what)
    except ProcessLookupError:
        return False
    return True


def leave_room(process_id: int, *, room: bool) -> bool:
    """Let a process write to files, or let every write to one fail as on a full disk; False when it is gone."""
    unlimited = resource.RLIM_INFINITY
    try:
        resource.prlimit(process_id, resource.RLIMIT_FSIZE, (unlimited if room else 0, unlimited))
    except ProcessLookupError:
        return False
    return True


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _quietly(_sentence: str) -> None:
    """Tell nobody."""


def _command(name: str) -> list[str]:
    return [sys.executable, "-m", "quanwang", name]


def _name_of(process_id: int) -> str:
    try:
        return Path(f"/proc/{process_id}/cmdline").read_text(errors="replace")
    except OSError:
        return ""
