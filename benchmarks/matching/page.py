"""A matching run as one page."""

from collections.abc import Mapping
from typing import Any

from benchmarks import pages
from benchmarks.charts import Series, bars, legend, lines
from benchmarks.matching.engine import ENGINE
from benchmarks.matching.orders import BUCKETS
from benchmarks.matching.tables import TITLES, sentences, tables
from benchmarks.reports import number

BUCKET_TITLES = {
    "0": "Nobody fits",
    "1-100": "1 to 100 users fit",
    "100-10k": "100 to 10,000",
    ">10k": "More than 10,000",
}
RATIOS = {
    "full_set_vs_best_peer": "full set",
    "full_ranked_vs_best_peer": "full tier ranked",
    "partial_vs_best_peer": "partial tier ranked",
}


def page(document: Mapping[str, Any]) -> str:
    """The whole page."""
    names = [ENGINE, *document["peers"]]
    population = document["population"]
    overall = {
        title: {name: document["mean_us"].get(name, {}).get(operation.value, 0.0) for name in names}
        for operation, title in TITLES.items()
    }
    body = [
        pages.tiles(_tiles(document)),
        pages.section("Microseconds an order", legend(names), bars(overall, names, "us")),
        pages.pair(*(_bucket(document, label, names) for label in BUCKETS)),
        pages.pair(_curve(document), _memory(document)),
        *(pages.section(grid.title, pages.table(grid)) for grid in tables(document)),
        pages.section("How it was measured", pages.sentences(sentences(document))),
    ]
    subtitle = f"{population['users']:,} users, {document['workload']['orders']:,} orders, one thread, compile included"
    return pages.frame("Matching benchmark", subtitle, body)


def _tiles(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [
        (f"{number(document['full_set_us'])} us", "full set, rule any"),
        (f"{number(document['full_all_us'])} us", "full set, rule all"),
        (f"{number(document['full_ranked_us'])} us", "full tier, best 500 ranked"),
        (f"{number(document['partial_us'])} us", "partial tier, best 500 ranked"),
        (f"{document['wrong_orders']} of {document['checked_orders']:,}", "checked orders are wrong"),
    ]
    for key, text in RATIOS.items():
        if document[key] is not None:
            found.insert(-1, (f"{document[key]:.1f}x", f"{text}, against the best peer"))
    return found


def _bucket(document: Mapping[str, Any], label: str, names: list[str]) -> str:
    bucket = document["buckets"][label]
    groups = {title: bucket["us"].get(operation.value, {}) for operation, title in TITLES.items()}
    note = f'<p class="note">{bucket["orders"]} orders, median answer {number(bucket["median_full"])}</p>'
    return pages.section(BUCKET_TITLES[label], note, legend(names), bars(groups, names, "us"))


def _curve(document: Mapping[str, Any]) -> str:
    series = [
        Series(title, [(point["users"], point[f"{operation.value}_us"]) for point in document["curve"]])
        for operation, title in TITLES.items()
    ]
    titles = list(TITLES.values())
    return pages.section("The engine over users", legend(titles), lines(series, "users", "us an order"))


def _memory(document: Mapping[str, Any]) -> str:
    built = Series("seconds to build", [(point["users"], point["build_s"]) for point in document["curve"]])
    held = Series("bytes a user", [(point["users"], point["bytes_per_user"]) for point in document["curve"]])
    series = [built, held]
    plot = lines(series, "users", "bytes a user, seconds")
    return pages.section("Build time and memory", legend([one.name for one in series]), plot)
