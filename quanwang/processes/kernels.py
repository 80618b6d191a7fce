"""Compiled kernels: made once for a build, in the folder that numba is pointed at, and found there by every process."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from engine.build import build_id
from quanwang.cli.options import KERNEL_CACHE_VARIABLE


def warm_once() -> None:
    """Compile every kernel unless this build, this numba and this kind of machine did so before."""
    mark = Path(os.environ[KERNEL_CACHE_VARIABLE]) / f"warm-{build_id()}-{version('numba')}-{platform.machine()}"
    if mark.is_file():
        return
    from engine.warming import warm_kernels

    warm_kernels()
    mark.parent.mkdir(parents=True, exist_ok=True)
    for old in mark.parent.glob("warm-*"):
        old.unlink(missing_ok=True)
    mark.touch()
