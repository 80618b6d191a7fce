"""``quanwang cluster up``: as ``quanwang up``, on a database and a Redis that each have a standby."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import asdict

from rich.console import Console

from kit.config import Settings
from kit.errors import Conflict
from quanwang.cluster.cluster import Cluster
from quanwang.cluster.display import show_processes
from quanwang.processes.up import Wishes, run_up

EMBEDDED_FILE = "quanwang.sqlite3"


class EmbeddedInstallation(Conflict):
    """The data folder holds the orders of an installation with the embedded database."""


class AddressesGiven(Conflict):
    """The environment names a database or a Redis, and a cluster brings its own."""


def run_cluster_up(settings: Settings, wishes: Wishes, started_s: float) -> int:
    """Run the cluster and everything on it until a signal comes; returns the exit status."""
    if settings.database_url is not None or settings.redis_url is not None:
        raise AddressesGiven(
            "a cluster brings its own database and Redis: unset QUANWANG_DATABASE_URL and QUANWANG_REDIS_URL, or start"
            " `quanwang up`, which uses them"
        )
    if (settings.data_dir / EMBEDDED_FILE).exists():
        raise EmbeddedInstallation(
            f"{settings.data_dir} holds an installation with the embedded database: choose another folder with"
            " --data-dir"
        )
    return run_up(settings, wishes, started_s, servers=_cluster_of)


@contextlib.contextmanager
def _cluster_of(settings: Settings, console: Console, say: Callable[[str], None]) -> Iterator[Settings]:
    """Run a cluster below the data folder while the block runs; gives the settings with its addresses."""
    cluster = Cluster(settings, say)
    try:
        with console.status("Starting MariaDB, Redis and Sentinels"):
            cluster.start()
            cluster.wait_whole()
        console.print(f"The cluster runs below {cluster.plan.folder}, logs are in {settings.log_dir}:")
        show_processes(console, [asdict(process) for process in cluster.processes()], cluster.warnings())
        yield cluster.settings
    finally:
        cluster.stop()
