"""One run of the storm, from words to figures."""

import gc
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.environment import environment, load_average, peak_memory_bytes
from benchmarks.matching.engine import Engine
from benchmarks.matching.orders import draw_workload
from benchmarks.matching.population import World, chunks
from benchmarks.matching.rounds import Tell
from benchmarks.matching.words import load_words, shared_folder
from benchmarks.storm.changes import Ledger, draw_changes
from benchmarks.storm.checking import find_lost, find_wrong
from benchmarks.storm.querying import Asking, Latencies
from benchmarks.storm.settings import KINDS, StormSettings
from benchmarks.storm.writing import MergeTimes, Nights, StormTimes, storm
from benchmarks.timing import summary, wait_s
from engine.ports import ShardSetup, ShardStats
from engine.shards import Shard
from matching.index.columns import concatenate
from matching.index.segment_set import DELTA_USERS
from matching.query import Query

PACKAGES = ("numpy", "numba", "llvmlite")
FIRST_PART = 0.75
"""The users are loaded at two barriers, so that one merge of everybody falls into the storm."""
LOADED = 2
LEAST_DELTA_PART = 50
"""With few users the delta is smaller too: else they would all be in it, and there were nothing to merge."""
WARM_UP_S = 1.0
FAULTS_SHOWN = 20


def run(settings: StormSettings, tell: Tell) -> dict[str, Any]:
    """Run everything and return the document that ``--json`` writes. ``tell`` gets a line before each long step."""
    tell("Reading the words")
    world = World.of(load_words(shared_folder()), settings.seed)
    before = environment(PACKAGES)
    tell(f"Drawing {settings.users:,} users and {settings.orders:,} orders")
    columns = concatenate(list(chunks(world, settings.users)))
    queries = draw_workload(world, Engine(world, [columns]), settings.orders, settings.users).queries
    ledger = Ledger(columns)
    tell(f"Drawing {settings.barriers:,} barriers of {settings.changes_a_barrier:,} changes each")
    changes = draw_changes(world, ledger, settings.barriers, settings.changes_a_barrier, settings.mix)
    with tempfile.TemporaryDirectory(prefix="quanwang-storm-") as folder:
        tell("Loading the shard")
        merges, nights = MergeTimes(), Nights()
        delta_users = min(DELTA_USERS, settings.users // LEAST_DELTA_PART)
        shard = Shard(0, Path(folder), delta_users=delta_users, resort_hour_utc=0, run_aside=merges, clock=nights)
        setup = _setup(world)
        shard.reset(setup)
        loaded_first = np.arange(int(len(columns) * FIRST_PART))
        shard.apply(1, columns.take(loaded_first), np.zeros(0, np.int64))
        shard.apply(LOADED, columns.take(np.arange(len(loaded_first), len(columns))), np.zeros(0, np.int64))
        gc.collect()
        gc.freeze()  # the population's objects are old: looking through them would be counted as somebody's delay
        quiet_before = _ask(shard, world, queries, settings.quiet_seconds, tell, "before the storm")
        tell(f"Asking for {settings.seconds:g} s in the storm")
        merges.release()
        asking = Asking(shard, world, queries)
        times = storm(shard, world, changes, LOADED + 1, nights)
        stormy = asking.stop()
        merges.join()
        quiet_after = _ask(shard, world, queries, settings.quiet_seconds, tell, "after the storm")
        tell("Checking everybody, and the orders against an index built anew")
        expected = ledger.present(ledger.living())
        lost = find_lost(shard, setup, Path(folder), expected)
        wrong = find_wrong(shard, world, queries, expected)
        stats = shard.stats()
    gc.unfreeze()
    document = _figures(settings, times, quiet_before, quiet_after, stormy, merges, stats)
    document |= {
        "lost_users": len(lost),
        "lost": lost[:FAULTS_SHOWN],
        "checked_orders": len(queries),
        "wrong_orders": len(wrong),
        "wrong": wrong[:FAULTS_SHOWN],
        "changes_by_kind": _by_kind(changes),
        "peak_memory_bytes": peak_memory_bytes(),
        "environment": {**before, "load_average_after": load_average(), "source": world.words.source},
    }
    return document


def _setup(world: World) -> ShardSetup:
    taxonomy = world.words.taxonomy
    return ShardSetup(
        1, 1, np.array(taxonomy.regions.parents, np.int32), np.array(taxonomy.industries.parents, np.int32)
    )


def _ask(shard: Shard, world: World, queries: Sequence[Query], seconds: float, tell: Tell, when: str) -> Latencies:
    tell(f"Asking for {seconds:g} s {when}")
    warming = Asking(shard, world, queries)
    wait_s(WARM_UP_S)
    warming.stop()
    asking = Asking(shard, world, queries)
    wait_s(seconds)
    return asking.stop()


def _figures(
    settings: StormSettings,
    times: StormTimes,
    quiet_before: Latencies,
    quiet_after: Latencies,
    stormy: Latencies,
    merges: MergeTimes,
    stats: ShardStats,
) -> dict[str, Any]:
    visible, barrier = summary(times.visible_ms), summary(times.barrier_ms)
    latencies = {
        "quiet before": _summaries(quiet_before),
        "quiet after": _summaries(quiet_after),
        "storm": _summaries(stormy),
    }
    document: dict[str, Any] = {
        "visible_p50_ms": visible["p50"],
        "visible_p99_ms": visible["p99"],
        "visible_max_ms": max(times.visible_ms),
        "barrier_p50_ms": barrier["p50"],
        "barrier_p99_ms": barrier["p99"],
        "barrier_max_ms": max(times.barrier_ms),
        "latencies_us": latencies,
        "changes": len(times.visible_ms),
        "probes": times.probes,
        "unseen_changes": len(times.unseen),
        "unseen": times.unseen[:FAULTS_SHOWN],
        "merges": stats.merges,
        "failed_merges": stats.failed_merges,
        "merge_s": merges.seconds,
        "longest_merge_s": max(merges.seconds, default=0.0),
        "shard": {name: getattr(stats, name) for name in ShardStats.__slots__},
        "settings": {name: getattr(settings, name) for name in StormSettings.__slots__},
        "samples": {
            "visible_ms": times.visible_ms,
            "barrier_ms": times.barrier_ms,
            "storm_single_us": stormy.single_us,
            "storm_batch_us": stormy.batch_us,
        },
    }
    for kind in ("single", "batch", "single_cpu", "batch_cpu"):
        for percentile in ("p50", "p95", "p99"):
            # The quicker of the two quiet times: before, there is a segment more; after, there is the delta.
            quiet = min(latencies[when][kind][percentile] for when in ("quiet before", "quiet after"))
            document[f"{kind}_{percentile}_ratio"] = latencies["storm"][kind][percentile] / quiet
    return document


def _summaries(latencies: Latencies) -> dict[str, dict[str, float]]:
    return {
        "single": summary(latencies.single_us),
        "batch": summary(latencies.batch_us),
        "single_cpu": summary(latencies.single_cpu_us),
        "batch_cpu": summary(latencies.batch_cpu_us),
    }


def _by_kind(changes: Sequence[Any]) -> dict[str, int]:
    counts = dict.fromkeys(KINDS, 0)
    for change in changes:
        for number in change.kinds.tolist():
            counts[KINDS[number]] += 1
        counts["leaving"] += len(change.deleted)
    return counts
