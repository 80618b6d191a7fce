"""The figures of a storm as tables and sentences."""

from collections.abc import Mapping
from typing import Any

from benchmarks.reports import Grid, number
from benchmarks.storm.settings import CADENCE_S

TITLES = {
    "single": "one order a call",
    "batch": "64 orders a call",
    "single_cpu": "one order a call, processor time",
    "batch_cpu": "64 orders a call, processor time",
}


def tables(document: Mapping[str, Any]) -> list[Grid]:
    """How soon changes are seen, and what queries take."""
    return [_visible(document), _latencies(document)]


def _visible(document: Mapping[str, Any]) -> Grid:
    rows = [
        [title, *(number(document[f"{key}_{percentile}_ms"]) for percentile in ("p50", "p99", "max"))]
        for title, key in (
            (f"from the hand-over until seen, up to {CADENCE_S:g} s of waiting included", "visible"),
            ("from the cut of a barrier to its publication", "barrier"),
        )
    ]
    return Grid("Changes, milliseconds", ["", "p50", "p99", "max"], rows)


def _latencies(document: Mapping[str, Any]) -> Grid:
    found = document["latencies_us"]
    rows = []
    for kind, title in TITLES.items():
        for when in found:
            values = found[when][kind]
            rows.append([f"{title}: {when}", *(number(values[key]) for key in ("mean", "p50", "p95", "p99"))])
        ratios = [f"{document[f'{kind}_{percentile}_ratio']:.2f}x" for percentile in ("p50", "p95", "p99")]
        rows.append([f"{title}: storm against the quicker quiet time", "", *ratios])
    return Grid("Queries, microseconds a call, both tiers, compile included", ["", "mean", "p50", "p95", "p99"], rows)


def sentences(document: Mapping[str, Any]) -> list[str]:
    """What a table does not hold."""
    settings, place, kinds = document["settings"], document["environment"], document["changes_by_kind"]
    merge_s = ", ".join(f"{seconds:.2f}" for seconds in document["merge_s"]) or "none"
    changed = ", ".join(f"{kind} {count:,}" for kind, count in kinds.items())
    lines = []
    lines.append(
        f"Users: {settings['users']:,}, {settings['percent_a_minute']:g} % of them changed a minute, for"
        f" {settings['seconds']:g} s: {document['changes']:,} changes ({changed})."
    )
    lines.append(f"Merges: {document['merges']} done, {document['failed_merges']} failed; seconds of each: {merge_s}.")
    lines.append(
        f"Lost or wrong users: {document['lost_users']}; changes looked for and not seen:"
        f" {document['unseen_changes']} of {document['probes']};"
        f" wrong orders: {document['wrong_orders']} of {document['checked_orders']}."
    )
    lines.append(
        f"Machine: {place['cpu']}, {place['cores']} cores, load {place['load_average'][0]} before and"
        f" {place['load_average_after'][0]} after; Python {place['python']},"
        f" {', '.join(f'{name} {found}' for name, found in place['packages'].items())}."
    )
    for name in ("lost", "unseen", "wrong"):
        lines += [f"Wrong: {fault}" for fault in document[name]]
    return lines
