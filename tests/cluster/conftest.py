"""A real private Ray cluster for a test module, kept by the product's own keeper, gone afterwards."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # publishes no types
import pytest

from engine.runtime.head import HeadPlan, ray_environment
from kit.config import Settings
from quanwang.processes.children import PARENT_ID_VARIABLE
from quanwang.processes.ray_head import plan_for, prepare_head_folder, wait_for_address
from tests.harness import folder as session_folder

KERNELS = Path(__file__).resolve().parents[2] / ".quanwang" / "kernels"
"""Compiled kernels are shared with `bin/up`: they belong to the code, and compiling them takes half a minute."""


@pytest.fixture(scope="session", autouse=True)
def _kernel_cache() -> None:
    os.environ.setdefault("NUMBA_CACHE_DIR", str(KERNELS))
    # In a process of its own, as `bin/up` does it.
    subprocess.run([sys.executable, "-m", "quanwang", "kernels", "--data-dir", str(KERNELS.parent)], check=True)


@dataclass
class RayCluster:
    """A running head, and the way to harm it."""

    settings: Settings
    plan: HeadPlan
    keeper: "subprocess.Popen[bytes]"
    address: str

    def processes(self) -> list[psutil.Process]:
        """Everything that the keeper started."""
        found: list[psutil.Process] = psutil.Process(self.keeper.pid).children(recursive=True)
        return found


def start_cluster(data_dir: Path) -> RayCluster:
    """Start a head in a data folder and wait until it answers."""
    settings = Settings(data_dir=data_dir)
    settings.prepare_folders()
    plan = plan_for(settings)
    prepare_head_folder(settings, plan)
    with (settings.log_dir / "ray.log").open("ab") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "quanwang", "ray-head", "--data-dir", str(data_dir)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            # A killed test run takes its cluster along.
            env={**os.environ, PARENT_ID_VARIABLE: str(os.getpid())},
        )
    address = wait_for_address(plan, wait_s=60)
    assert address is not None, (settings.log_dir / "ray.log").read_text()
    return RayCluster(settings, plan, keeper, address)


def stop_cluster(cluster: RayCluster) -> list[psutil.Process]:
    """Stop the keeper; returns the processes that outlive it, which must be none."""
    known = cluster.processes()
    cluster.keeper.send_signal(signal.SIGTERM)
    cluster.keeper.wait(20)
    alive: list[psutil.Process] = psutil.wait_procs(known, timeout=5)[1]
    return alive


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[RayCluster]:
    """A cluster whose driver is this test process."""
    cluster = start_cluster(session_folder.current() / "cluster" / "data")
    os.environ.update(ray_environment(cluster.plan.token_file))
    from engine.runtime.connection import connect, disconnect

    connect(cluster.address, namespace="tests")
    yield cluster
    disconnect()
    assert stop_cluster(cluster) == []
