"""The cluster for people: one table of what runs, where, and how it is."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def show_processes(console: Console, processes: Sequence[Mapping[str, Any]], warnings: Sequence[str]) -> None:
    """Print a line a server (name, role, process_id, where, says), then what is away."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading, wraps in (("server", False), ("role", False), ("process", False), ("listens on", False), ("", True)):
        table.add_column(heading, no_wrap=not wraps, overflow="fold")
    for each in processes:
        role = str(each["role"])
        shown = role.partition("-")[2] if not role.startswith("sentinel") else "sentinel"
        process = str(each["process_id"] or "-")
        table.add_row(str(each["name"]), shown, process, str(each["where"]), Text(str(each["says"])))
    console.print(table, highlight=False)
    for sentence in warnings:
        console.print(Text(f"Warning: {sentence}.", style="bold yellow"), soft_wrap=True)
