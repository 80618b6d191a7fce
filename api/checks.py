"""Which parts of the installation answer right now; a part that hangs is told as such, nobody waits for it."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass
from typing import Any, Final

from api.services import Services
from kit.clock import elapsed_s
from kit.errors import QuanwangError
from kit.logging import logger_of

log = logger_of(__name__)

ANSWER_WITHIN_S: Final = 0.8
PARTS: Final = ("database", "redis", "matching")


@dataclass(frozen=True, slots=True)
class PartState:
    """How one part is. ``up`` False: ``detail`` is a sentence why, and what goes on without it.

    ``warnings``: what works now and would lose something if one more thing broke.
    """

    up: bool
    detail: str
    warnings: tuple[str, ...] = ()


class PartChecks:
    """Asks each part in a thread of its own and keeps the answers for a short while; safe for threads."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._threads = ThreadPoolExecutor(len(PARTS), thread_name_prefix="check")
        self._asking = ThreadPoolExecutor(2, thread_name_prefix="probe")
        self._running: dict[str, Future[PartState]] = {}
        self._kept: tuple[float, Mapping[str, PartState]] | None = None
        self._lock = threading.Lock()
        self._shards: tuple[Mapping[str, Any], ...] = ()

    async def states_soon(self) -> Mapping[str, PartState]:
        """Return the same in the event loop, in a thread that no request can occupy."""
        return await asyncio.get_running_loop().run_in_executor(self._asking, self.states)

    def states(self) -> Mapping[str, PartState]:
        """Return the state of the database, of Redis and of matching, at most a second late."""
        with self._lock:
            kept = self._kept
            if kept is not None and elapsed_s() - kept[0] < self._services.ready_checks_s:
                return kept[1]
            for part in PARTS:
                if part not in self._running or self._running[part].done():
                    self._running[part] = self._threads.submit(self._ask, part)
            deadline_s = elapsed_s() + ANSWER_WITHIN_S
            found = {part: self._answer(part, deadline_s) for part in PARTS}
            self._kept = (elapsed_s(), found)
            return found

    def shards(self) -> tuple[Mapping[str, Any], ...]:
        """What each shard held when matching was last asked (engine.ports.ShardStats); none while it is away."""
        return self._shards if self.states()["matching"].up else ()

    def stop(self) -> None:
        """End the threads as soon as their questions are answered."""
        self._asking.shutdown(wait=False, cancel_futures=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _answer(self, part: str, deadline_s: float) -> PartState:
        try:
            return self._running[part].result(timeout=max(0.0, deadline_s - elapsed_s()))
        except NotInTime:
            return PartState(up=False, detail=f"{part} does not answer within {ANSWER_WITHIN_S:g} seconds.")

    def _ask(self, part: str) -> PartState:
        asked: Callable[[], PartState] = getattr(self, f"_ask_{part}")
        try:
            return asked()
        except QuanwangError as error:
            return PartState(up=False, detail=error.sentence)
        except Exception as error:  # noqa: BLE001  # a probe must answer whatever is broken
            log.error("a check failed", exception=error, part=part)
            return PartState(up=False, detail=f"{part} cannot be checked; the log says why.")

    def _ask_database(self) -> PartState:
        self._services.database.ping()
        self._services.database.check_writable()
        return PartState(up=True, detail="answers", warnings=tuple(self._services.database.durability_warnings()))

    def _ask_redis(self) -> PartState:
        if self._services.redis is None:
            return PartState(up=False, detail="Redis is not configured; inboxes are read from the database.")
        self._services.redis.ping()
        if self._services.inbox_store is not None and not self._services.inbox_store.ready():
            return PartState(up=False, detail="Redis is being rebuilt; inboxes are read from the database meanwhile.")
        return PartState(up=True, detail="answers")

    def _ask_matching(self) -> PartState:
        health: Mapping[str, Any] = self._services.match_service.health()
        self._shards = tuple(health.get("shards", ()))
        if not health.get("ready"):
            return PartState(up=False, detail=str(health.get("why") or "the shards are not complete yet"))
        return PartState(up=True, detail=f"{health.get('population', 0)} users at barrier {health.get('barrier')}")
