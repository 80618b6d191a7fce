"""A run of the dispatch benchmark as one page."""

from collections.abc import Mapping
from typing import Any

from benchmarks import pages
from benchmarks.charts import Series, bars, legend, lines
from benchmarks.dispatch.tables import sentences, tables
from benchmarks.reports import number

PERCENTILES = ("p50", "p99", "p99.9")


def page(document: Mapping[str, Any]) -> str:
    """The whole page."""
    body = [
        pages.tiles(
            [
                (number(document["sustained_orders_per_s"]), "orders a second, sustained"),
                (f"{number(document['submit_to_inbox_p50_ms'])} ms", "submit to inbox at half of it, median"),
                (f"{number(document['submit_to_inbox_p99_ms'])} ms", "99 of 100"),
                (f"{number(document['single_order_p50_ms'])} ms", "a single order, idle system"),
            ]
        ),
        pages.pair(_latencies(document), _cores(document)),
        *(pages.section(grid.title, pages.table(grid)) for grid in tables(document)),
        pages.section("How it was measured", pages.sentences(sentences(document))),
    ]
    return pages.frame("Dispatch benchmark", f"{document['settings']['profiles']:,} profiles, one machine", body)


def _latencies(document: Mapping[str, Any]) -> str:
    series = [
        Series(name, [(step["rate"], step["inbox_ms"][name]) for step in document["steps"] if step["inbox_ms"][name]])
        for name in PERCENTILES
    ]
    return pages.section(
        "Milliseconds to the inbox over orders a second", legend(PERCENTILES), lines(series, "orders a second", "ms")
    )


def _cores(document: Mapping[str, Any]) -> str:
    groups = {f"{step['rate']:,.0f}/s": step["cores"] for step in document["steps"]}
    parts = sorted({part for cores in groups.values() for part in cores})
    return pages.section("Cores used", legend(parts), bars(groups, parts, "cores"))
