"""Where compiled kernels are kept between runs: a folder that this user can write, whoever installed the code.

numba reads the variable when it is imported, so nothing of it may be imported before a command has chosen.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kit.errors import Unavailable
from kit.folders import make_writable, private_folder

KERNEL_CACHE_VARIABLE: Final = "NUMBA_CACHE_DIR"
SOURCES: Final = Path(__file__).resolve().parents[2] / "matching" / "index"


def use_kernel_cache(preferred: Sequence[Path]) -> None:
    """Point numba to a folder that can be written.

    In this order: that of the environment variable, the ``preferred`` ones, beside the code, a private one among the
    temporary files. Without any, one line on stderr says that every run compiles anew.
    """
    given = os.environ.get(KERNEL_CACHE_VARIABLE)
    for folder in ([Path(given)] if given else []) + list(preferred):
        if _can_write(folder):
            os.environ[KERNEL_CACHE_VARIABLE] = str(folder)
            return
    os.environ.pop(KERNEL_CACHE_VARIABLE, None)
    if os.access(SOURCES, os.W_OK):
        return  # numba's own choice: beside the code
    temporary = Path(tempfile.gettempdir()) / f"quanwang-{os.getuid()}-kernels"
    # What lies there is loaded as code, so it must be ours alone.
    if private_folder(temporary) and _can_write(temporary):
        os.environ[KERNEL_CACHE_VARIABLE] = str(temporary)
        return
    print(
        f"quanwang: no folder for compiled kernels can be written, so every run compiles them anew (about a minute):"
        f" name one with {KERNEL_CACHE_VARIABLE}",
        file=sys.stderr,
    )


def _can_write(folder: Path) -> bool:
    try:
        make_writable(folder)
    except Unavailable:
        return False
    return True
