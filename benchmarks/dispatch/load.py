"""One stretch of load: started as a process of its own, its times read as figures."""

import json
import random
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from benchmarks.dispatch.pool import Pool
from benchmarks.dispatch.sampling import arrivals
from benchmarks.dispatch.site import Site
from benchmarks.dispatch.usage import Usage, usage_between, usage_now
from kit.errors import Unavailable

BATCH_MS: Final = 20.0
CONNECTIONS: Final = 2
DRAIN_S: Final = 8.0
"""So long without a notice ends the wait for the rest."""

PERCENTILES: Final = (50.0, 95.0, 99.0, 99.9)


class LoadFailed(Unavailable):
    """The process that sends orders ended without figures."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one stretch of load gave; milliseconds from the intended start of each order, None where nothing came.

    ``inbox_ms``: until the last of the order's users had his entry. ``dispatch_ids``: acknowledged orders, with the
    ``sizes`` that they must reach. ``lost``: acknowledged, and not everybody was told when all was quiet again.
    """

    rate: float
    seconds: float
    orders: int
    answered_ms: list[float | None]
    inbox_ms: list[float | None]
    dispatch_ids: list[int]
    sizes: list[int]
    created_at_ms: list[float]
    told: int
    lost: int
    refused: int
    sentences: list[str]
    usage: Usage
    told_at_ms: dict[int, float] = field(default_factory=dict)

    @property
    def entries_per_s(self) -> float:
        """Inbox entries that the stretch asked for, a second."""
        return self.told / self.seconds

    def percentile(self, percent: float) -> float | None:
        """Of the times until the inbox, in milliseconds; what never came counts as endless (None)."""
        times = np.sort(np.array([np.inf if each is None else each for each in self.inbox_ms]))
        if not len(times):
            return None
        value = float(times[min(len(times) - 1, int(np.ceil(percent / 100 * len(times))) - 1)])
        return value if np.isfinite(value) else None


def run_load(site: Site, pool: Pool, run: str, rate: float, seconds: float, dice: random.Random) -> Stretch:
    """Send orders at ``rate`` a second for so long; raises LoadFailed."""
    times = arrivals(dice, rate, seconds)
    return send(site, pool, run, times, rate=rate, seconds=seconds, dice=dice)


def send(
    site: Site, pool: Pool, run: str, times: list[float], *, rate: float, seconds: float, dice: random.Random
) -> Stretch:
    """Send one order at each of the times (seconds from the start)."""
    choice = pool.draw(dice, len(times))
    used = sorted(set(choice))
    places = {place: i for i, place in enumerate(used)}
    task = {
        "host": site.settings.http_host,
        "port": site.settings.http_port,
        "secret": site.secret,
        "redis_url": site.settings.resolved_redis_url,
        "run": run,
        "pool": [pool.documents[place] for place in used],
        "choice": [places[place] for place in choice],
        "sizes": [pool.sizes[place] for place in choice],
        "arrivals": times,
        "batch_ms": BATCH_MS,
        "connections": CONNECTIONS,
        "drain_s": DRAIN_S,
    }
    before = usage_now(site.process_ids())
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.dispatch.load_generator"],
        input=json.dumps(task, ensure_ascii=False),
        capture_output=True,
        text=True,
        timeout=seconds * 20 + 120,
        check=False,
    )
    used_up = usage_between(before, usage_now(site.process_ids()))
    if done.returncode != 0:
        raise LoadFailed(f"the process that sends orders failed: {done.stderr.strip()[-800:]}")
    return _stretch(json.loads(done.stdout), task, rate, seconds, used_up)


def _stretch(found: dict[str, Any], task: dict[str, Any], rate: float, seconds: float, usage: Usage) -> Stretch:
    intended = found["intended_s"]
    inbox_ms: list[float | None] = []
    lost = 0
    for i, dispatch_id in enumerate(found["dispatch_ids"]):
        whole = dispatch_id is not None and found["told"][i] >= task["sizes"][i]
        inbox_ms.append((found["told_s"][i] - intended[i]) * 1_000 if whole else None)
        lost += dispatch_id is not None and not whole
    answered = [
        None if each is None else (each - start) * 1_000
        for each, start in zip(found["answered_s"], intended, strict=True)
    ]
    known = [i for i, each in enumerate(found["dispatch_ids"]) if each is not None]
    return Stretch(
        rate=rate,
        seconds=seconds,
        orders=len(intended),
        answered_ms=answered,
        inbox_ms=inbox_ms,
        dispatch_ids=[found["dispatch_ids"][i] for i in known],
        sizes=[task["sizes"][i] for i in known],
        created_at_ms=[found["clock_ms"] + intended[i] * 1_000 for i in known],
        told=sum(found["told"]),
        lost=lost,
        refused=len(intended) - len(known),
        sentences=found["sentences"],
        usage=usage,
        told_at_ms={
            found["dispatch_ids"][i]: found["clock_ms"] + found["told_s"][i] * 1_000
            for i in known
            if found["told_s"][i] is not None
        },
    )
