"""``quanwang chaos``."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from kit.errors import QuanwangError
from quanwang.processes.kernel_cache import use_kernel_cache

MINUTES = 2.0
SEED = 1
ORDERS_PER_S = 10.0
PROFILES = 30_000
INTERRUPTED = 130
PLAIN_WIDTH = 140


def chaos(
    minutes: Annotated[float, typer.Option(min=0.2, max=600, help="How long faults strike.")] = MINUTES,
    seed: Annotated[int, typer.Option(min=0, help="Draws people, orders, stories and faults.")] = SEED,
    faults: Annotated[
        str, typer.Option(help="Only these, such as worker-kill,redis. Default: everything that can be done.")
    ] = "",
    plant: Annotated[
        str | None, typer.Option(metavar="NAME", help="Plant this bug in every process: the run must find it.")
    ] = None,
    orders_per_s: Annotated[float, typer.Option(min=0.1, max=1_000, help="New orders a second.")] = ORDERS_PER_S,
    profiles: Annotated[int, typer.Option(min=100, max=1_000_000, help="People in the installation.")] = PROFILES,
    folder: Annotated[
        Path | None, typer.Option(help="An empty folder for the installation. Default: a temporary one.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the report as JSON.")] = None,
    *,
    embedded: Annotated[
        bool,
        typer.Option("--embedded", help="On the embedded database and Redis, in place of ones with a standby each."),
    ] = False,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Hold the shards in the dispatcher, without Ray.", hidden=True)
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the temporary folder of a run without findings.")] = False,
) -> None:
    """Break a private installation under load, and check that no acknowledged order is lost and nobody told twice.

    It starts everything in a folder of its own, lets clients work through REST, kills, freezes, restarts and empties
    its processes by a seed, waits until everything is quiet, and compares what the clients saw with what is there.
    Exit status 1: a promise was broken.
    """
    use_kernel_cache([Path(".quanwang") / "kernels"])
    from quanwang.drills.chaos.run import Wishes, run_chaos

    if json_file is not None:
        # Before the run, which may take an hour.
        _write(json_file, {})
    wishes = Wishes(
        seconds=minutes * 60,
        seed=seed,
        faults=tuple(name.strip() for name in faults.split(",") if name.strip()),
        planted_bug=plant,
        orders_per_s=orders_per_s,
        profiles=profiles,
        with_cluster=not embedded,
        in_process=in_process,
        folder=folder,
        keep=keep,
    )
    report = run_chaos(wishes, _console())
    if report is None:
        sys.exit(INTERRUPTED)
    if json_file is not None:
        _write(json_file, report.to_document())
    sys.exit(0 if report.clean else 1)


def _console() -> Console:
    """A terminal as it is; a file or pipe gets lines long enough that no table is cut."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


def _write(path: Path, document: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
    except OSError as error:
        raise QuanwangError(f"{path} cannot be written ({error.strerror}): choose another file with --json") from error
