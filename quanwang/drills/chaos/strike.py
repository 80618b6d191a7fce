"""Does the planned faults to a site, and notes when each was really done."""

import signal
import threading
import time
from collections.abc import Callable, Sequence

from kit.clock import now_ms
from kit.redis import RedisUnavailable
from quanwang.drills.chaos.faults import Action, Fault, Struck
from quanwang.drills.chaos.site import Site, send

LOOK_S = 0.1
SIGNALS = {Action.KILL: signal.SIGKILL, Action.FREEZE: signal.SIGSTOP, Action.RESTART: signal.SIGTERM}


class Striker:
    """Works through a plan in one thread."""

    def __init__(self, site: Site, plan: Sequence[Fault], say: Callable[[str], None]) -> None:
        self._site, self._plan, self._say = site, list(plan), say
        self._frozen: list[tuple[float, Fault, int, list[int]]] = []
        self.struck: list[Struck] = []
        self.now = "none yet"
        self.done = threading.Event()

    def run(self, lasts_s: float) -> None:
        """Strike until ``lasts_s`` seconds are over, then let everything that is frozen go on."""
        started_s = time.monotonic()
        waiting = list(self._plan)
        try:
            while (passed_s := time.monotonic() - started_s) < lasts_s:
                self._site.supervisor.heed()
                self._end_those_over(passed_s)
                while waiting and waiting[0].at_s <= passed_s:
                    self._begin(waiting.pop(0), passed_s)
                time.sleep(LOOK_S)
        finally:
            self._end_those_over(float("inf"))
            self._site.thaw_everything()

    def _begin(self, fault: Fault, passed_s: float) -> None:
        at_ms = now_ms()
        self.now = fault.kind.name
        if fault.kind.action is Action.FLUSH:
            self._flush(fault, at_ms)
            return
        hit = [
            each
            for each in self._site.process_ids(fault.kind.role, fault.victim)
            if send(each, SIGNALS[fault.kind.action])
        ]
        lasting = f" for {fault.lasts_s:.1f} s" if fault.lasts_s else ""
        self._say(f"{fault.kind.name}{lasting}: {_processes(hit)}")
        if fault.kind.action is Action.FREEZE:
            self._frozen.append((passed_s + fault.lasts_s, fault, at_ms, hit))
        else:
            self.struck.append(Struck(fault.kind.name, at_ms, at_ms, len(hit)))

    def _flush(self, fault: Fault, at_ms: int) -> None:
        try:
            self._site.flush_redis()
        except RedisUnavailable:
            self._say(f"{fault.kind.name}: Redis is away")
            self.struck.append(Struck(fault.kind.name, at_ms, at_ms, 0))
            return
        self._say(f"{fault.kind.name}: Redis forgot everything")
        self.struck.append(Struck(fault.kind.name, at_ms, at_ms, 1))

    def _end_those_over(self, passed_s: float) -> None:
        for each in [each for each in self._frozen if each[0] <= passed_s]:
            self._frozen.remove(each)
            _, fault, at_ms, hit = each
            for process_id in hit:
                send(process_id, signal.SIGCONT)
            self.struck.append(Struck(fault.kind.name, at_ms, now_ms(), len(hit)))


def _processes(process_ids: Sequence[int]) -> str:
    if not process_ids:
        return "nobody was there"
    if len(process_ids) == 1:
        return f"process {process_ids[0]}"
    return f"{len(process_ids)} processes"
