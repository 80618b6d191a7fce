"""Does the planned faults to a site, and notes when each was really done."""

import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kit.clock import now_ms
from kit.redis import RedisUnavailable
from quanwang.drills.chaos.faults import Action, Fault, Struck
from quanwang.drills.chaos.site import Site, leave_room, send

LOOK_S = 0.1
PATIENCE_S = 20.0
"""So long a fault waits for somebody whom it can hit: all of Ray may just be starting."""

SIGNALS = {
    Action.KILL: signal.SIGKILL,
    Action.FREEZE: signal.SIGSTOP,
    Action.HANG: signal.SIGSTOP,
    Action.RESTART: signal.SIGTERM,
}
ENDINGS = {Action.FREEZE: signal.SIGCONT, Action.HANG: signal.SIGKILL}


@dataclass(slots=True)
class _Under:
    """A fault that lasts: until when (seconds of the run), since when, and whom it hit."""

    until_s: float
    fault: Fault
    at_ms: int
    process_ids: list[int]


class Striker:
    """Works through a plan in one thread. ``now`` names the last fault; ``done`` is set by whoever ends the run."""

    def __init__(self, site: Site, plan: Sequence[Fault], say: Callable[[str], None]) -> None:
        self._site, self._plan, self._say = site, list(plan), say
        self._under: list[_Under] = []
        self.struck: list[Struck] = []
        self.now = "none yet"
        self.done = threading.Event()

    def run(self, lasts_s: float) -> None:
        """Strike until ``lasts_s`` seconds are over, then end every fault that lasts."""
        started_s = time.monotonic()
        waiting = list(self._plan)
        try:
            while (passed_s := time.monotonic() - started_s) < lasts_s:
                self._site.supervisor.heed()
                self._end_those_over(passed_s)
                for fault in [fault for fault in waiting if fault.at_s <= passed_s]:
                    if self._strike(fault, passed_s) or passed_s > fault.at_s + PATIENCE_S:
                        waiting.remove(fault)
                time.sleep(LOOK_S)
        finally:
            self._end_those_over(float("inf"))

    def _strike(self, fault: Fault, passed_s: float) -> bool:
        """Do one fault; False while nobody is there whom it could hit."""
        at_ms = now_ms()
        if fault.kind.action is Action.FLUSH:
            try:
                self._site.flush_redis()
            except RedisUnavailable:
                return False
            self._note(fault, "Redis forgot everything")
            self.struck.append(Struck(fault.kind.name, at_ms, at_ms, 1))
            return True
        hit = [each for each in self._site.process_ids(fault.kind.role, fault.victim) if self._hurt(fault, each)]
        if not hit:
            return False
        who = f"process {hit[0]}" if len(hit) == 1 else f"{len(hit)} processes"
        self._note(fault, who)
        if fault.lasts_s:
            self._under.append(_Under(passed_s + fault.lasts_s, fault, at_ms, hit))
        else:
            self.struck.append(Struck(fault.kind.name, at_ms, at_ms, len(hit)))
        return True

    def _hurt(self, fault: Fault, process_id: int) -> bool:
        if fault.kind.action is Action.FILL:
            return leave_room(process_id, room=False)
        return send(process_id, SIGNALS[fault.kind.action])

    def _note(self, fault: Fault, who: str) -> None:
        self.now = fault.kind.name
        lasting = f" for {fault.lasts_s:.1f} s" if fault.lasts_s else ""
        self._say(f"{fault.kind.name}{lasting}: {who}")

    def _end_those_over(self, passed_s: float) -> None:
        for each in [each for each in self._under if each.until_s <= passed_s]:
            self._under.remove(each)
            for process_id in each.process_ids:
                if each.fault.kind.action is Action.FILL:
                    leave_room(process_id, room=True)
                else:
                    send(process_id, ENDINGS[each.fault.kind.action])
            self.struck.append(Struck(each.fault.kind.name, each.at_ms, now_ms(), len(each.process_ids)))
