"""The demonstration's last words: a table for people, one JSON line for programs."""

import json

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from quanwang.demonstration.run import Outcome


def summary_line(outcome: Outcome, *, profiles: int, seconds: float) -> str:
    """Return the JSON object of ``up --once``."""
    return json.dumps(
        {
            "orders": outcome.orders,
            "orders_with_full": outcome.orders_with_full,
            "notified_full": outcome.notified_full,
            "notified_partial": outcome.notified_partial,
            "accepted": outcome.accepted,
            "profiles": profiles,
            "seconds": round(seconds, 1),
        }
    )


def show_outcome(console: Console, outcome: Outcome, *, profiles: int, seconds: float) -> None:
    """Print what became of the orders."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2))
    table.add_column(justify="right", style="bold")
    table.add_column()
    orders = max(1, outcome.orders)
    in_full, in_partial = outcome.assigned_full, outcome.assigned - outcome.assigned_full
    rows = (
        (outcome.orders, "orders, their texts real advertisement titles"),
        (profiles, "people who could get them, drawn"),
        (
            outcome.orders_with_full,
            f"orders reached somebody who satisfies everything they ask for ({outcome.orders_with_full / orders:.0%})",
        ),
        (outcome.notified_full, f"notices to people of the full tier, in {outcome.waves:,} waves of both tiers"),
        (outcome.notified_partial, "notices to people of the partial tier, after nobody of the full one took it"),
        (outcome.accepted, "acceptances"),
        (in_full, "orders assigned to somebody of the full tier"),
        (in_partial, "orders assigned to somebody of the partial tier"),
        (outcome.orders - outcome.assigned, "orders that nobody took before their windows were over"),
    )
    for number, meaning in rows:
        table.add_row(f"{number:,}", meaning)
    console.print(Panel(table, title=f"What happened, in {seconds:.0f} s", title_align="left", expand=False))


def show_doors(console: Console, url: str, keys: dict[str, str], *, user_id: int, folder: str) -> None:
    """Print where to look and how to get in. Keys stand on lines of their own, so that they are copied whole."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("Diagnostics", f"{url}/admin/dispatches  (sign in with the admin key)")
    table.add_row("A user's inbox", f"{url}/me/inbox  (sign in with the backend key and user {user_id})")
    table.add_row("REST", f"{url}/docs")
    table.add_row("Logs", f"{folder}/logs")
    console.print(Panel(table, title="Where to look", title_align="left", expand=False))
    for name in ("admin", "backend"):
        console.print(f"  {name} key    {keys[name]}", soft_wrap=True)
    console.print(
        f'  curl -H "Authorization: Bearer $(cat {folder}/keys/backend.key)" {url}/v1/dispatches', soft_wrap=True
    )
    console.print("  The keys are real, for this installation only.", style="dim")
