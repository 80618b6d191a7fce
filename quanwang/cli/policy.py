"""``quanwang policy``: how orders are offered."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from kit.clock import now_ms
from kit.errors import InvalidInput
from quanwang.cli.options import DataDir, settings_of_installation

policy_app = typer.Typer(help="List, show and publish policies.", no_args_is_help=True)

MAX_FILE_BYTES = 65_536


@policy_app.command("list")
def list_policies(data_dir: DataDir = None) -> None:
    """List the policies that an order can name, each in its newest version."""
    from marketplace import dispatch
    from quanwang.processes.storage import migrated_database

    database = migrated_database(settings_of_installation(data_dir))
    with database.read() as session:
        policies = dispatch.list_policies(session)
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "version", "wave", "every s", "full window s", "partial window s", "partial limit"):
        table.add_column(heading, no_wrap=True)
    for each in policies:
        policy = each.policy
        table.add_row(
            policy.name,
            "built in" if each.version is None else str(each.version),
            str(policy.wave_size),
            _seconds(policy.wave_interval_ms),
            _seconds(policy.full_window_ms),
            _seconds(policy.partial_window_ms),
            str(policy.partial_limit),
        )
    Console().print(table)


@policy_app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="The policy's name.")],
    version: Annotated[int | None, typer.Option(min=1, help="Default: the newest.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Print one policy as JSON, in the form that `publish` reads."""
    from marketplace import dispatch
    from quanwang.processes.storage import migrated_database

    database = migrated_database(settings_of_installation(data_dir))
    with database.read() as session:
        found = dispatch.get_policy(session, name=name, version=version)
    print(json.dumps(json.loads(found.policy.to_json()), indent=2, ensure_ascii=False))


@policy_app.command("publish")
def publish(
    file: Annotated[
        Path,
        typer.Argument(help="JSON with the policy's name and what differs from the defaults; - reads standard input."),
    ],
    data_dir: DataDir = None,
) -> None:
    """Keep a policy as the next version of its name. Dispatches that run keep the version that they began with."""
    from kit.ids import IdAllocator
    from marketplace import dispatch
    from quanwang.processes.storage import migrated_database

    policy = dispatch.Policy.from_document(_read(file))
    database = migrated_database(settings_of_installation(data_dir))
    ids = IdAllocator(database)
    at_ms = now_ms()
    stored = database.run(lambda session: dispatch.publish_policy(session, ids, policy=policy, now_ms=at_ms))
    done = "is published" if stored.is_new else "is the newest already; nothing was written"
    Console(stderr=True).print(f"Version {stored.version} of policy {policy.name} {done}.", highlight=False)


def _read(file: Path) -> dict[str, Any]:
    try:
        raw = sys.stdin.buffer.read(MAX_FILE_BYTES + 1) if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise InvalidInput("FILE", str(file), f"cannot be read: {error.strerror}.") from error
    if len(raw) > MAX_FILE_BYTES:
        raise InvalidInput("FILE", str(file), f"has more than {MAX_FILE_BYTES:,} bytes, so it is no policy.")
    try:
        document = json.loads(raw)
    except ValueError as error:
        raise InvalidInput("FILE", str(file), f"is no JSON: {error}.") from error
    if not isinstance(document, dict):
        raise InvalidInput("FILE", str(file), "must hold one JSON object.")
    return document


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1_000:g}"
