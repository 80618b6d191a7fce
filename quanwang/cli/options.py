"""Options that several commands share, and the settings that they make."""

from contextvars import ContextVar
from pathlib import Path
from typing import Annotated

import typer

from kit.config import Settings, load_settings
from kit.errors import InvalidInput, NotFound
from kit.folders import is_installation
from quanwang.cluster.plan import with_cluster_addresses
from quanwang.processes.kernel_cache import use_kernel_cache

folder_in_use: ContextVar[Path | None] = ContextVar("folder_in_use", default=None)
"""The data folder that this command works in, for sentences about a disk that is full."""


class NoInstallation(NotFound):
    """A command that works on an installation was given a folder without one."""


def _folder(given: str) -> Path:
    # To pathlib the empty path is the current folder; here it is a variable that was not set.
    if not given:
        raise InvalidInput("--data-dir", given, "names no folder: give its path, or leave the option out")
    return Path(given)


DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Folder of everything that this installation keeps. Default: .quanwang",
        metavar="FOLDER",
        parser=_folder,
    ),
]


def settings_from(
    data_dir: Path | None = None, *, of_cluster: bool = True, kernels: Path | None = None, **overrides: object
) -> Settings:
    """Read the settings, make the folders, and point the cache of compiled kernels into the data folder.

    ``of_cluster``: where the folder has a cluster, and no other addresses are given, take its database and its Redis.
    ``kernels``: another folder of compiled kernels, used where it is there.
    """
    settings = load_settings(data_dir=data_dir, **overrides)
    if of_cluster:
        settings = with_cluster_addresses(settings)
    folder_in_use.set(settings.data_dir.absolute())
    settings.prepare_folders()
    shared = [kernels.absolute()] if kernels is not None and kernels.is_dir() else []
    use_kernel_cache([*shared, settings.data_dir.absolute() / "kernels"])
    return settings


def settings_of_installation(data_dir: Path | None) -> Settings:
    """As settings_from, for commands that must not begin an installation by a mistyped path. Raises NoInstallation."""
    settings = load_settings(data_dir=data_dir)
    if settings.database_url is None and not is_installation(settings.data_dir.absolute()):
        raise NoInstallation(
            f"there is no installation in {settings.data_dir}: name its folder with --data-dir, or begin one there with"
            " `quanwang up` or `quanwang migrate`"
        )
    return settings_from(data_dir)
