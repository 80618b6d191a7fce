"""A run of the dispatch benchmark as tables and sentences."""

from collections.abc import Mapping
from typing import Any, Final

from benchmarks.reports import Grid, number

GOALS: Final = (
    ("sustained_orders_per_s", "orders a second, sustained", "1,000", "2,000"),
    ("submit_to_inbox_p50_ms", "at half of it, submit to inbox, median, ms", "50", "20"),
    ("submit_to_inbox_p99_ms", "the same, 99 of 100, ms", "500", "100"),
    ("single_order_p50_ms", "a single order on an idle system, median, ms", "30", "10"),
    ("inbox_entries_per_s", "inbox entries a second at the sustained rate", "", ""),
    ("shard_recovery_s", "a killed shard: correct answers again after, s", "10", "6"),
    ("redis_rebuild_entries_per_s", "Redis emptied: entries rebuilt a second", "150,000", "300,000"),
    ("acceptances_per_s", "acceptances of one hot order a second, by REST, 100 a request", "2,000", "4,000"),
    ("acceptances_one_by_one_per_s", "the same, one a transaction", "", ""),
    ("lost", "acknowledged and not told", "0", "0"),
    ("doubled", "told twice", "0", "0"),
)


def tables(document: Mapping[str, Any]) -> list[Grid]:
    """The figures beside their goals, the steps, who used the cores."""
    return [_goals(document), _steps(document), _cores(document)]


def _goals(document: Mapping[str, Any]) -> Grid:
    rows = [[title, number(document[name]), must, aim] for name, title, must, aim in GOALS]
    return Grid("Dispatch", ["", "measured", "must", "aim"], rows)


def _stretches(document: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    steady = document["steady"]
    found = [("one at a time", document["singles"])]
    found += [
        (f"{step['rate']:,.0f}/s{'' if step['sustained'] else ', not sustained'}", step) for step in document["steps"]
    ]
    return found + ([(f"{steady['rate']:,.0f}/s, steady", steady)] if steady else [])


def _steps(document: Mapping[str, Any]) -> Grid:
    rows = [
        [
            name,
            f"{step['orders']:,}",
            number(step["entries_per_s"]),
            *(number(step["inbox_ms"][percent]) for percent in ("p50", "p95", "p99", "p99.9")),
            *(number(step["answered_ms"][percent]) for percent in ("p50", "p99")),
            f"{step['lost']:,}",
        ]
        for name, step in _stretches(document)
    ]
    headers = ["", "orders", "entries/s", "inbox p50", "p95", "p99", "p99.9", "answered p50", "p99", "lost"]
    return Grid("Milliseconds from the moment at which an order should have been sent", headers, rows)


def _cores(document: Mapping[str, Any]) -> Grid:
    stretches = _stretches(document)
    parts = sorted({part for _, step in stretches for part in step["cores"]})
    rows = [[name, *(f"{step['cores'].get(part, 0.0):.2f}" for part in parts)] for name, step in stretches]
    return Grid("Cores used", ["", *parts], rows)


def sentences(document: Mapping[str, Any]) -> list[str]:
    """What a table does not hold."""
    settings, place = document["settings"], document["environment"]
    recipients, rebuild, accepted = document["recipients"], document["rebuild"], document["accepted"]
    packages = ", ".join(f"{name} {found}" for name, found in place["packages"].items())
    reached = (
        f"{recipients.get('p50', 0):,.0f} users at the median, {recipients.get('mean', 0):,.0f} on average,"
        f" {recipients.get('largest', 0):,.0f} at most"
    )
    patience_s = document["patience_ms"] / 1_000
    sustained = (
        f"Sustained: 99 of 100 orders were in all inboxes within {patience_s:g} s and none was lost, for"
        f" {settings['step_seconds']:g} s; times count from the planned moment of each order (Poisson arrivals)."
    )
    rebuilt = (
        f"Redis emptied: {rebuild['entries']:,} entries back in {rebuild['seconds']:.2f} s; meanwhile"
        f" {rebuild['reads']:,} inboxes were read, {rebuild['failed_reads']:,} in vain, the slowest in"
        f" {rebuild['slowest_read_ms']:,.0f} ms."
    )
    machine = (
        f"Machine: {place['cpu']}, {place['cores']} cores for everything, the load generator included; Python"
        f" {place['python']}, {packages}; MariaDB flushes every commit."
    )
    lines = [
        f"Bottleneck: {document['bottleneck']}.",
        f"{settings['profiles']:,} profiles; orders are real titles and reach {reached}, all in one wave.",
        sustained,
        rebuilt,
        f"Of {accepted['asked']:,} acceptances {accepted['queued']:,} are queued.",
        machine,
    ]
    lines += [f"Broken rule: {rule}: {found[0]}" for rule, found in document["broken_rules"].items()]
    lines += [f"The first refusal: {step['sentences'][0]}" for _, step in _stretches(document) if step["sentences"]][:1]
    return lines
