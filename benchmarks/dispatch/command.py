"""``quanwang bench dispatch``. What it needs is imported when it runs, so that the command line stays quick."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from kit.errors import Unavailable
from quanwang.cli.options import DataDir, settings_from

MISSED = 1
FOLDER = Path(".quanwang-bench")


class ToolMissing(Unavailable):
    """A package that only benchmarks need is not installed."""


def dispatch(
    profiles: Annotated[int, typer.Option(help="How many people are drawn and stored.")] = 1_000_000,
    first_rate: Annotated[float, typer.Option(help="Orders a second of the first step.")] = 250.0,
    most_rate: Annotated[float, typer.Option(help="Orders a second above which nothing is tried.")] = 4_000.0,
    step_seconds: Annotated[float, typer.Option(help="How long each rate is kept up.")] = 10.0,
    steady_seconds: Annotated[float, typer.Option(help="How long half the sustained rate is watched.")] = 30.0,
    singles: Annotated[int, typer.Option(help="Orders sent alone on an idle system.")] = 50,
    seed: Annotated[int, typer.Option(help="The same seed draws the same people and orders.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures and samples.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write one page with plots; it loads nothing.")] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(help="A figure that must be reached: 'sustained_orders_per_s>=1000'. May be repeated."),
    ] = None,
    port: Annotated[int, typer.Option(help="Port of the web process, on 127.0.0.1.", min=1, max=65_535)] = 8429,
    data_dir: DataDir = None,
) -> None:
    """Measure the whole way of an order, from the request to the inboxes, through all real processes.

    People are kept in the folder (default .quanwang-bench), so that a second run starts at once.
    Exit status: 0; 1 when a threshold was missed or anything was lost or doubled; 2 for an option that makes no sense.
    """
    settings = settings_from(data_dir or FOLDER, http_port=port)
    try:
        from benchmarks.dispatch.run import run
    except ModuleNotFoundError as error:
        raise ToolMissing(f"the package {error.name} is not installed: run bin/_setup test") from error
    from benchmarks.dispatch.page import page
    from benchmarks.dispatch.settings import FIGURES, DispatchSettings
    from benchmarks.dispatch.tables import sentences, tables
    from benchmarks.reports import require_writable, show, told, write_json, write_text
    from benchmarks.thresholds import parse_threshold
    from quanwang.processes.installation import check_disk, check_port, locked

    bounds = [parse_threshold(text, FIGURES) for text in threshold or ()]
    wanted = DispatchSettings(profiles, first_rate, most_rate, step_seconds, steady_seconds, singles, seed)
    for path in (json_file, html):
        if path is not None:
            require_writable(path)
    with locked(settings), told("quanwang bench") as tell:
        check_disk(settings)
        check_port(settings)
        document: dict[str, Any] = run(wanted, settings, tell)
    show(tables(document), sentences(document))
    if json_file is not None:
        write_json(json_file, document)
    if html is not None:
        write_text(html, page(document))
    misses = [f"{document[name]:,} orders or answers are {name}" for name in ("lost", "doubled") if document[name]]
    misses += [f"{rule} does not hold: {found[0]}" for rule, found in document["broken_rules"].items()]
    misses += [miss for bound in bounds if (miss := bound.miss(document))]
    for miss in misses:
        print(f"quanwang bench: {miss}", file=sys.stderr)
    if misses:
        raise typer.Exit(MISSED)
