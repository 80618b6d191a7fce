"""Why a dispatch went as it went: explain, funnel, preview, replay; for admins on the machine of an installation.

They read the database themselves and ask the dispatcher on its internal socket, so they need no API key and work while
the web server is away. They see every owner's dispatches, and counts as they are.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from kit.errors import InvalidInput
from quanwang.cli.options import DataDir, settings_of_installation

if TYPE_CHECKING:
    from kit.config import Settings
    from kit.db import Database
    from marketplace.dispatch import Policy

PANEL = "Diagnose"
MAX_FILE_BYTES = 4 * 1024 * 1024

DispatchId = Annotated[
    int, typer.Argument(min=1, max=2**53 - 1, help="The dispatch, as submitting answered it.", metavar="DISPATCH")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def add_diagnostics_commands(app: typer.Typer) -> None:
    """Add explain, funnel, preview, replay."""
    for command in (explain, funnel, preview, replay):
        app.command(command.__name__, rich_help_panel=PANEL)(command)


def explain(
    dispatch_id: DispatchId,
    user: Annotated[
        str, typer.Argument(help="The dispatch's owner's id of the user, or the platform's number.", metavar="USER")
    ],
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say why a user got an order, or why not, and the smallest change that would have made him a match."""
    from quanwang.cli.diagnostics_display import show_explanation
    from quanwang.cli.diagnostics_reading import read_explanation

    settings = settings_of_installation(data_dir)
    with _database(settings) as database:
        found = read_explanation(database, settings.match_address, dispatch_id, user)
    _show(found, show_explanation, as_json=as_json)


def funnel(dispatch_id: DispatchId, data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """Say how many users came through each stage of a dispatch, and how long each stage and shard took."""
    from quanwang.cli.diagnostics_display import show_funnel
    from quanwang.cli.diagnostics_reading import read_funnel

    with _database(settings_of_installation(data_dir)) as database:
        found = read_funnel(database, dispatch_id)
    _show(found, show_funnel, as_json=as_json)


def preview(
    order: Annotated[Path, typer.Argument(help="File with one order as JSON; - reads standard input.", metavar="FILE")],
    owner: Annotated[str | None, typer.Option(help="Whose user ids the order's `exclude` names.")] = None,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Count whom an order would reach now, and what each of its keys costs. Nothing is submitted."""
    from quanwang.cli.diagnostics_display import show_preview
    from quanwang.cli.diagnostics_reading import read_preview
    from quanwang.processes.storage import taxonomy_of

    settings = settings_of_installation(data_dir)
    document = _json_of(order, "FILE")
    with _database(settings) as database:
        found = read_preview(database, settings.match_address, taxonomy_of(settings), document, owner)
    _show(found, show_preview, as_json=as_json)


def replay(
    dispatch_id: DispatchId,
    with_policy: Annotated[
        str | None,
        typer.Option(
            help="Also plan the recorded candidates under another policy: its name, name:version, or a JSON file.",
            metavar="NAME[:VERSION]|FILE",
        ),
    ] = None,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Run the machine again on what was recorded: every wave must come out byte for byte. Exit status 1 if not."""
    from quanwang.cli.diagnostics_display import show_replay
    from quanwang.cli.diagnostics_reading import read_replay

    policy = None if with_policy is None else _policy(with_policy)
    with _database(settings_of_installation(data_dir)) as database:
        found = read_replay(database, dispatch_id, policy)
    _show(found, show_replay, as_json=as_json)
    if not found["identical"]:
        raise typer.Exit(1)


@contextmanager
def _database(settings: "Settings") -> Iterator["Database"]:
    from quanwang.processes.storage import open_database

    database = open_database(settings)
    try:
        yield database
    finally:
        database.dispose()


def _show(found: dict[str, Any], show: Any, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        show(Console(highlight=False), found)


def _policy(reference: str) -> "str | Policy":
    """A name, or the policy that a JSON file holds; a file of the policy's name is meant only with its folder."""
    from marketplace.dispatch import Policy

    if not reference.endswith(".json") and "/" not in reference and reference != "-":
        return reference
    document = _json_of(Path(reference), "--with-policy")
    if not isinstance(document, dict):
        raise InvalidInput("--with-policy", reference, "must hold one JSON object with the fields of a policy")
    return Policy.from_json(json.dumps({"name": "from-a-file", **document}))


def _json_of(path: Path, option: str) -> Any:
    """Read one JSON document of a file, or of standard input."""
    from kit.json_lines import parse_line

    try:
        if str(path) == "-":
            content = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        else:
            with path.open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InvalidInput(option, str(path), f"cannot be read: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise InvalidInput(option, str(path), f"is larger than {MAX_FILE_BYTES // 2**20} MiB")
    try:
        return parse_line(content)
    except InvalidInput as error:
        raise InvalidInput(option, str(path), f"holds no JSON: {error.rule}") from error
