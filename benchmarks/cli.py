"""``quanwang bench``: measurements. What a benchmark needs is imported when it runs, so that the command line stays
quick and a missing package is one sentence.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.dispatch.command import dispatch
from benchmarks.extraction.command import extraction
from benchmarks.storm.command import storm
from kit.errors import Unavailable
from quanwang.cli.options import DataDir, settings_from

MISSED = 1

app = typer.Typer(help="Measure this installation, beside other programs.", no_args_is_help=True)


class PackageMissing(Unavailable):
    """A package that only benchmarks need is not installed."""


@app.callback()
def bench() -> None:
    """Measure this installation, beside other programs."""


@app.command()
def matching(
    users: Annotated[int, typer.Option(help="How many users are drawn.")] = 1_000_000,
    orders: Annotated[int, typer.Option(help="How many orders are drawn, half of each keyword rule.")] = 1_024,
    peers: Annotated[
        str | None,
        typer.Option(help="Of pyroaring, tantivy, postgresql, numpy_scan, or none. Default: all installed."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed draws the same users and orders.")] = 1,
    rounds: Annotated[int, typer.Option(help="How often everything is measured; ratios are of medians.")] = 5,
    threads: Annotated[int, typer.Option(help="Threads whose throughput is compared with that of one.")] = 2,
    curve: Annotated[str | None, typer.Option(help="More sizes: 100000,300000. Default: a tenth and a third.")] = None,
    checks: Annotated[int, typer.Option(help="Orders whose answers are checked, ids and ranks.")] = 320,
    engine_only: Annotated[  # noqa: FBT002  # a flag of the command line, never a positional argument
        bool, typer.Option("--engine-only", help="No peers: for ten million users.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures and samples.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write one page with plots; it loads nothing.")] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(help="A figure that must be reached: 'full_set_vs_best_peer>=3'. May be repeated."),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Measure the matching engine beside pyroaring, tantivy, PostgreSQL and a NumPy scan: same users, same orders.

    Exit status: 0; 1 when a threshold was missed or an answer was wrong; 2 for an option that makes no sense.
    """
    settings_from(data_dir)  # points the cache of compiled kernels into the data folder, before numba is imported
    try:
        from benchmarks.matching.command import chosen_settings, report
        from benchmarks.matching.run import run
    except ModuleNotFoundError as error:
        raise PackageMissing(f"the package {error.name} is not installed: run bin/_setup test") from error
    from benchmarks.matching.settings import FIGURES
    from benchmarks.reports import require_writable, told
    from benchmarks.thresholds import parse_threshold

    bounds = [parse_threshold(text, FIGURES) for text in threshold or ()]
    settings = chosen_settings(
        users=users, orders=orders, peers="none" if engine_only else peers, seed=seed, rounds=rounds, threads=threads,
        curve=curve, checks=checks,
    )  # fmt: skip
    for path in (json_file, html):
        if path is not None:
            require_writable(path)
    with told("quanwang bench") as tell:
        document: dict[str, Any] = run(settings, tell)
    report(document, json_file, html)
    misses = [miss for bound in bounds if (miss := bound.miss(document))]
    if document["wrong_orders"]:
        misses.insert(0, f"{document['wrong_orders']} of {document['checked_orders']} checked orders are wrong")
    if document["kernels_compiled_late"]:
        misses.insert(
            0, f"{document['kernels_compiled_late']} kernels were compiled while it was timed: figures are void"
        )
    for miss in misses:
        print(f"quanwang bench: {miss}", file=sys.stderr)
    if misses:
        raise typer.Exit(MISSED)


app.command()(dispatch)
app.command()(extraction)
app.command()(storm)
