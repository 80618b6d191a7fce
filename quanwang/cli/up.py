"""``quanwang up``."""

import sys
import time
from typing import Annotated

import typer

from quanwang.cli.options import DataDir, settings_from

ORDERS = 5_000
PROFILES = 50_000


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
        bool,
        typer.Option(
            "--reset",
            help="Forget the orders, people, keys and logs of the data folder first. Imported trees, compiled kernels"
            " and files that are not of this installation stay.",
        ),
    ] = False,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Hold the shards in the dispatcher, without Ray.", hidden=True)
    ] = False,
) -> None:
    """Run everything on this machine, dispatch real orders to drawn people, and stay up until Ctrl-C."""
    started_s = time.monotonic()
    settings = settings_from(data_dir, of_cluster=False, http_port=port, shards=shards)
    from quanwang.cluster.plan import refuse_cluster_folder
    from quanwang.processes.up import Wishes, run_up

    refuse_cluster_folder(settings)

    wishes = Wishes(orders, profiles, seed, once, reset, in_process)
    sys.exit(run_up(settings, wishes, started_s))
