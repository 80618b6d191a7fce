"""Compiled kernels: made once for a build, in the folder that numba is pointed at, and found there by every process."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from engine.build import build_id
from quanwang.processes.kernel_cache import KERNEL_CACHE_VARIABLE


def are_warm(folder: Path | None = None) -> bool:
    """Whether this build, this numba and this kind of machine compiled every kernel before, in numba's folder or there.

    numba looks whether the file of a function changed, not whether those it calls did, so it must be this very build.
    """
    mark = _mark(folder)
    try:
        return mark is not None and mark.is_file()
    except PermissionError:  # somebody else's data folder
        return False


def warm_once() -> None:
    """Compile every kernel unless that was done before."""
    if are_warm():
        return
    from engine.warming import warm_kernels

    mark = _mark()
    if mark is None:
        warm_kernels()
        return
    mark.parent.mkdir(parents=True, exist_ok=True)
    remove_compiled(mark.parent)
    warm_kernels()
    mark.touch()


def remove_compiled(folder: Path) -> None:
    """Remove what another build compiled.

    numba looks whether the file of a function changed, not whether those it calls did: a kernel whose callee was mended
    would be taken from the cache as it was.
    """
    for pattern in ("warm-*", "**/*.nbi", "**/*.nbc"):
        for old in folder.glob(pattern):
            old.unlink(missing_ok=True)


def _mark(folder: Path | None = None) -> Path | None:
    """Return the file that says so, or None when no folder keeps what is compiled."""
    used = folder or os.environ.get(KERNEL_CACHE_VARIABLE)
    if used is None:
        return None
    return Path(used) / f"warm-{build_id()}-{version('numba')}-{platform.machine()}"
