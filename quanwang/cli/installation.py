"""Commands about an installation: its tables, its state, its version, its interface description."""

import json
import platform
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kit.errors import QuanwangError
from quanwang.cli.options import DataDir, settings_from

PANEL = "Administer"


def add_installation_commands(app: typer.Typer) -> None:
    """Add migrate, status, openapi, version."""
    app.command("migrate", rich_help_panel=PANEL)(migrate)
    app.command("status", rich_help_panel=PANEL)(status)
    app.command("openapi", rich_help_panel=PANEL)(openapi)
    app.command("version", rich_help_panel=PANEL)(version)


def migrate(data_dir: DataDir = None) -> None:
    """Bring the database's tables to this version. Safe to repeat."""
    from quanwang.processes.storage import migrated_database

    database = migrated_database(settings_from(data_dir))
    Console(stderr=True).print(f"The tables of {database.where} are up to date.", highlight=False)


def status(
    data_dir: DataDir = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what runs in a data folder and how it does. Exit status 0 when everything answers, 1 otherwise."""
    from quanwang.processes.status import read_status

    found = read_status(settings_from(data_dir))
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        show_status(Console(), found)
    if not found["ready"]:
        raise typer.Exit(1)


def show_status(console: Console, found: dict[str, Any]) -> None:
    """Print what ``read_status`` found as a table, a line a part and a line a shard."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    owner = found["up_process"]
    table.add_row("data folder", "", Text(found["data_folder"]))
    table.add_row("quanwang up", "", f"process {owner}" if owner else "not running")
    for name in ("database", "redis", "matching", "web"):
        part = found[name]
        table.add_row(name, "[green]ok[/green]" if part["ok"] else "[red]no[/red]", Text(part["says"]))
        for sentence in part.get("warnings", ()):
            table.add_row("", "[bold yellow]warning[/bold yellow]", Text(sentence, style="yellow"))
        for shard in part.get("shards", ()):
            table.add_row("", "", f"shard {shard['shard_id']}: {_shard(shard)}")
    console.print(table, highlight=False)
    ready = "Orders are accepted, matched and delivered." if found["ready"] else "Not everything answers; see above."
    console.print(ready, highlight=False)


def _shard(shard: dict[str, Any]) -> str:
    return (
        f"{shard['population']:,} users ({shard['available']:,} available), segments {shard['segments']}, in the delta"
        f" {shard['delta_users']:,}, {shard['bytes'] / 2**20:,.1f} MiB, at barrier {shard['barrier']:,}"
    )


def openapi(
    out: Annotated[Path | None, typer.Option(help="File to write. Default: standard output.")] = None,
) -> None:
    """Print the description of the REST interface (OpenAPI 3.1)."""
    from api import openapi_text

    text = openapi_text()
    if out is None:
        print(text, end="")
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise QuanwangError(f"{out} cannot be written ({error.strerror}): choose another file with --out") from error


def version() -> None:
    """Print the versions of Quanwang, Python and what it stands on."""
    print(f"quanwang {version_of('quanwang')}")
    print(f"python {platform.python_version()}")
    for name in ("ray", "numpy", "numba", "fastapi", "sqlalchemy", "redis"):
        print(f"{name} {version_of(name)}")
