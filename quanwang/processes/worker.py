"""``quanwang worker``: delivers waves into inboxes, keeps these complete, sends webhooks and notifications, sweeps."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from kit.clock import now_ms
from kit.config import Settings
from kit.db import Database
from kit.errors import Unavailable
from kit.ids import IdAllocator
from kit.logging import configure_logging, logger_of
from kit.redis import RedisWakeStream, connect
from kit.work import HandlerOptions, Wake, WorkLoop
from marketplace import dispatch
from marketplace.access import sweep_sessions
from marketplace.inbox import InboxKeeper, InboxStore
from quanwang.planted_bugs import plant_wanted
from quanwang.processes.pushing import NOTICE_OPTIONS, notice_handlers, pushing, sweep
from quanwang.processes.storage import open_database, warn_of_settings
from quanwang.processes.supervisor import stop_signals
from quanwang.processes.switches import require_deliveries

KEEP_PERIOD_S = 0.5
LEASE_MS = 6_000
"""A killed worker's deliveries are taken up again after so long; a living one extends its leases."""

SWEEP_PERIOD_S = 60.0
FAIRNESS_PERIOD_S = 600.0

log = logger_of(__name__)


@dataclass(frozen=True, slots=True)
class Chore:
    """Something that is done again and again, apart from work rows."""

    name: str
    period_s: float
    do: Callable[[], object]


def run(settings: Settings) -> int:
    """Work until a signal comes; returns the exit status."""
    configure_logging("worker", settings.log_level)
    plant_wanted(settings)
    database = open_database(settings)
    warn_of_settings(database)
    client = connect(settings.resolved_redis_url)
    store = InboxStore(client)
    ids = IdAllocator(database)
    keeper = InboxKeeper(database, store, history=dispatch)
    loop = WorkLoop(
        database,
        {
            dispatch.DELIVERY_WORK: lambda claims: dispatch.deliver_waves(
                database, store, claims, now_ms=now_ms(), gate=require_deliveries
            ),
            dispatch.LABEL_WORK: lambda claims: dispatch.show_labels(database, store, claims),
            **notice_handlers(settings, database, ids),
        },
        Wake(RedisWakeStream(client)),
        now_ms,
        options={dispatch.DELIVERY_WORK: HandlerOptions(lease_ms=LEASE_MS), **NOTICE_OPTIONS},
    )
    stopping = threading.Event()

    def stop() -> None:
        stopping.set()
        loop.stop()

    chores = [
        Chore("inbox keeper", KEEP_PERIOD_S, lambda: keeper.keep(now_ms())),
        Chore("session sweep", SWEEP_PERIOD_S, lambda: _sweep(database)),
        Chore("fairness", FAIRNESS_PERIOD_S, lambda: dispatch.count_offers(database, ids, now_ms=now_ms())),
        Chore("webhook sweep", SWEEP_PERIOD_S, lambda: sweep(database, ids)),
    ]
    threads = [threading.Thread(target=_repeat, args=(chore, stopping), name=chore.name) for chore in chores]
    with stop_signals(stop), pushing(settings, database, client):
        for thread in threads:
            thread.start()
        log.info("worker started")
        loop.run_forever()
        stopping.set()
        for thread in threads:
            thread.join()
    database.dispose()
    return 0


def _sweep(database: Database) -> object:
    return database.run_idempotent(lambda session: sweep_sessions(session, now_ms=now_ms()))


def _repeat(chore: Chore, stopping: threading.Event) -> None:
    while not stopping.wait(chore.period_s):
        try:
            chore.do()
        except Unavailable as error:
            log.warning("chore waits", chore=chore.name, sentence=error.sentence)
        except Exception as error:  # noqa: BLE001  # one failure must not end a chore for good
            log.error("chore failed", exception=error, chore=chore.name)
