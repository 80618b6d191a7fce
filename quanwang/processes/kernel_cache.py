"""Where compiled kernels are kept between runs: a folder that this user can write, whoever installed the code.

numba reads the variable when it is imported, so nothing of it may be imported before a command has chosen.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from kit.errors import Unavailable
from kit.folders import make_writable, private_folder

KERNEL_CACHE_VARIABLE: Final = "NUMBA_CACHE_DIR"
KEPT_BUILDS: Final = 3


def use_kernel_cache(preferred: Sequence[Path]) -> None:
    """Point numba to a folder that can be written.

    In this order: that of the environment variable, the ``preferred`` ones, one of this build in the user's cache, one
    of this build among the temporary files. Without any, one line on stderr says that every run compiles anew.
    """
    given = os.environ.pop(KERNEL_CACHE_VARIABLE, None)
    candidates = [*([Path(given)] if given else []), *preferred]
    if (folder := next(filter(_can_write, candidates), None) or _folder_of_build()) is not None:
        os.environ[KERNEL_CACHE_VARIABLE] = str(folder)
        return
    sys.stderr.write(
        "quanwang: no folder for compiled kernels can be written, so every run compiles them anew (about a minute):"
        f" name one with {KERNEL_CACHE_VARIABLE}\n"
    )


def _folder_of_build() -> Path | None:
    """Return a folder for the kernels of this very build: numba does not see that a function's callee changed."""
    from engine.build import build_id

    for place in _places():
        folder = place / build_id()
        # What lies there is loaded as code, so it must be ours alone.
        if private_folder(place) and _can_write(folder):
            builds = sorted(
                (each for each in place.iterdir() if each != folder), key=lambda each: each.lstat().st_mtime
            )
            for old in builds[: -(KEPT_BUILDS - 1)]:
                shutil.rmtree(old, ignore_errors=True)
            return folder
    return None


def _places() -> Iterator[Path]:
    with contextlib.suppress(RuntimeError, OSError):  # nobody by that name, or a home that cannot be entered
        home_cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        if home_cache.is_dir():
            yield home_cache / "quanwang-kernels"
    yield Path(tempfile.gettempdir()) / f"quanwang-{os.getuid()}-kernels"


def _can_write(folder: Path) -> bool:
    try:
        make_writable(folder)
    except Unavailable:
        return False
    return True
