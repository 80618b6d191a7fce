"""A running cluster in one object: start it, see its processes by role, harm them, stop it.

::

    cluster = Cluster(settings, say=print)
    cluster.start()                       # a thread of its own supervises from here on
    cluster.wait_whole()                  # primary writable, standby trusted, Redis replicates, Sentinels agree
    run_something(cluster.settings)       # the settings with the URLs that follow the primaries
    cluster.signal("mariadb-primary", signal.SIGKILL)
    cluster.stop()
"""

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from kit.clock import now_ms
from kit.config import Settings
from kit.errors import InvalidInput, Unavailable
from kit.logging import logger_of
from quanwang.cluster.database_pair import DatabasePair
from quanwang.cluster.leftovers import end_leftovers, remember_processes
from quanwang.cluster.nodes import Node
from quanwang.cluster.plan import plan_cluster, write_private
from quanwang.cluster.redis_group import RedisGroup

LOOK_PERIOD_S: Final = 0.1
STATE_PERIOD_S: Final = 1.0
START_WAIT_S: Final = 120.0
WHOLE_WAIT_S: Final = 120.0

ROLES: Final = (
    "mariadb-primary",
    "mariadb-standby",
    "redis-primary",
    "redis-standby",
    "sentinel-1",
    "sentinel-2",
    "sentinel-3",
)
"""What a process may be; which server is the primary changes."""

log = logger_of(__name__)


class ClusterNotWhole(Unavailable):
    """The cluster did not come up, or did not mend itself, in time."""


@dataclass(frozen=True, slots=True)
class ClusterProcess:
    """One server now. ``process_id`` None: it does not run at this moment. ``says``: how it is, in a few words."""

    name: str
    role: str
    process_id: int | None
    where: str
    says: str


class Cluster:
    """MariaDB primary and standby, Redis primary and standby, three Sentinels, and the thread that keeps them.

    Methods are safe from any thread. If this process is killed, the kernel ends all servers with it.
    """

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        """Make the folders and files below the data folder; nothing runs yet. ``say`` is told what happens."""
        settings.prepare_folders()
        self.plan = plan_cluster(settings)
        self.settings = settings.model_copy(
            update={"database_url": self.plan.database_url, "redis_url": self.plan.redis_url}
        )
        self._say_to = say
        self._databases = DatabasePair(self.plan, settings.log_dir, self._say)
        self._redis = RedisGroup(self.plan, settings.log_dir, self._say)
        self._stopping = threading.Event()
        self._started = threading.Event()
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._written: tuple[float, str] = (0.0, "")

    def start(self) -> None:
        """Start everything; returns when the database's primary takes writes and Redis answers.

        Raises what keeps it from starting, in a sentence: MariaBinaryMissing, RedisBinaryMissing, ContentMissing,
        TopologyDamaged, ClusterNotWhole.
        """
        self._thread = threading.Thread(target=self._keep, name="cluster", daemon=True)
        self._thread.start()
        self._started.wait()
        if self._error is not None:
            self.stop()
            raise self._error
        self._wait(lambda: self._databases.writable and self._redis.primary.answers, START_WAIT_S, "start")

    def stop(self) -> None:
        """Stop everything in order; returns when nothing runs any more."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def wait_whole(self, wait_s: float = WHOLE_WAIT_S) -> None:
        """Wait until every server does its part. Raises ClusterNotWhole with what is missing."""
        self._wait(lambda: not self.warnings(), wait_s, "become whole")

    def warnings(self) -> list[str]:
        """Sentences about what is away now, and what that means; none when the cluster is whole."""
        return self._databases.warnings() + self._redis.warnings()

    def processes(self) -> list[ClusterProcess]:
        """Return every server with its present role."""
        databases, group = self._databases, self._redis
        found = []
        for database in databases.nodes.values():
            role = "mariadb-primary" if database is databases.primary else "mariadb-standby"
            found.append(_process(database, role, database.plan.port, databases.says_of(database)))
        for server in group.servers.values():
            role = "redis-primary" if server is group.primary else "redis-standby"
            found.append(_process(server, role, server.port, group.says_of(server)))
        for sentinel in group.sentinels.values():
            says = "watches" if sentinel.answers else "does not answer"
            found.append(_process(sentinel, sentinel.name, sentinel.port, says))
        return found

    def with_role(self, role: str) -> ClusterProcess:
        """Return the server that has a role of ROLES now. Raises InvalidInput."""
        for process in self.processes():
            if process.role == role:
                return process
        raise InvalidInput("role", role, f"must be one of {', '.join(ROLES)}")

    def signal(self, role: str, how: signal.Signals) -> ClusterProcess | None:
        """Send a signal to whoever has the role: SIGKILL, SIGSTOP, SIGCONT, SIGTERM. None: nobody runs there now."""
        process = self.with_role(role)
        if process.process_id is None:
            return None
        try:
            os.kill(process.process_id, how)
        except ProcessLookupError:
            return None
        return process

    @property
    def generation(self) -> int:
        """Grows with every change of the database's primary."""
        return self._databases.topology.generation

    def _keep(self) -> None:
        try:
            end_leftovers(self.plan)
            self._databases.start()
            self._redis.start()
        except BaseException as error:  # noqa: BLE001  # handed to the thread that started us, which raises it
            self._error = error
            self._started.set()
            self._end()
            return
        self._started.set()
        while not self._stopping.wait(LOOK_PERIOD_S):
            for part in (self._databases.tick, self._redis.tick, self._write_state):
                try:
                    part()
                except Exception as error:  # noqa: BLE001  # whoever keeps everything alive must go on itself
                    log.error("keeping the cluster failed", exception=error)
        self._end()

    def _end(self) -> None:
        self._redis.stop()
        self._databases.stop()
        self.plan.state_file.unlink(missing_ok=True)

    def _say(self, sentence: str) -> None:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        with contextlib.suppress(OSError), (self.settings.log_dir / "cluster.log").open("a", encoding="utf-8") as file:
            file.write(f"{moment} {sentence}\n")
        self._say_to(sentence)

    def _wait(self, ready: Callable[[], bool], wait_s: float, what: str) -> None:
        end_s = time.monotonic() + wait_s
        while not ready():
            if self._stopping.is_set() or time.monotonic() > end_s:
                missing = "; ".join(self.warnings()) or "it was stopped"
                raise ClusterNotWhole(
                    f"the cluster did not {what} within {wait_s:g} s: {missing}; logs are in {self.settings.log_dir}"
                )
            time.sleep(0.05)

    def _write_state(self) -> None:
        processes = self.processes()
        remember_processes(self.plan, [each.process_id for each in processes if each.process_id is not None])
        document: dict[str, Any] = {
            "supervisor": os.getpid(),
            "generation": self.generation,
            "processes": [asdict(process) for process in processes],
            "warnings": self.warnings(),
        }
        text = json.dumps(document, ensure_ascii=False)
        now_s = time.monotonic()
        if text == self._written[1] and now_s - self._written[0] < STATE_PERIOD_S:
            return
        self._written = (now_s, text)
        write_private(self.plan.state_file, json.dumps({**document, "written_at_ms": now_ms()}, ensure_ascii=False))


def _process(node: Node, role: str, port: int, says: str) -> ClusterProcess:
    return ClusterProcess(node.name, role, node.child.process_id, f"127.0.0.1:{port}", says)
