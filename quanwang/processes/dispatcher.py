"""``quanwang dispatcher``: feeds the shards, dispatches due orders, answers match, preview and explain.

With Ray it is the driver of the cluster, and leaves with a status of its own when the cluster is gone: whoever
supervises it starts it again. Everything that it knows is in the database.
"""

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from engine.candidates import EngineCandidateSource
from engine.coordinator import Coordinator
from engine.extractors import Extractors
from engine.feeder import Feeder
from engine.in_process import in_process_shards
from engine.match_service import MatchService
from engine.ports import ShardPort
from engine.runtime.head import ray_environment
from engine.socket import CallServer
from kit.clock import elapsed_s, now_ms
from kit.config import Settings
from kit.db import Database
from kit.errors import QuanwangError, Unavailable
from kit.ids import IdAllocator
from kit.logging import configure_logging, logger_of
from kit.redis import RedisWakeStream, connect
from kit.work import Claimed, HandlerOptions, Wake, WorkLoop
from marketplace import dispatch
from marketplace.profiles import PROFILE_TEXT_WORK, DatabaseProfileLog, read_profiles, read_texts
from marketplace.settings import read_weights
from matching.profiles import Profile
from matching.vocabulary import Vocabulary
from quanwang.planted_bugs import plant_wanted
from quanwang.processes.kernels import warm_once
from quanwang.processes.ray_head import plan_for, wait_for_address
from quanwang.processes.storage import open_database, taxonomy_of, warn_of_settings
from quanwang.processes.supervisor import stop_signals
from quanwang.processes.switches import require_dispatch

RAY_LOST: Final = 75
"""Exit status when the Ray cluster is gone: start again, with a new cluster."""

BARRIER_PERIOD_S = 0.5
RECOVERY_PERIOD_S = 0.1
CATCH_UP_S = 5.0
"""How long orders wait for profile changes committed before them, until they are given back to be tried anew."""

SNAPSHOT_PERIOD_S = 60.0
SAMPLED_AT_ONCE = 8
"""Whole full tiers that are counted in one go: each may hold 100,000 users, and orders wait meanwhile."""

HEAD_WAIT_S = 60.0
LEASE_MS = 6_000
"""A killed dispatcher's orders are taken up again after so long; a living one extends its leases."""

log = logger_of(__name__)


class NoRayHead(Unavailable):
    """No private Ray head runs in the data folder."""


class ShardsLagBehind(Unavailable):
    """Profile changes that are committed were not published in time; the orders are matched when they are."""


def run(settings: Settings, *, in_process: bool) -> int:
    """Work until a signal comes; returns the exit status."""
    configure_logging("dispatcher", settings.log_level)
    plant_wanted(settings)
    warm_once()
    if in_process:
        shards_here = in_process_shards(
            settings.shards, _shard_folder(settings), settings.resort_hour_utc, settings.shard_threads, elapsed_s
        )
        return _run_with(settings, shards_here)
    address, token_file = _ray_address(settings)
    # Ray reads these when it is imported, so nothing of it may be imported before.
    os.environ.update(ray_environment(token_file))
    from engine.runtime.connection import HeadWatch, disconnect
    from engine.runtime.connection import connect as connect_ray
    from engine.runtime.shards import start_shards

    connect_ray(address, namespace="quanwang")
    watch = HeadWatch(address, _leave_lost)
    watch.start()
    shards = start_shards(settings.shards, _shard_folder(settings), settings.resort_hour_utc, settings.shard_threads)
    log.info("shards found", ray=address, shards=len(shards))
    try:
        return _run_with(settings, shards)
    finally:
        watch.stop()
        disconnect()


def _leave_lost() -> None:
    log.error("the Ray cluster is gone; leaving, to be started again")
    os._exit(RAY_LOST)


def _ray_address(settings: Settings) -> tuple[str, Path | None]:
    if settings.ray_address is not None:
        return settings.ray_address, settings.ray_token_file
    plan = plan_for(settings)
    address = wait_for_address(plan, wait_s=HEAD_WAIT_S)
    if address is None:
        raise NoRayHead(
            f"no Ray head runs in the data folder {settings.data_dir}: start `quanwang up`, or give --ray-address"
        )
    return address, plan.token_file


def _shard_folder(settings: Settings) -> Path:
    return settings.data_dir.absolute() / "shards"


def _run_with(settings: Settings, shards: Sequence[ShardPort]) -> int:
    database = open_database(settings)
    warn_of_settings(database)
    taxonomy = taxonomy_of(settings)
    with database.read() as session:
        weights = read_weights(session)
    vocabulary = Vocabulary()
    coordinator = Coordinator(shards, taxonomy, vocabulary, generation=now_ms(), weights=weights)
    extractors = Extractors(vocabulary, taxonomy, coordinator.crowd_tags)
    log_of_profiles = DatabaseProfileLog(database)
    feeding = Feeding(Feeder(coordinator, log_of_profiles), coordinator, log_of_profiles.last_seq)
    source = EngineCandidateSource(coordinator, taxonomy, extractors, feeding.catch_up, elapsed_s)
    service = MatchService(coordinator, taxonomy, extractors, lambda user_id: _profile_of(database, user_id))
    ids = IdAllocator(database)
    attention = dispatch.Attention()
    wake = Wake(RedisWakeStream(connect(settings.resolved_redis_url)))
    loop = WorkLoop(
        database,
        {
            dispatch.DISPATCH_WORK: lambda claims: _dispatch(database, ids, source, claims, attention, wake),
            dispatch.ELIGIBILITY_WORK: lambda claims: dispatch.sample_eligibility(database, source, claims),
            PROFILE_TEXT_WORK: lambda claims: read_texts(database, claims, extractors.current(), now_ms=now_ms()),
        },
        wake,
        now_ms,
        options={
            dispatch.DISPATCH_WORK: HandlerOptions(lease_ms=LEASE_MS),
            dispatch.ELIGIBILITY_WORK: HandlerOptions(limit=SAMPLED_AT_ONCE),
        },
    )
    server = CallServer(settings.match_address, service.handlers())

    def stop() -> None:
        feeding.stop()
        loop.stop()

    with stop_signals(stop):
        server.start()
        feeding.start()
        log.info("dispatcher started", shards=len(shards))
        if feeding.wait_fed():
            loop.run_forever()
        feeding.stop()
        server.stop()
    database.dispose()
    return 0


def _profile_of(database: Database, user_id: int) -> Profile | None:
    with database.read() as session:
        return read_profiles(session, [user_id]).get(user_id)


def _dispatch(
    database: Database,
    ids: IdAllocator,
    source: EngineCandidateSource,
    claims: list[Claimed],
    attention: dispatch.Attention,
    wake: Wake,
) -> None:
    dispatch.run_due_dispatches(
        database, ids, source, claims, now_ms=now_ms(), attention=attention, notify=wake.notify, gate=require_dispatch
    )


class Feeding:
    """The thread that keeps the shards up with the database: a barrier every half second, lost shards brought back.

    ``last_seq`` tells the newest committed change. Whoever must not miss it calls ``catch_up``, which has a barrier cut
    at once.
    """

    def __init__(self, feeder: Feeder, coordinator: Coordinator, last_seq: Callable[[], int]) -> None:
        self._feeder = feeder
        self._coordinator = coordinator
        self._last_seq = last_seq
        self._asked = threading.Event()
        self._stepped = threading.Condition()
        self._stopping = threading.Event()
        self._fed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)
        self._snapshot_at_s = 0.0
        self._snapshot_barrier: int | None = None

    def start(self) -> None:
        """Begin to feed, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end."""
        self._stopping.set()
        self._asked.set()
        self._fed.set()

    def wait_fed(self) -> bool:
        """Wait until everybody is loaded; False when :meth:`stop` came first."""
        self._fed.wait()
        return not self._stopping.is_set()

    def catch_up(self) -> None:
        """Return when every change that is committed by now is published. Raises ShardsLagBehind."""
        wanted = self._last_seq()
        if self._covers(wanted):
            return
        self._asked.set()
        with self._stepped:
            if not self._stepped.wait_for(lambda: self._covers(wanted), CATCH_UP_S):
                raise ShardsLagBehind(
                    f"the shards lag behind: change {wanted} of profiles is not published yet; orders wait for it"
                )

    def _covers(self, seq: int) -> bool:
        barrier = self._feeder.barrier
        return barrier is not None and barrier >= seq

    def _run(self) -> None:
        period_s = 0.0
        while not self._stopping.is_set():
            self._asked.wait(period_s)
            self._asked.clear()
            if self._stopping.is_set():
                return
            period_s = BARRIER_PERIOD_S
            try:
                self._step()
            except Unavailable as error:
                period_s = RECOVERY_PERIOD_S
                log.warning("feeding waits", sentence=error.sentence)
            except QuanwangError as error:
                log.error("feeding failed", exception=error)
            except Exception as error:  # noqa: BLE001  # the next step begins from the log again
                log.error("feeding failed", exception=error)
            with self._stepped:
                self._stepped.notify_all()

    def _step(self) -> None:
        started_s = elapsed_s()
        before = self._feeder.barrier
        self._feeder.step()
        if before is None:
            log.info("everybody is loaded", barrier=self._feeder.barrier, seconds=round(elapsed_s() - started_s, 2))
            self._fed.set()
        if self._feeder.barrier != self._snapshot_barrier and elapsed_s() >= self._snapshot_at_s:
            self._coordinator.snapshot()
            self._snapshot_barrier = self._feeder.barrier
            self._snapshot_at_s = elapsed_s() + SNAPSHOT_PERIOD_S
