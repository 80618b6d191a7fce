"""The drill's figures for people."""

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

HEADINGS: Final = ("rounds", "acked", "unknown", "lost", "doubled", "first write", "worst", "whole again")


def show_report(console: Console, report: Mapping[str, Any]) -> None:
    """Print a line a scene, then what was found wrong."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("scene", no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="right")
    for each in report["scenes"]:
        first, whole = each["first_write_s"], each["whole_again_s"]
        counts = (f"{each[name]:,}" for name in ("rounds", "acknowledged", "unknown", "lost", "doubled"))
        times = (f"{first['p50']:.2f} s", f"{first['max']:.2f} s", f"{whole['max']:.1f} s") if first else ("", "", "")
        table.add_row(str(each["scene"]), *counts, *times)
    console.print(table, highlight=False)
    for each in report["scenes"]:
        console.print(f"{each['scene']}: {each['says']}", highlight=False, soft_wrap=True)
    for each in report["scenes"]:
        for finding in each["findings"]:
            console.print(Text(f"{each['scene']}: {finding}", style="bold red"), soft_wrap=True)
    verdict = (
        "Nothing acknowledged was lost, nothing doubled." if report["clean"] else "A promise was broken; see above."
    )
    console.print(verdict, highlight=False)
