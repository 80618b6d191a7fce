"""The installation under test: a private database, and the processes that `quanwang up` runs, started by it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from benchmarks.dispatch.database import private_database
from engine.socket import SocketMatchService
from kit.clock import now_ms
from kit.config import Settings
from kit.db import Database
from kit.errors import QuanwangError, Unavailable
from kit.ids import IdAllocator
from kit.redis import connect, embedded_redis_command
from marketplace.access import SCOPES, Caller, create_api_key
from marketplace.inbox import InboxStore
from matching.taxonomy import Taxonomy
from quanwang.processes.readiness import http_answers, redis_answers
from quanwang.processes.storage import migrated_database, taxonomy_of
from quanwang.processes.supervisor import Supervisor

OWNER: Final = "benchmark"
PARTS: Final = ("redis", "ray", "dispatcher", "api", "worker")
START_WAIT_S: Final = 120.0
LOAD_WAIT_S: Final = 1_800.0
"""A million profiles take a minute to be read into the shards; ten million take ten."""


@dataclass(frozen=True, slots=True)
class Site:
    """What the benchmark acts on."""

    settings: Settings
    database: Database
    database_process: int
    ids: IdAllocator
    taxonomy: Taxonomy
    caller: Caller
    secret: str
    supervisor: Supervisor

    @property
    def url(self) -> str:
        """Where the web process answers."""
        return f"http://{self.settings.http_host}:{self.settings.http_port}"

    def process_ids(self) -> dict[str, int]:
        """The leading process of every part that runs, by its name."""
        parts = {name: self.supervisor.process_id(name) for name in PARTS}
        return {"database": self.database_process, **{name: number for name, number in parts.items() if number}}

    def flush_redis(self) -> None:
        """Lose all of Redis."""
        client = connect(self.settings.resolved_redis_url)
        try:
            client.execute("FLUSHALL")
        finally:
            client.close()


@contextmanager
def running_site(
    settings: Settings, fill: Callable[[Settings, Database, IdAllocator], None], tell: Callable[[str], None]
) -> Iterator[Site]:
    """Start everything, with ``fill`` called before matching starts; yields when orders are matched."""
    folder = settings.data_dir.absolute()
    tell("Starting MariaDB, every commit flushed")
    with private_database(folder / "mariadb") as (url, database_process):
        settings = settings.model_copy(update={"database_url": url})
        supervisor = Supervisor(
            settings, redis_command=lambda: embedded_redis_command(settings), with_ray=True, say=tell
        )
        keeper = threading.Thread(target=supervisor.run, name="supervisor")
        keeper.start()
        try:
            yield _start(settings, supervisor, database_process, fill, tell)
        finally:
            supervisor.stop()
            keeper.join()


def _start(
    settings: Settings,
    supervisor: Supervisor,
    database_process: int,
    fill: Callable[[Settings, Database, IdAllocator], None],
    tell: Callable[[str], None],
) -> Site:
    supervisor.want("redis", "kernels")
    database = migrated_database(settings)
    ids, taxonomy = IdAllocator(database), taxonomy_of(settings)
    issued = database.run(
        lambda session: create_api_key(
            session, ids, name="benchmark", owner=OWNER, scopes=sorted(SCOPES), now_ms=now_ms()
        )
    )
    caller = Caller(issued.id, OWNER, frozenset(SCOPES))
    fill(settings, database, ids)
    supervisor.wait_until(lambda: redis_answers(settings), name="redis", wait_s=START_WAIT_S)
    tell("Compiling the matching kernels, where this build has not done so")
    supervisor.wait_done("kernels", wait_s=900)
    tell("Starting Ray, matching, worker and web, and reading everybody into the shards")
    supervisor.want("ray", "dispatcher", "api", "worker")
    supervisor.wait_until(supervisor.ray_is_up, name="ray", wait_s=START_WAIT_S)
    supervisor.wait_until(lambda: matching_is_ready(settings), name="dispatcher", wait_s=LOAD_WAIT_S)
    supervisor.wait_until(lambda: http_answers(settings, "/readyz"), name="api", wait_s=START_WAIT_S)
    tell("Filling the inboxes of earlier runs again, where there were any")
    supervisor.wait_until(lambda: inboxes_are_filled(settings), name="worker", wait_s=LOAD_WAIT_S)
    return Site(settings, database, database_process, ids, taxonomy, caller, issued.secret, supervisor)


def inboxes_are_filled(settings: Settings) -> bool:
    """Whether Redis holds everything: until then the worker fills it, which must not be taken for load."""
    client = connect(settings.resolved_redis_url)
    try:
        return InboxStore(client).ready()
    except Unavailable:
        return False
    finally:
        client.close()


def matching_is_ready(settings: Settings) -> bool:
    """Whether the shards answer at a barrier."""
    service = SocketMatchService(settings.match_address)
    try:
        return bool(service.health()["ready"])
    except QuanwangError:
        return False
    finally:
        service.close()
