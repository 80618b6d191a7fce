"""One run of the dispatch benchmark, from an empty folder to figures."""

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from benchmarks.dispatch.acceptances import Accepted, hottest, measure_acceptances
from benchmarks.dispatch.figures import figures
from benchmarks.dispatch.load import Stretch, run_load, send
from benchmarks.dispatch.policy import publish_benchmark_policy
from benchmarks.dispatch.pool import Pool, make_pool
from benchmarks.dispatch.population import store_population
from benchmarks.dispatch.recovery import measure_rebuild, measure_shard
from benchmarks.dispatch.search import search
from benchmarks.dispatch.settings import DispatchSettings
from benchmarks.dispatch.site import Site, running_site
from kit.clock import now_ms
from kit.config import Settings
from kit.db import Database
from kit.ids import IdAllocator
from marketplace import dispatch

Tell = Callable[[str], None]

WARM_UP_RATE: Final = 50.0
WARM_UP_S: Final = 3.0
SINGLE_PAUSE_S: Final = (0.15, 0.45)
READERS: Final = 20
HALF: Final = 0.5


def run(settings: DispatchSettings, installation: Settings, tell: Tell) -> dict[str, Any]:
    """Measure everything and return the document. Raises QuanwangError with a sentence."""
    folder = installation.data_dir.absolute()

    def fill(running: Settings, database: Database, ids: IdAllocator) -> None:
        store_population(folder, running.resolved_database_url, settings.profiles, settings.seed, tell)
        publish_benchmark_policy(database, ids)

    with running_site(installation, fill, tell) as site:
        return _measure(settings, site, tell)


def _measure(settings: DispatchSettings, site: Site, tell: Tell) -> dict[str, Any]:
    dice, since_ms = random.Random(f"{settings.seed} load"), now_ms()
    pool = make_pool(site, settings.seed, tell)
    name = f"run-{since_ms}"
    steps: list[Stretch] = []

    def step(rate: float) -> Stretch:
        tell(f"{rate:,.0f} orders a second for {settings.step_seconds:g} s")
        steps.append(run_load(site, pool, f"{name}-{len(steps)}", rate, settings.step_seconds, dice))
        _tell_step(steps[-1], tell)
        return steps[-1]

    tell("Warming up")
    run_load(site, pool, f"{name}-warm", WARM_UP_RATE, WARM_UP_S, dice)
    tell(f"Sending {settings.singles} orders, one at a time, on an idle system")
    singles = _singles(site, pool, f"{name}-single", settings.singles, dice)
    sustained, broken = search(step, settings.first_rate, settings.most_rate)
    steady = None
    if sustained:
        tell(f"Half of that, {sustained * HALF:,.0f} orders a second, for {settings.steady_seconds:g} s")
        steady = run_load(site, pool, f"{name}-steady", sustained * HALF, settings.steady_seconds, dice)
        _tell_step(steady, tell)
    stretches = [singles, *steps, *([steady] if steady else [])]
    tell("Letting everybody who was told of the hottest order accept it")
    accepted = _accept(site, stretches, since_ms)
    tell("Killing a shard")
    shard_s = measure_shard(site, pool)
    tell("Emptying Redis")
    rebuilt = measure_rebuild(site, range(1, READERS + 1))
    tell("Looking through all waves for anybody told twice, or not at all")
    doubled, broken_rules = _check(site)
    return figures(
        settings, pool, stretches, singles, steps, steady, sustained, broken, accepted, shard_s, rebuilt, doubled,
        broken_rules,
    )  # fmt: skip


def _singles(site: Site, pool: Pool, run_name: str, count: int, dice: random.Random) -> Stretch:
    times, moment = [], 0.0
    for _ in range(count):
        moment += dice.uniform(*SINGLE_PAUSE_S)
        times.append(moment)
    return send(site, pool, run_name, times, rate=count / moment, seconds=moment, dice=dice)


def _accept(site: Site, stretches: Sequence[Stretch], since_ms: int) -> Accepted:
    acknowledged = [dispatch_id for stretch in stretches for dispatch_id in stretch.dispatch_ids]
    return measure_acceptances(site, hottest(site, acknowledged, since_ms))


def _check(site: Site) -> tuple[int, dict[str, list[str]]]:
    with site.database.read() as session:
        found = dispatch.broken_invariants(session)
    return len(found.get("nobody is told twice", [])), found


def _tell_step(stretch: Stretch, tell: Tell) -> None:
    p50, p99 = stretch.percentile(50), stretch.percentile(99)
    shown = "not all arrived" if p50 is None or p99 is None else f"p50 {p50:,.0f} ms, p99 {p99:,.0f} ms"
    tell(f"  {stretch.rate:,.0f}/s: {shown}; {stretch.usage.bottleneck()}")
