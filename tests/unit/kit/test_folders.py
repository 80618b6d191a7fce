"""Only a folder of ours is written to, and what cannot be written is told with what to do about it."""

import errno
import os
from pathlib import Path

import pytest

from kit.folders import (
    MARKER_NAME,
    DataFolderNotWritable,
    ForeignFolder,
    claim,
    is_installation,
    not_writable,
    private_folder,
)


def test_a_new_and_an_empty_folder_become_ours(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "lost+found").mkdir()
    for folder in (empty, tmp_path / "a" / "new"):
        assert not is_installation(folder)
        claim(folder)
        assert is_installation(folder)
        (folder / "somebody.txt").touch()
        claim(folder)


def test_a_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "id_rsa").write_text("mine")
    with pytest.raises(ForeignFolder, match=r"holds other files .* nothing in it was touched: .*--data-dir"):
        claim(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["keys", "id_rsa"]


@pytest.mark.parametrize("name", ["quanwang.sqlite3", "demonstration.json", "kernels/warm-1234"])
def test_an_installation_from_before_the_marker_is_recognised(tmp_path: Path, name: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    claim(tmp_path)
    assert (tmp_path / MARKER_NAME).is_file()


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (errno.ENOSPC, "the disk of /data is full (No space left on device): free some space there, or choose"),
        (errno.EDQUOT, "the disk of /data is full (Disk quota exceeded): free some space there, or choose"),
        (errno.EROFS, "the folder /data cannot be written (Read-only file system): give this user the right to"),
        (errno.ENOENT, "the folder /data cannot be made or used (No such file or directory): check the path, or"),
    ],
)
def test_a_failed_write_is_told_with_its_remedy(code: int, sentence: str) -> None:
    assert not_writable(Path("/data"), OSError(code, os.strerror(code))).sentence.startswith(sentence)


def test_a_folder_whose_parent_cannot_be_is_one_sentence() -> None:
    with pytest.raises(
        DataFolderNotWritable, match=r"^the folder /proc/nowhere/data cannot be made .*: check the path"
    ):
        claim(Path("/proc/nowhere/data"))


def test_a_folder_among_those_of_others_must_be_ours_alone(tmp_path: Path) -> None:
    assert private_folder(tmp_path / "own")
    assert private_folder(tmp_path / "own")
    (tmp_path / "open").mkdir(mode=0o755)
    assert not private_folder(tmp_path / "open")
    (tmp_path / "link").symlink_to(tmp_path / "own")
    assert not private_folder(tmp_path / "link")
    assert not private_folder(tmp_path / "missing" / "inner")
