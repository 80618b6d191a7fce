"""Sealed secrets open under their own key and for their own thing, and for nothing else."""

import base64
import stat
from pathlib import Path

import pytest

from kit.encryption import SealBroken, SecretBox
from kit.errors import InvalidInput
from kit.folders import DataFolderNotWritable


def test_what_is_sealed_opens_again_and_never_looks_the_same(tmp_path: Path) -> None:
    box = SecretBox(tmp_path / "keys" / "k")
    first, second = box.seal("whsec_名", "webhook 1"), box.seal("whsec_名", "webhook 1")
    assert first != second
    assert "whsec" not in first
    assert SecretBox(tmp_path / "keys" / "k").open(first, "webhook 1") == "whsec_名"


def test_a_seal_of_another_thing_key_or_hand_is_refused(tmp_path: Path) -> None:
    box, other = SecretBox(tmp_path / "a"), SecretBox(tmp_path / "b")
    sealed = box.seal("secret", "webhook 1")
    raw = bytearray(base64.b64decode(sealed))
    raw[-1] ^= 1
    for opener, text, context in (
        (box, sealed, "webhook 2"),
        (other, sealed, "webhook 1"),
        (box, base64.b64encode(raw).decode(), "webhook 1"),
        (box, "not base64", "webhook 1"),
        (box, "", "webhook 1"),
    ):
        with pytest.raises(SealBroken, match=f"a secret of {context} cannot be opened"):
            opener.open(text, context)


def test_the_key_is_for_its_owner_alone_and_made_once(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "k"
    SecretBox(path).seal("x", "y")
    before = path.read_bytes()
    SecretBox(path).seal("x", "y")
    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["k"]


@pytest.mark.parametrize("content", ["", "short", base64.b64encode(bytes(31)).decode()])
def test_a_file_without_a_key_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "k").write_text(content)
    with pytest.raises(InvalidInput, match=r"QUANWANG_ENCRYPTION_KEY_FILE: .* must hold 32 bytes in base64"):
        SecretBox(tmp_path / "k").seal("x", "y")


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataFolderNotWritable):
        SecretBox(tmp_path / "file" / "k").seal("x", "y")
