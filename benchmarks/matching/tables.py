"""The figures of a matching run as tables and sentences."""

from collections.abc import Mapping
from typing import Any

from benchmarks.matching.contest import Operation
from benchmarks.matching.engine import ENGINE
from benchmarks.matching.orders import BUCKETS
from benchmarks.matching.settings import RIVALS
from benchmarks.reports import Grid, number

TITLES = {
    Operation.FULL_ANY: "full set, any",
    Operation.FULL_ALL: "full set, all",
    Operation.FULL_RANKED: "full, best 500",
    Operation.PARTIAL: "partial, best 500",
}
RATIO_OF = {
    Operation.FULL_ANY: "full_any_vs_best_peer",
    Operation.FULL_ALL: "full_all_vs_best_peer",
    Operation.FULL_RANKED: "full_ranked_vs_best_peer",
    Operation.PARTIAL: "partial_vs_best_peer",
}


def tables(document: Mapping[str, Any]) -> list[Grid]:
    """Operations, buckets, percentiles, and the curve."""
    names = [ENGINE, *document["peers"]]
    return [
        _operations(document, names),
        _cpu(document, names),
        _buckets(document, names),
        _percentiles(document),
        _curve(document),
    ]


def _operations(document: Mapping[str, Any], names: list[str]) -> Grid:
    rows = []
    for operation, title in TITLES.items():
        own = [number(document["mean_us"].get(name, {}).get(operation.value)) for name in names]
        ratio = document[RATIO_OF[operation]]
        rows.append([title, *own, f"{ratio:.2f}x" if ratio is not None else "-"])
    users = document["population"]["users"]
    title = f"Microseconds an order, mean, {users:,} users, one thread, compile included"
    return Grid(title, ["operation", *names, f"against the best of {', '.join(RIVALS)}"], rows)


def _cpu(document: Mapping[str, Any], names: list[str]) -> Grid:
    found = document["cpu"]["mean_us"]
    names = [name for name in names if name in found]
    rows = [
        [title, *(number(found[name].get(operation.value)) for name in names)] for operation, title in TITLES.items()
    ]
    return Grid("The same in microseconds of processor time", ["operation", *names], rows)


def _buckets(document: Mapping[str, Any], names: list[str]) -> Grid:
    rows = []
    for label in BUCKETS:
        bucket = document["buckets"][label]
        for operation, title in TITLES.items():
            us = bucket["us"].get(operation.value)
            if us:
                size = f"{bucket['orders']}, median {number(bucket['median_full'])}"
                rows.append([f"{label}: {title}", size, *(number(us.get(name)) for name in names)])
    return Grid("By the size of the full tier, microseconds an order", ["bucket", "orders", *names], rows)


def _percentiles(document: Mapping[str, Any]) -> Grid:
    rows = [
        [f"{name}: {TITLES[operation]}", *(number(values[key]) for key in ("mean", "p50", "p95", "p99"))]
        for operation in Operation
        for name, operations in document["percentiles_us"].items()
        if (values := operations.get(operation.value))
    ]
    return Grid(
        "Microseconds an order over all calls (a call of the engine is a batch)",
        ["", "mean", "p50", "p95", "p99"],
        rows,
    )


def _curve(document: Mapping[str, Any]) -> Grid:
    headers = ["users", *TITLES.values(), "bytes a user", "build, s", "median answer"]
    rows = [
        [
            f"{point['users']:,}",
            *(number(point[f"{operation.value}_us"]) for operation in TITLES),
            number(point["bytes_per_user"]),
            number(point["build_s"]),
            number(point["median_full"]),
        ]
        for point in document["curve"]
    ]
    return Grid("The engine over users, microseconds an order", headers, rows)


def sentences(document: Mapping[str, Any]) -> list[str]:
    """What a table does not hold."""
    population, workload, place = document["population"], document["workload"], document["environment"]
    checked = [f"{document['wrong_orders']} of {document['checked_orders']} checked"]
    checked += [
        f"{name} {peer['wrong_orders']} of {peer['checked_orders']}" for name, peer in document["peers"].items()
    ]
    lines: list[str] = []
    lines.append(
        f"Users: {population['users']:,} with {population['tokens_per_user']:.1f} tokens each, of"
        f" {population['words']:,} words; {place['source']}. Crowd tags and shares of industries are invented."
    )
    lines.append(
        f"Orders: {workload['orders']:,}, {workload['with_radius']} with a radius; full tier median"
        f" {number(workload['median_full'])}, mean {number(workload['mean_full'])} users."
    )
    lines.append(f"Wrong orders: {'; '.join(checked)}.")
    lines.append(
        f"Engine: built in {number(document['build_s'])} s, {number(document['bytes_per_user'])} bytes a user;"
        f" {number(document['update_us'])} us a changed user;"
        f" a barrier's {document['changes']['barrier_users']} changes visible after"
        f" {number(document['visible_ms'])} ms; {document['threads']['threads']} threads"
        f" {document['threads_ratio']:.2f}x one. A full set with"
        f" external ids instead of rows: {document['set_with_ids_us']:,.0f} us an order."
    )
    reach = document["reach"]
    lines.append(
        f"Reach, with every key dropped or widened: {number(reach['reach_us'])} us of processor time an order,"
        f" {reach['reach_vs_match']:.2f} times one match of both tiers ({number(reach['match_us'])} us)."
    )
    lines.append(
        f"Machine: {place['cpu']}, {place['cores']} cores, load {place['load_average'][0]} before and"
        f" {place['load_average_after'][0]} after; Python {place['python']},"
        f" {', '.join(f'{name} {found}' for name, found in place['packages'].items())}."
    )
    if document["cpu"]["full_set_vs_best_peer"] is not None:
        by_cpu = [f"{title} {document['cpu'][RATIO_OF[operation]]:.2f}x" for operation, title in TITLES.items()]
        lines.append(f"By processor time, which other work on the machine does not inflate: {', '.join(by_cpu)}.")
    lines += [f"Wrong: {fault}" for fault in document["faults"]]
    lines += [f"Wrong, {name}: {fault}" for name, peer in document["peers"].items() for fault in peer["faults"][:3]]
    lines += [
        f"{name} was asked {min(peer['orders_asked'].values())} to {max(peer['orders_asked'].values())} orders a round."
        for name, peer in document["peers"].items()
        if peer["orders_asked"] and max(peer["orders_asked"].values()) < workload["orders"] // 2
    ]
    lines += [
        f"{name}'s bare count of the full tier takes {number(peer['full_count_us'])} us (orders without a radius)."
        for name, peer in document["peers"].items()
        if peer["full_count_us"]
    ]
    return lines
