"""The folder of an installation: only one that is ours is written to, and every refusal is one sentence."""

import errno
import os
import tempfile
from pathlib import Path
from typing import Final

from kit.errors import Conflict, Unavailable

MARKER_NAME: Final = "quanwang-folder.txt"
MARKER_TEXT: Final = (
    "This folder belongs to an installation of Quanwang: `quanwang up --reset` removes what it made here.\n"
    "Without this file Quanwang uses no folder that holds files of others.\n"
)
OWN_FILES: Final = ("quanwang.sqlite3", "demonstration.json", "kernels/warm-*")
"""What only an installation has: folders from before the marker existed are recognised by it."""

NEUTRAL_NAMES: Final = frozenset({"kernels", "lost+found"})
"""Compiled kernels may be there first, and a fresh file system is never quite empty."""

FULL_CODES: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
REFUSED_CODES: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class DataFolderNotWritable(Unavailable):
    """The data folder cannot be made or written; nothing can be kept."""


class ForeignFolder(Conflict):
    """The folder holds somebody's files and no installation; nothing in it may be changed."""


def claim(folder: Path) -> None:
    """Make the data folder, private to this user, and mark it as ours.

    Raises ForeignFolder when it holds files and is not recognised as ours, DataFolderNotWritable.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (folder / MARKER_NAME).is_file():
            return
        if not is_installation(folder) and any(path.name not in NEUTRAL_NAMES for path in folder.iterdir()):
            raise ForeignFolder(
                f"the folder {folder} holds other files and no Quanwang installation, so nothing in it was touched:"
                " choose an empty or a new folder with --data-dir"
            )
        (folder / MARKER_NAME).write_text(MARKER_TEXT, encoding="ascii")
    except OSError as error:
        raise not_writable(folder, error) from error


def is_installation(folder: Path) -> bool:
    """Whether an installation has used this folder."""
    return any(next(folder.glob(name), None) is not None for name in (MARKER_NAME, *OWN_FILES))


def make_writable(folder: Path) -> None:
    """Make a folder, private to this user, and try to write there. Raises DataFolderNotWritable."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise not_writable(folder, error) from error


def not_writable(folder: Path, error: OSError) -> DataFolderNotWritable:
    """Return the sentence for a write that failed in ``folder``: what it was, and what to do about that."""
    if error.errno in FULL_CODES:
        remedy = f"the disk of {folder} is full ({error.strerror}): free some space there"
    elif error.errno in REFUSED_CODES:
        remedy = f"the folder {folder} cannot be written ({error.strerror}): give this user the right to write there"
    else:
        remedy = f"the folder {folder} cannot be made or used ({error.strerror or error}): check the path"
    return DataFolderNotWritable(f"{remedy}, or choose another folder with --data-dir or QUANWANG_DATA_DIR")


def private_folder(folder: Path) -> bool:
    """Make a folder where everybody may make some; whether it is ours alone: no link, our own, closed to others."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return False
    return folder.is_dir() and not folder.is_symlink() and status.st_uid == os.getuid() and not status.st_mode & 0o077
