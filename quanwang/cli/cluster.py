"""``quanwang cluster``: everything on one machine, with a standby for the database and for Redis."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from kit.errors import InvalidInput
from quanwang.cli.options import DataDir, settings_from
from quanwang.cli.up import ORDERS, PROFILES
from quanwang.processes.kernel_cache import use_kernel_cache

FOLDER = Path(".quanwang-cluster")
"""Not the folder of ``quanwang up``, whose orders are in the embedded database."""

KERNELS = Path(".quanwang/kernels")
"""Compiled kernels belong to the code: those of ``quanwang up`` serve as well."""

cluster_app = typer.Typer(help="Run everything with a standby for the database and for Redis.", no_args_is_help=True)


@cluster_app.command("up")
def up(
    data_dir: DataDir = None,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Port of REST and pages. Default: 8420")] = None,
    orders: Annotated[int, typer.Option(min=0, max=1_000_000, help="Demonstration orders to dispatch.")] = ORDERS,
    profiles: Annotated[int, typer.Option(min=0, max=5_000_000, help="Demonstration people to have.")] = PROFILES,
    shards: Annotated[int | None, typer.Option(min=1, max=64, help="Number of index shards. Default: 2")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws the people, their places and their choices.")] = 1,
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Stop after the demonstration; the last line of output is one JSON object.")
    ] = False,
    reset: Annotated[
        bool, typer.Option("--reset", help="Forget what the data folder holds first, both databases included.")
    ] = False,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Hold the shards in the dispatcher, without Ray.", hidden=True)
    ] = False,
) -> None:
    """Run everything on this machine, MariaDB and Redis with a standby each, and stay up until Ctrl-C."""
    started_s = time.monotonic()
    settings = settings_from(_folder(data_dir), of_cluster=False, kernels=KERNELS, http_port=port, shards=shards)
    from quanwang.cluster.up import run_cluster_up
    from quanwang.processes.up import Wishes

    sys.exit(run_cluster_up(settings, Wishes(orders, profiles, seed, once, reset, in_process), started_s))


@cluster_app.command("status")
def status(
    data_dir: DataDir = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say which server has which role and what is away. Exit status 0 when the cluster is whole, 1 otherwise."""
    from quanwang.cluster.display import show_processes
    from quanwang.cluster.state import read_state

    found = read_state(settings_from(_folder(data_dir)))
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        show_processes(Console(), found["processes"], found["warnings"])
    if found["warnings"]:
        raise typer.Exit(1)


@cluster_app.command("drill")
def drill(
    rounds: Annotated[int, typer.Option(min=1, max=100, help="How often each scene is played.")] = 5,
    orders_per_s: Annotated[float, typer.Option(min=1, max=5_000, help="New orders a second.")] = 100.0,
    profiles: Annotated[int, typer.Option(min=10, max=1_000_000, help="People in the installation.")] = 2_000,
    scenes: Annotated[str, typer.Option(help="Only these, such as mariadb-killed,redis-wiped. Default: all.")] = "",
    *,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Hold the shards in the dispatcher, without Ray.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object in place of the table.")] = False,
) -> None:
    """Kill servers of a private cluster under a load of orders, and count what was lost and how long it took.

    Exit status 1: something acknowledged was lost, or something doubled.
    """
    use_kernel_cache([KERNELS])
    from quanwang.drills.failover.report import show_report
    from quanwang.drills.failover.run import SCENES, run_drill

    wanted = [name for name in scenes.split(",") if name]
    known = [scene.name for scene in SCENES]
    for name in wanted:
        if name not in known:
            raise InvalidInput("--scenes", name, f"is none of {', '.join(known)}")
    progress = Console(stderr=True, highlight=False)
    report = run_drill(
        rounds=rounds,
        orders_per_s=orders_per_s,
        profiles=profiles,
        scenes=wanted,
        with_ray=not in_process,
        tell=lambda sentence: progress.print(Text(sentence), soft_wrap=True),
    )
    if as_json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        show_report(Console(), report)
    if not report["clean"]:
        raise typer.Exit(1)


def _folder(data_dir: Path | None) -> Path | None:
    """The folder to use when none was named, neither here nor in the environment."""
    return FOLDER if data_dir is None and not os.environ.get("QUANWANG_DATA_DIR") else data_dir
