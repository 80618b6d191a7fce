"""``quanwang api-key``: who may call the REST interface."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from kit.clock import now_ms
from quanwang.cli.options import DataDir, settings_of_installation

api_key_app = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True)

DAY_MS = 86_400_000
WIDTH = 140


@api_key_app.command("create")
def create(
    owner: Annotated[str, typer.Option(help="Whose key it is: it sees the orders and profiles of its owner only.")],
    name: Annotated[str, typer.Option(help="What the key is for, for people who read the list.")] = "backend",
    scope: Annotated[
        list[str] | None, typer.Option(help="What it may do; may be repeated. Default: everything except admin.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="Days until it expires. Default: never.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Create an API key. Its secret is shown once and stored nowhere."""
    from kit.ids import IdAllocator
    from marketplace.access import SCOPES, create_api_key
    from quanwang.processes.storage import migrated_database

    database = migrated_database(settings_of_installation(data_dir))
    ids = IdAllocator(database)
    wanted = sorted(scope) if scope else sorted(SCOPES - {"admin"})
    at_ms = now_ms()
    expires_at_ms = at_ms + days * DAY_MS if days is not None else None
    issued = database.run(
        lambda session: create_api_key(
            session, ids, name=name, owner=owner, scopes=wanted, now_ms=at_ms, expires_at_ms=expires_at_ms
        )
    )
    print(issued.secret)
    Console(stderr=True).print(
        f"API key {issued.id} of {owner} with {', '.join(wanted)}. The secret above is shown only now; send it as"
        " [bold]Authorization: Bearer[/bold] <secret>.",
        highlight=False,
    )


@api_key_app.command("list")
def list_keys(
    owner: Annotated[str | None, typer.Option(help="Only the keys of this owner.")] = None,
    data_dir: DataDir = None,
) -> None:
    """List API keys; secrets are not known any more."""
    from marketplace.access import list_api_keys
    from quanwang.processes.storage import migrated_database

    database = migrated_database(settings_of_installation(data_dir))
    with database.read() as session:
        keys = list_api_keys(session, owner=owner)
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "state", "name", "owner", "created", "last used"):
        table.add_column(heading, no_wrap=True)
    table.add_column("scopes", overflow="fold")
    for key in keys:
        state = "active"
        if key.revoked_at_ms is not None:
            state = "revoked"
        elif key.expires_at_ms is not None and key.expires_at_ms <= now_ms():
            state = "expired"
        table.add_row(
            str(key.id),
            state,
            key.name,
            key.owner,
            _day(key.created_at_ms),
            _day(key.last_used_at_ms),
            " ".join(sorted(key.scopes)),
        )
    console = Console()
    # An id that is cut off is of no use to `revoke`.
    Console(width=max(console.width, WIDTH)).print(table)


@api_key_app.command("revoke")
def revoke(
    key_id: Annotated[int, typer.Argument(help="The id that `quanwang api-key list` shows.")], data_dir: DataDir = None
) -> None:
    """Revoke an API key; it stops working within seconds."""
    from marketplace.access import revoke_api_key
    from quanwang.processes.storage import migrated_database

    database = migrated_database(settings_of_installation(data_dir))
    database.run(lambda session: revoke_api_key(session, key_id=key_id, now_ms=now_ms()))
    Console(stderr=True).print(f"API key {key_id} is revoked.", highlight=False)


def _day(at_ms: int | None) -> str:
    return "-" if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
