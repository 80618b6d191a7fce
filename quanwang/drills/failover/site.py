"""The installation of a drill: a cluster, and on it the processes of one machine, in a folder of its own."""

import io
import threading
import time
from collections.abc import Callable
from typing import Final

from rich.console import Console

from engine.socket import SocketMatchService
from kit.clock import now_ms
from kit.config import Settings
from kit.db import Database
from kit.errors import QuanwangError
from kit.ids import IdAllocator
from kit.redis import RedisWakeStream, connect
from kit.work import Wake
from marketplace.access import SCOPES, Caller, create_api_key
from quanwang.cluster.cluster import Cluster
from quanwang.demonstration.display import Display
from quanwang.demonstration.run import Installation, add_profiles
from quanwang.processes.lifeline import kill_session, processes_of_session
from quanwang.processes.readiness import http_answers
from quanwang.processes.storage import migrated_database, taxonomy_of
from quanwang.processes.supervisor import Supervisor

OWNER: Final = "drill"
SEED: Final = 1
READY_WAIT_S: Final = 180.0


class DrillSite:
    """Starts everything, gives what a drill needs to harm and to check it, stops everything."""

    def __init__(self, settings: Settings, *, with_ray: bool, say: Callable[[str], None]) -> None:
        self.cluster = Cluster(settings, say)
        self.settings = self.cluster.settings
        self.with_ray = with_ray
        self.secret = ""
        self.supervisor = Supervisor(
            self.settings, redis_command=None, with_ray=with_ray, in_process=not with_ray, say=say
        )
        # The kernel ends children with the thread that made them, so one thread keeps them to the end.
        self._keeping = threading.Thread(target=self.supervisor.run, name="supervisor", daemon=True)
        self._database: Database | None = None

    @property
    def url(self) -> str:
        """Where REST answers."""
        return f"http://{self.settings.http_host}:{self.settings.http_port}"

    @property
    def database(self) -> Database:
        """The database, with its tables."""
        if self._database is None:
            self._database = migrated_database(self.settings)
        return self._database

    def start(self, *, profiles: int) -> None:
        """Start everything and store the drawn people; returns when orders are accepted, matched and delivered."""
        self._keeping.start()
        self.supervisor.want(*(["ray"] if self.with_ray else []))
        self.cluster.start()
        self.cluster.wait_whole()
        ids = IdAllocator(self.database)
        issued = self.database.run(
            lambda session: create_api_key(
                session, ids, name="drill", owner=OWNER, scopes=sorted(SCOPES), now_ms=now_ms()
            )
        )
        self.secret = issued.secret
        caller = Caller(issued.id, OWNER, frozenset(SCOPES))
        wake = Wake(RedisWakeStream(connect(self.settings.resolved_redis_url)))
        place = Installation(self.database, ids, taxonomy_of(self.settings), wake, caller, self.supervisor.heed)
        add_profiles(place, Display(Console(file=io.StringIO())), seed=SEED, first=1, count=profiles)
        self.supervisor.want("dispatcher", "api", "worker")
        self.supervisor.wait_until(self.matches, name="dispatcher", wait_s=READY_WAIT_S)
        self.supervisor.wait_until(lambda: http_answers(self.settings), name="api", wait_s=READY_WAIT_S)

    def stop(self) -> None:
        """Stop everything; returns when nothing runs any more."""
        self.supervisor.stop()
        if self._keeping.is_alive():
            self._keeping.join()
        if self._database is not None:
            self._database.dispose()
        self.cluster.stop()

    def matches(self) -> bool:
        """Whether the shards answer."""
        service = SocketMatchService(self.settings.match_address)
        try:
            return bool(service.health()["ready"])
        except QuanwangError:
            return False
        finally:
            service.close()

    def wait_whole(self) -> None:
        """Wait until every server does its part and orders are matched again. Raises ClusterNotWhole, StartFailed."""
        self.cluster.wait_whole()
        self.supervisor.wait_until(self.matches, name="dispatcher", wait_s=READY_WAIT_S)

    def flush_redis(self) -> None:
        """Let Redis forget everything, at once. Raises RedisUnavailable."""
        client = connect(self.settings.resolved_redis_url)
        try:
            client.execute("FLUSHALL")
        finally:
            client.close()

    def kill_ray(self) -> None:
        """Kill -9 of everything that belongs to Ray, shards included; its keeper sees it and starts it anew."""
        keeper = self.supervisor.process_id("ray")
        if keeper is not None and processes_of_session(keeper):
            kill_session(keeper)
            time.sleep(0.1)
