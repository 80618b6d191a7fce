"""A failed write is told as what it is; other errors stay bugs."""

import errno
import os
from pathlib import Path

import pytest

from quanwang.cli.disk import sentence_of_disk

FOLDER = Path("/data")


def _error(code: int, name: str | None = None) -> OSError:
    return OSError(code, os.strerror(code)) if name is None else OSError(code, os.strerror(code), name)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (_error(errno.ENOSPC), "the disk of /data is full (No space left on device): free some space there, or choose"),
        (_error(errno.ENOSPC, "/data/run/x"), "the disk of /data/run is full (No space left on device): free some"),
        (_error(errno.EDQUOT, "/data/run/x"), "the disk of /data/run is full (Disk quota exceeded): free some"),
        (_error(errno.EROFS, "/data/x"), "the folder /data cannot be written (Read-only file system): give this user"),
        (_error(errno.EACCES, "/data/x"), "the folder /data cannot be written (Permission denied): give this user"),
        (_error(errno.ENOSPC, "/else/x"), "/else/x cannot be written (No space left on device): free some space"),
    ],
)
def test_a_failed_write_is_one_sentence(error: OSError, sentence: str) -> None:
    told = sentence_of_disk(error, FOLDER)
    assert told is not None
    assert told.startswith(sentence)


def test_a_full_disk_is_told_without_a_data_folder_too() -> None:
    assert sentence_of_disk(_error(errno.ENOSPC), None) == (
        "the output cannot be written (No space left on device): free some space there and try again"
    )


@pytest.mark.parametrize(
    "error", [ValueError("x"), _error(errno.EACCES, "/else/x"), _error(errno.EACCES), _error(errno.ENOENT, "/data/x")]
)
def test_anything_else_stays_a_bug(error: Exception) -> None:
    assert sentence_of_disk(error, FOLDER) is None
