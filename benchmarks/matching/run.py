"""One run of the matching benchmark, from words to figures."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks.environment import environment, load_average, peak_memory_bytes
from benchmarks.matching.checking import Verdict, find_truths, judge
from benchmarks.matching.contest import Contestant, Operation
from benchmarks.matching.engine import ENGINE, Engine
from benchmarks.matching.figures import (
    FIGURE_OF,
    bucket_figures,
    means,
    orders_asked,
    percentiles,
    ratios,
    samples,
)
from benchmarks.matching.orders import BUCKET_SHARES, BUCKETS, Workload, draw_workload, sample_evenly
from benchmarks.matching.peers.choice import make_peer
from benchmarks.matching.peers.population import PeerPopulation
from benchmarks.matching.population import CHUNK_USERS, World, chunks
from benchmarks.matching.reach import measure_reach
from benchmarks.matching.rounds import Tell, run_rounds, warm_up
from benchmarks.matching.scaling import measure_changes, measure_curve, measure_ids, measure_threads
from benchmarks.matching.settings import BenchSettings
from benchmarks.matching.tokens import TokenBook, tokens_a_user, tokens_of
from benchmarks.matching.words import load_words, shared_folder
from benchmarks.timing import Measurement, median, now_s
from matching.index.columns import ProfileColumns, concatenate
from matching.index.jit import kernels_compiled

PACKAGES = ("numpy", "numba", "pyroaring", "tantivy", "psycopg", "llvmlite")
FAULTS_SHOWN = 20


def run(settings: BenchSettings, tell: Tell) -> dict[str, Any]:
    """Run everything and return the document that ``--json`` writes. ``tell`` gets a line before each long step."""
    tell("Reading the words")
    world = World.of(load_words(shared_folder()), settings.seed)
    before = environment(PACKAGES)
    tell(f"Drawing {settings.users:,} users and building the engine's index")
    population = _Population(world, settings)
    engine = Engine(world, population.parts())
    tell(f"Drawing {settings.orders:,} orders (the first run on a machine compiles kernels, about a minute)")
    workload = draw_workload(world, engine, settings.orders, settings.users)
    contestants: list[Contestant] = [engine]
    try:
        contestants += _build_peers(population, world, settings, tell)
        warm_up(contestants, workload, tell)
        compiled = kernels_compiled()
        measured = run_rounds(contestants, workload, settings.rounds, tell)
        compiled_late = kernels_compiled() - compiled
        counting_us = _counting(contestants, workload)
        verdicts = _check(contestants, workload, world, population, settings, tell)
        document = _figures(settings, world, population, workload, measured)
        document |= _verdict_figures(verdicts)
        document["peers"] = _describe(contestants[1:], measured, verdicts, counting_us)
        document["engine"] = engine.describe()
        document["bytes_per_user"] = engine.bytes() / settings.users
        document["build_s"] = engine.build_s
        document["kernels_compiled_late"] = compiled_late
    finally:
        for contestant in contestants[1:]:
            contestant.close()
    document |= _rest_of_the_engine(engine, world, workload, settings, document, tell)
    document["environment"] = {**before, "load_average_after": load_average(), "source": world.words.source}
    document["peak_memory_bytes"] = peak_memory_bytes()
    document["samples"] = samples(measured)
    return document


class _Population:
    """The users, kept where peers need them, drawn again where they would not fit into memory twice."""

    def __init__(self, world: World, settings: BenchSettings) -> None:
        self._world, self._users = world, settings.users
        self._kept: list[ProfileColumns] | None = [] if settings.peers or settings.users <= CHUNK_USERS else None
        self.draw_s = 0.0
        self.tokens_per_user = 0.0

    def parts(self) -> Iterable[ProfileColumns]:
        if self._kept:
            yield from self._kept
            return
        first = self.draw_s == 0.0
        started = now_s()
        for columns in chunks(self._world, self._users):
            if first:
                self.draw_s += now_s() - started
                self.tokens_per_user += tokens_a_user(columns, self._world) * len(columns) / self._users
                if self._kept is not None:
                    self._kept.append(columns)
            yield columns
            started = now_s()

    def whole(self) -> ProfileColumns:
        return concatenate(list(self.parts()))


def _build_peers(population: _Population, world: World, settings: BenchSettings, tell: Tell) -> Iterable[Contestant]:
    if not settings.peers:
        return
    tell("Giving the peers their users as tokens")
    columns, book = population.whole(), TokenBook.of(world)
    tokens, people = tokens_of(columns, book, world), PeerPopulation.of(columns)
    for name in settings.peers:
        tell(f"Building {name}")
        yield make_peer(name, people, tokens, book)


def _counting(contestants: Sequence[Contestant], workload: Workload) -> dict[str, float]:
    """Of a peer whose binding hands ids out slowly: microseconds that its bare count of the full tier takes."""
    found: dict[str, float] = {}
    for contestant in contestants:
        count = getattr(contestant, "count", None)
        if count is None:
            continue
        plain = [query for query in workload.queries if query.near is None]
        started = now_s()
        for query in plain:
            count(query)
        found[contestant.name] = (now_s() - started) * 1e6 / max(1, len(plain))
    return found


def _check(
    contestants: Sequence[Contestant],
    workload: Workload,
    world: World,
    population: _Population,
    settings: BenchSettings,
    tell: Tell,
) -> dict[str, Verdict]:
    rows = sample_evenly(workload, range(len(workload.queries)), settings.checks)
    tell(f"Checking {len(rows):,} orders against the oracle")
    truths = find_truths(world, population.parts(), [workload.queries[row] for row in rows])
    verdicts: dict[str, Verdict] = {}
    for contestant in contestants:
        tell(f"Checking {contestant.name}")
        verdicts[contestant.name] = judge(contestant, workload, rows, truths)
    return verdicts


def _figures(
    settings: BenchSettings,
    world: World,
    population: _Population,
    workload: Workload,
    measured: Sequence[Measurement],
) -> dict[str, Any]:
    mean_us, cpu_us = means(measured), means(measured, cpu=True)
    sizes = np.array(workload.full_counts, np.float64)
    return {
        **{figure: mean_us[ENGINE][operation.value] for operation, figure in FIGURE_OF.items()},
        **ratios(mean_us),
        "mean_us": mean_us,
        "cpu": {"mean_us": cpu_us, **ratios(cpu_us)},
        "percentiles_us": percentiles(measured),
        "orders_a_second": {
            name: {operation: 1e6 / value for operation, value in values.items()} for name, values in mean_us.items()
        },
        "buckets": bucket_figures(measured, workload),
        "workload": {
            "orders": len(workload.queries),
            "with_radius": sum(query.near is not None for query in workload.queries),
            "with_exclusions": sum(bool(query.exclude) for query in workload.queries),
            "median_full": median(sizes.tolist()),
            "mean_full": float(sizes.mean()),
            "bucket_shares": dict(zip(BUCKETS, BUCKET_SHARES, strict=True)),
            "orders_asked": orders_asked(measured),
        },
        "population": {
            "users": settings.users,
            "tokens_per_user": population.tokens_per_user,
            "words": len(world.words.texts),
            "draw_s": population.draw_s,
        },
        "settings": {name: getattr(settings, name) for name in BenchSettings.__slots__},
    }


def _verdict_figures(verdicts: dict[str, Verdict]) -> dict[str, Any]:
    own = verdicts[ENGINE]
    return {
        "checked_orders": own.checked,
        "wrong_orders": len(own.wrong),
        "faults": own.wrong[:FAULTS_SHOWN],
        "wrong_orders_of_peers": sum(len(verdict.wrong) for name, verdict in verdicts.items() if name != ENGINE),
    }


def _describe(
    peers: Sequence[Contestant],
    measured: Sequence[Measurement],
    verdicts: dict[str, Verdict],
    counting_us: dict[str, float],
) -> dict[str, Any]:
    asked = orders_asked(measured)
    return {
        peer.name: {
            **peer.describe(),
            "orders_asked": asked.get(peer.name, {}),
            "checked_orders": verdicts[peer.name].checked,
            "wrong_orders": len(verdicts[peer.name].wrong),
            "faults": verdicts[peer.name].wrong[:FAULTS_SHOWN],
            "full_count_us": counting_us.get(peer.name),
        }
        for peer in peers
    }


def _rest_of_the_engine(
    engine: Engine, world: World, workload: Workload, settings: BenchSettings, document: dict[str, Any], tell: Tell
) -> dict[str, Any]:
    """Reach, threads, changes, and the curve over users."""
    tell("Measuring reach")
    reach = measure_reach(engine, world, workload)
    tell(f"Measuring {settings.threads} threads")
    threads = measure_threads(engine, workload, settings.threads)
    with_ids_us = measure_ids(engine, workload)
    tell("Measuring changes")
    changes = measure_changes(engine, world, settings.users)
    point = {"users": settings.users, "build_s": engine.build_s, "bytes_per_user": document["bytes_per_user"]}
    point["median_full"] = document["workload"]["median_full"]
    for operation in Operation:
        point[f"{operation.value}_us"] = document["mean_us"][ENGINE][operation.value]
    sizes = [size for size in settings.curve if size != settings.users]
    curve = [*measure_curve(world, workload, sizes, tell), point]
    return {
        "reach_vs_match": reach["reach_vs_match"],
        "reach": reach,
        "threads": threads,
        "threads_ratio": threads["ratio"],
        "set_with_ids_us": with_ids_us,
        "update_us": median(changes.update_us),
        "visible_ms": median(changes.visible_ms),
        "changes": {
            "update_us": changes.update_us,
            "visible_ms": changes.visible_ms,
            "barrier_users": changes.barrier_users,
        },
        "curve": sorted(curve, key=lambda one: one["users"]),
    }
