"""Options that several commands share, and the settings that they make."""

import os
from pathlib import Path
from typing import Annotated

import typer

from kit.config import Settings, load_settings

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Folder of everything that this installation keeps. Default: .quanwang", metavar="FOLDER"
    ),
]

KERNEL_CACHE_VARIABLE = "NUMBA_CACHE_DIR"


def settings_from(data_dir: Path | None = None, **overrides: object) -> Settings:
    """Read the settings, make the folders, and point the cache of compiled kernels into the data folder."""
    settings = load_settings(data_dir=data_dir, **overrides)
    settings.prepare_folders()
    os.environ.setdefault(KERNEL_CACHE_VARIABLE, str(settings.data_dir.absolute() / "kernels"))
    return settings
