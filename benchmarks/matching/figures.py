"""From samples to the figures of the report. Ratios are of medians over rounds, never of one side's best."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from benchmarks.matching.contest import Operation
from benchmarks.matching.engine import ENGINE
from benchmarks.matching.orders import BUCKETS, Workload
from benchmarks.matching.rounds import ALONE
from benchmarks.matching.settings import RIVALS
from benchmarks.timing import Measurement, median, summary

FIGURE_OF = {
    Operation.FULL_ANY: "full_set_us",
    Operation.FULL_ALL: "full_all_us",
    Operation.FULL_RANKED: "full_ranked_us",
    Operation.PARTIAL: "partial_us",
}
ELSEWHERE = ("postgresql",)
"""Contestants whose work is not done by the thread that asks."""


def means(measured: Iterable[Measurement], *, cpu: bool = False) -> dict[str, dict[str, float]]:
    """Contestant -> operation -> microseconds an order: the median over rounds of each round's mean.

    ``cpu``: of processor time, without contestants that work in another program.
    """
    by_round: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in measured:
        if one.bucket is None and not (cpu and one.contestant in ELSEWHERE):
            by_round[one.contestant][one.operation].append(one.mean_cpu_us() if cpu else one.mean_us())
    return {name: {op: median(values) for op, values in ops.items()} for name, ops in by_round.items()}


def ratios(mean_us: dict[str, dict[str, float]]) -> dict[str, float | None]:
    """How many times faster the engine is than the faster of the rivals, operation by operation; None without rivals.

    ``full_set_vs_best_peer`` is the smaller of the two keyword rules.
    """
    found: dict[Operation, float | None] = {}
    for operation in Operation:
        rivals = [mean_us[name][operation.value] for name in RIVALS if operation.value in mean_us.get(name, {})]
        found[operation] = min(rivals) / mean_us[ENGINE][operation.value] if rivals else None
    sets = [ratio for op, ratio in found.items() if op.is_set and ratio is not None]
    return {
        "full_set_vs_best_peer": min(sets) if sets else None,
        "full_any_vs_best_peer": found[Operation.FULL_ANY],
        "full_all_vs_best_peer": found[Operation.FULL_ALL],
        "full_ranked_vs_best_peer": found[Operation.FULL_RANKED],
        "partial_vs_best_peer": found[Operation.PARTIAL],
    }


def bucket_figures(measured: Sequence[Measurement], workload: Workload) -> dict[str, dict[str, object]]:
    """Bucket -> how many orders, the median size of their full tiers, and operation -> contestant -> microseconds."""
    found: dict[str, dict[str, object]] = {}
    for bucket, label in enumerate(BUCKETS):
        rows = [row for row, its in enumerate(workload.buckets) if its == bucket]
        sizes = [float(workload.full_counts[row]) for row in rows]
        found[label] = {
            "orders": len(rows),
            "median_full": median(sizes) if sizes else None,
            "us": _by_operation(measured, workload, bucket),
        }
    return found


def _by_operation(measured: Sequence[Measurement], workload: Workload, bucket: int) -> dict[str, dict[str, float]]:
    by_round: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in measured:
        if one.contestant.endswith(ALONE):
            continue
        if one.bucket == bucket:
            by_round[one.operation][one.contestant].append(one.mean_us())
        elif one.bucket is None and len(one.call_us) == len(one.rows) and one.contestant != ENGINE:
            own = [us for us, row in zip(one.call_us, one.rows, strict=True) if workload.buckets[row] == bucket]
            if own:
                by_round[one.operation][one.contestant].append(sum(own) / len(own))
    return {op: {name: median(values) for name, values in names.items()} for op, names in by_round.items()}


def percentiles(measured: Iterable[Measurement]) -> dict[str, dict[str, dict[str, float]]]:
    """Contestant -> operation -> mean, p50, p95, p99 of microseconds an order, over all calls of all rounds.

    A call of the engine is a batch; under its name with "alone" a call is one order, as every call of a peer is.
    """
    calls: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in measured:
        if one.bucket is None:
            calls[one.contestant][one.operation].extend(one.order_us())
    return {name: {op: summary(values) for op, values in ops.items()} for name, ops in calls.items()}


def samples(measured: Iterable[Measurement]) -> list[dict[str, object]]:
    """Every call of every pass."""
    return [
        {
            "contestant": one.contestant,
            "operation": one.operation,
            "round": one.round,
            "bucket": None if one.bucket is None else BUCKETS[one.bucket],
            "call_us": [round(value, 2) for value in one.call_us],
            "call_cpu_us": [round(value, 2) for value in one.call_cpu_us],
            "call_orders": one.call_orders if max(one.call_orders, default=1) > 1 else 1,
            "orders": one.rows,
        }
        for one in measured
    ]


def orders_asked(measured: Iterable[Measurement]) -> dict[str, dict[str, int]]:
    """Contestant -> operation -> orders in a round."""
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for one in measured:
        if one.bucket is None:
            found[one.contestant][one.operation] = len(one.rows)
    return dict(found)
