"""``quanwang bench extraction``: prints the tables and writes the JSON.

What measures is imported when it runs: the command line stays quick, and the cache of compiled kernels is set first.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from benchmarks.extraction.run import ExtractionReport
    from benchmarks.extraction.speed import Speed

SYNONYMS = Path(__file__).with_name("synonyms.csv")
DEFAULT_SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def extraction(
    shared_data: Annotated[
        Path, typer.Option(envvar="QUANWANG_SHARED_DATA", help="The folder of labels and terms.")
    ] = DEFAULT_SHARED_DATA,
    synonyms: Annotated[Path, typer.Option(help="A synonym file; an empty one measures without.")] = SYNONYMS,
    speed: Annotated[bool, typer.Option(help="Measure microseconds too.")] = True,  # noqa: FBT002 - a typer option
    json_path: Annotated[Path | None, typer.Option("--json", help="Write everything, all samples included.")] = None,
) -> None:
    """Measure how well job titles find their occupation, beside BM25, and what texts cost.

    Exit status: 0; 1 when the reference data are not there.
    """
    from benchmarks.extraction.run import run

    try:
        report = run(
            shared_data, synonyms=synonyms, with_speed=speed, tell=lambda line: print(line, file=sys.stderr, flush=True)
        )
    except OSError as error:
        print(f"the reference data cannot be read: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    show(report, Console())
    if json_path:
        json_path.write_text(json.dumps(report.to_document(), ensure_ascii=False), encoding="utf-8")


def show(report: "ExtractionReport", console: Console) -> None:
    """Print the figures, the held-out half last."""
    table = Table(title=f"Titles to occupations, synonyms: {report.synonyms}")
    for column in ("aliases", "half", "method", "titles", "P@1", "NDCG@10", "in the first ten"):
        table.add_column(column)
    for quality in sorted(report.qualities, key=lambda quality: (quality.half == "held out", quality.aliases)):
        table.add_row(
            "with" if quality.aliases else "without",
            quality.half,
            quality.method,
            str(quality.titles),
            f"{quality.precision_at_1:.3f}",
            f"{quality.ndcg_at_10:.3f}",
            f"{quality.found:.3f}",
        )
    console.print(table)
    if report.speed:
        _show_speed(report.speed, console)


def _show_speed(speed: "Speed", console: Console) -> None:
    table = Table(title=f"Microseconds over {speed.words} known words, load average {speed.load_average:.1f}")
    for column in ("operation", "calls", "median", "mean", "p99", "mean of own work"):
        table.add_column(column)
    for timing in speed.timings:
        figures = (timing.median_us, timing.mean_us, timing.p99_us, timing.cpu_mean_us)
        table.add_row(timing.operation, str(len(timing.samples_us)), *(f"{figure:.1f}" for figure in figures))
    console.print(table)
    console.print(
        f"vocabulary: {speed.vocabulary_bytes / speed.words:.0f} bytes a word with the index of corrections, "
        f"built in {speed.build_s:.2f} s, indexed in {speed.index_corrections_s:.2f} s"
    )
