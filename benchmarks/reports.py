"""A run on the terminal and in files: a rich table on a terminal, plain lines in a pipe, one JSON document."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.timing import now_s
from kit.errors import QuanwangError


class UnwritableReport(QuanwangError):
    """A report file cannot be written."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A titled table: headers, and rows of as many cells; the first column is text, the others are numbers."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]


@contextmanager
def told(prefix: str) -> Iterator[Any]:
    """Yield a function that is given a line before each long step: a spinner on a terminal, else lines on stderr."""
    console = Console(stderr=True)
    if not console.is_terminal:
        began = now_s()
        yield lambda line: print(f"{prefix}: {now_s() - began:6.1f} s  {line}", file=sys.stderr, flush=True)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("Starting", total=None)
        yield lambda line: progress.update(task, description=line)


def show(grids: Sequence[Grid], lines: Sequence[str]) -> None:
    """Print tables, then sentences, on stdout."""
    console = Console()
    for grid in grids:
        if console.is_terminal:
            table = Table(title=grid.title, title_justify="left", title_style="bold")
            for i, header in enumerate(grid.headers):
                table.add_column(header, justify="right" if i else "left", no_wrap=True)
            for row in grid.rows:
                table.add_row(*row)
            console.print(table)
            continue
        print(f"\n{grid.title}")
        widths = [max(len(row[i]) for row in (grid.headers, *grid.rows)) for i in range(len(grid.headers))]
        for row in (grid.headers, *grid.rows):
            cells = [
                cell.rjust(width) if i else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            print("  ".join(cells).rstrip())
    print()
    for line in lines:
        print(line)


def require_writable(path: Path) -> None:
    """Raise UnwritableReport now, not after the minutes that a run takes."""
    folder = path.absolute().parent
    if not folder.is_dir() or path.is_dir() or not os.access(folder, os.W_OK):
        raise UnwritableReport(f"{path}: cannot be written: name a file in a folder that exists and is yours")


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write the document; raises UnwritableReport."""
    write_text(path, json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False, default=list) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a whole file or none; raises UnwritableReport."""
    staging = path.with_name(f".{path.name}.new")
    try:
        staging.write_text(text, encoding="utf-8")
        staging.replace(path)
    except OSError as error:
        raise UnwritableReport(f"{path}: cannot be written: {error.strerror or error}") from error


def number(value: float | None, digits: int = 3) -> str:
    """A figure with so many significant digits, thousands set apart; a dash for none."""
    if value is None:
        return "-"
    if abs(value) >= 10**digits:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"
