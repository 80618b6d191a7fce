"""Commands that run one process each; ``quanwang up`` starts them all."""

import os
import sys
from typing import Annotated

import typer

from quanwang.cli.options import DataDir, settings_from

PANEL = "Run one process"


def add_process_commands(app: typer.Typer) -> None:
    """Add api, dispatcher, worker, and the hidden ones: the keeper of a Ray head, the compilation of kernels."""
    app.command("api", rich_help_panel=PANEL)(api)
    app.command("dispatcher", rich_help_panel=PANEL)(dispatcher)
    app.command("worker", rich_help_panel=PANEL)(worker)
    app.command("ray-head", hidden=True)(ray_head)
    app.command("kernels", hidden=True)(kernels)


def _parent_id() -> int | None:
    from quanwang.processes.children import PARENT_ID_VARIABLE

    parent = os.environ.get(PARENT_ID_VARIABLE)
    return int(parent) if parent else None


def api(
    data_dir: DataDir = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Port of REST and pages. Default: 8420")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1")] = None,
) -> None:
    """Serve REST and pages. Any number of them may run; none needs Ray."""
    from quanwang.processes.lifeline import end_with_parent

    end_with_parent(_parent_id())
    settings = settings_from(data_dir, http_port=port, http_host=host)
    from quanwang.processes.api import serve

    sys.exit(serve(settings))


def dispatcher(
    data_dir: DataDir = None,
    shards: Annotated[int | None, typer.Option(min=1, max=64, help="Number of index shards. Default: 2")] = None,
    *,
    ray_address: Annotated[
        str | None,
        typer.Option(
            help="host:port of a Ray cluster. Default: the private one of the data folder, which `quanwang up` runs.",
        ),
    ] = None,
    in_process: Annotated[
        bool,
        typer.Option(
            "--in-process", envvar="QUANWANG_IN_PROCESS", help="Hold the shards in this process, without Ray."
        ),
    ] = False,
) -> None:
    """Match and dispatch: feeds the shards, commits waves, answers preview and explain. Run one."""
    from quanwang.processes.lifeline import end_with_parent

    end_with_parent(_parent_id())
    settings = settings_from(data_dir, shards=shards, ray_address=ray_address)
    from quanwang.processes.dispatcher import run

    sys.exit(run(settings, in_process=in_process))


def worker(data_dir: DataDir = None) -> None:
    """Deliver waves into inboxes and do the other background work. Any number of them may run."""
    from quanwang.processes.lifeline import end_with_parent

    end_with_parent(_parent_id())
    settings = settings_from(data_dir)
    from quanwang.processes.worker import run

    sys.exit(run(settings))


def ray_head(data_dir: DataDir = None) -> None:
    """Keep the private Ray head of a data folder."""
    from quanwang.processes.ray_head import keep_head, plan_for

    settings = settings_from(data_dir)
    sys.exit(keep_head(plan_for(settings), parent_id=_parent_id()))


def kernels(data_dir: DataDir = None) -> None:
    """Compile the matching kernels into the data folder's cache, for every process that follows."""
    from quanwang.processes.lifeline import end_with_parent

    end_with_parent(_parent_id())
    settings_from(data_dir)
    from quanwang.processes.kernels import warm_once

    warm_once()
