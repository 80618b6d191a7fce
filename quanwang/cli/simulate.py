"""``quanwang simulate``."""

import contextlib
import json
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from quanwang.simulation.run import Outcome

FAILED = 1
INTERRUPTED = 130
SEEDS = 200
STEPS = 500
LINES_WITHOUT_TERMINAL = 10


@contextlib.contextmanager
def _progress(console: "Console", tasks: int) -> "Iterator[Callable[[Outcome, int], None]]":
    """Show how far it is: a bar on a terminal, else ten lines."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    if not console.is_terminal:
        period = max(1, tasks // LINES_WITHOUT_TERMINAL)

        def say(outcome: "Outcome", done: int) -> None:
            if done % period == 0:
                failed = f", {len(outcome.failures)} failed" if outcome.failures else ""
                console.print(
                    f"simulating: {done:,} of {tasks:,} after {outcome.seconds:.0f} s{failed}", soft_wrap=True
                )

        yield say
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        shown = bar.add_task("simulating", total=tasks)

        def tell(outcome: "Outcome", done: int) -> None:
            failed = f" ({len(outcome.failures)} failed)" if outcome.failures else ""
            bar.update(shown, completed=done, description=f"simulating{failed}")

        yield tell


def simulate(
    seeds: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="How many seeds. Default: 200, or 1 with --seed.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The first seed; alone, it is run again as it was.")] = None,
    steps: Annotated[int, typer.Option(min=50, max=100_000, help="Steps of faults a seed, before the calm.")] = STEPS,
    jobs: Annotated[int | None, typer.Option(min=1, max=64, help="Processes. Default: 2, or 1 for one seed.")] = None,
    plant: Annotated[str | None, typer.Option(help="Plant a bug first; the simulation should find it.")] = None,
    crash_at: Annotated[str | None, typer.Option(help="Kill processes at this crash point, and nowhere else.")] = None,
    database: Annotated[
        str | None, typer.Option(help="An EMPTY database in place of the embedded one; every seed empties it again.")
    ] = None,
    *,
    mariadb: Annotated[bool, typer.Option("--mariadb", help="Start a private MariaDB in place of SQLite.")] = False,
    crash_points: Annotated[
        bool | None,
        typer.Option(
            "--crash-points/--no-crash-points",
            help="First kill at every crash point, restart, check. Default: yes, unless a seed or bug is named.",
        ),
    ] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Show every step of a failed seed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run the real platform under a seeded scheduler, a simulated clock and faults, and check that nothing is lost.

    Exit status: 0 everything held; 1 something did not, or a crash point was never reached; 2 an option makes no sense.
    """
    from rich.console import Console

    from quanwang.processes.supervisor import stop_signals
    from quanwang.simulation.report import document_of, show
    from quanwang.simulation.run import Interrupted, Wishes
    from quanwang.simulation.run import simulate as run

    many = (1 if seed is not None else SEEDS) if seeds is None else seeds
    wishes = Wishes(
        seeds=many,
        first_seed=1 if seed is None else seed,
        steps=steps,
        jobs=jobs or (1 if many == 1 or database is not None else 2),
        crash_points=(seed is None and plant is None and crash_at is None) if crash_points is None else crash_points,
        crash_at=crash_at,
        plant=plant,
        database_url=database,
        mariadb=mariadb,
        whole_trace=trace,
    )
    stopping = threading.Event()
    try:
        with stop_signals(stopping.set), _progress(Console(stderr=True), wishes.tasks) as tell:
            outcome = run(wishes, tell, stopping)
    except Interrupted:
        sys.exit(INTERRUPTED)
    if as_json:
        print(json.dumps(document_of(outcome, wishes), ensure_ascii=False))
    else:
        show(Console(highlight=False), outcome, wishes)
    if not outcome.clean:
        raise typer.Exit(FAILED)
