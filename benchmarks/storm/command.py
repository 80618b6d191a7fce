"""``quanwang bench storm``. What it needs is imported when it runs, so that the command line stays quick."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from quanwang.cli.options import DataDir, settings_from

MISSED = 1


def storm(
    users: Annotated[int, typer.Option(help="How many users are drawn.")] = 1_000_000,
    orders: Annotated[int, typer.Option(help="How many orders are asked again and again.")] = 256,
    percent: Annotated[float, typer.Option(help="Users who change in a minute, in percent of all.")] = 1.0,
    mix: Annotated[
        str | None,
        typer.Option(help="Parts of words, availability, rating, location, joining, leaving: words=40,rating=60."),
    ] = None,
    seconds: Annotated[float, typer.Option(help="How long the storm lasts.")] = 60.0,
    quiet_seconds: Annotated[float, typer.Option(help="How long is asked before it, and after it.")] = 20.0,
    seed: Annotated[int, typer.Option(help="The same seed draws the same users, orders and changes.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures and samples.")] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(help="A figure that must be reached: 'visible_max_ms<=1000'. May be repeated."),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Measure one shard while users change: how soon a change is seen, and what queries take beside it.

    Exit status: 0; 1 when a threshold was missed or anything is wrong; 2 for an option that makes no sense.
    """
    settings_from(data_dir)  # points the cache of compiled kernels into the data folder, before numba is imported
    from benchmarks.reports import require_writable, show, told, write_json
    from benchmarks.storm.run import run
    from benchmarks.storm.settings import FIGURES, StormSettings, parse_mix
    from benchmarks.storm.tables import sentences, tables
    from benchmarks.thresholds import parse_threshold

    bounds = [parse_threshold(text, FIGURES) for text in threshold or ()]
    settings = StormSettings(users, orders, percent, seconds, quiet_seconds, seed, parse_mix(mix))
    if json_file is not None:
        require_writable(json_file)
    with told("quanwang bench") as tell:
        document: dict[str, Any] = run(settings, tell)
    show(tables(document), sentences(document))
    if json_file is not None:
        write_json(json_file, document)
    misses = [miss for bound in bounds if (miss := bound.miss(document))]
    misses = _wrongs(document) + misses
    for miss in misses:
        print(f"quanwang bench: {miss}", file=sys.stderr)
    if misses:
        raise typer.Exit(MISSED)


def _wrongs(document: dict[str, Any]) -> list[str]:
    found = {
        f"{document['lost_users']} users are lost or not as they were sent": document["lost_users"],
        f"{document['unseen_changes']} of {document['probes']} changes were not seen": document["unseen_changes"],
        f"{document['wrong_orders']} of {document['checked_orders']} orders are wrong": document["wrong_orders"],
    }
    return [sentence for sentence, count in found.items() if count]
