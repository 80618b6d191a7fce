"""What a person and a program see of a simulation."""

from typing import Any, Final

from rich.console import Console
from rich.table import Table

from quanwang.simulation.points import CRASH_POINTS
from quanwang.simulation.run import Outcome, Wishes
from quanwang.simulation.seed_run import SeedReport

SHOWN_LINES: Final = 30
HISTORY: Final = (
    "steps",
    "commits",
    "requests",
    "requests refused",
    "requests of unknown outcome",
    "orders",
    "waves",
    "users told",
    "acceptances",
    "selections",
)


def replay_of(report: SeedReport, wishes: Wishes) -> str:
    """Return the command that runs a seed again, exactly."""
    point = f" --crash-at {report.crash_at}" if report.crash_at else ""
    return f"quanwang simulate --seed {report.seed}{point} {wishes.options}"


def show(console: Console, outcome: Outcome, wishes: Wishes) -> None:
    """Print what happened, and every failure with its trace and its command."""
    console.print(_history(outcome))
    console.print(_points(outcome))
    for report in outcome.failures:
        show_failure(console, report, wishes)
    for point in outcome.missed_points:
        console.print(f"[red]no process was ever killed at the crash point {point}: nothing passes it[/red]")
    where = "MariaDB" if wishes.mariadb or (wishes.database_url or "").startswith(("mysql", "maria")) else "SQLite"
    verdict = "everything held" if outcome.clean else f"{len(outcome.failures)} seeds failed"
    console.print(
        f"{outcome.seeds:,} seeds on {where} in {outcome.seconds:.1f} s: {verdict}; traces {outcome.digest[:16]}"
    )


def show_failure(console: Console, report: SeedReport, wishes: Wishes) -> None:
    """Print one failed seed."""
    if report.broken is None:
        return
    invariant, details = report.broken
    console.rule(f"seed {report.seed}, step {report.steps}: [red]{invariant}[/red]", align="left")
    console.print(details, markup=False)
    lines = report.trace if wishes.whole_trace else report.trace[-SHOWN_LINES:]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    console.print(f"again: {replay_of(report, wishes)}", markup=False, highlight=False, soft_wrap=True)


def document_of(outcome: Outcome, wishes: Wishes) -> dict[str, Any]:
    """Return everything as a JSON object."""
    return {
        "clean": outcome.clean,
        "seeds": outcome.seeds,
        "first_seed": wishes.first_seed,
        "steps_a_seed": wishes.steps,
        "database": "mariadb" if wishes.mariadb else ("given" if wishes.database_url else "sqlite"),
        "planted_bug": wishes.plant,
        "seconds": round(outcome.seconds, 1),
        "digest": outcome.digest,
        "counts": dict(sorted(outcome.counts.items())),
        "crash_points": {
            point: {"passed": outcome.passed[point], "crashed": outcome.crashes[point]} for point in CRASH_POINTS
        },
        "missed_crash_points": outcome.missed_points,
        "failures": [
            {
                "seed": report.seed,
                "crash_at": report.crash_at,
                "step": report.steps,
                "invariant": report.broken[0],
                "details": report.broken[1],
                "trace": list(report.trace),
                "replay": replay_of(report, wishes),
            }
            for report in outcome.failures
            if report.broken is not None
        ],
    }


def _history(outcome: Outcome) -> Table:
    table = Table(title="What happened", show_header=False, title_justify="left")
    table.add_column(justify="right")
    table.add_column()
    for name in HISTORY:
        table.add_row(f"{outcome.counts[name]:,}", name)
    table.add_section()
    for name, count in sorted(outcome.counts.items(), key=lambda each: -each[1]):
        if name not in HISTORY:
            table.add_row(f"{count:,}", name)
    return table


def _points(outcome: Outcome) -> Table:
    table = Table(title="Crash points", title_justify="left")
    table.add_column("point")
    table.add_column("passed", justify="right")
    table.add_column("killed there", justify="right")
    for point in CRASH_POINTS:
        table.add_row(point, f"{outcome.passed[point]:,}", f"{outcome.crashes[point]:,}")
    return table
