"""Kernels of another build are never taken from the cache."""

import os
from pathlib import Path

import pytest

from engine.build import build_id
from quanwang.processes.kernel_cache import KEPT_BUILDS, KERNEL_CACHE_VARIABLE, use_kernel_cache
from quanwang.processes.kernels import are_warm, remove_compiled


def test_what_another_build_compiled_is_removed_and_nothing_else(tmp_path: Path) -> None:
    inner = tmp_path / "index_1234"
    inner.mkdir()
    compiled = [inner / "lookup.find-10.py311.nbi", inner / "lookup.find-10.py311.1.nbc"]
    stale = [tmp_path / "warm-abc-0.68-x86_64", *compiled]
    for path in (*stale, tmp_path / "README", inner / "notes.txt"):
        path.touch()
    remove_compiled(tmp_path)
    assert not [path for path in stale if path.exists()]
    assert (tmp_path / "README").exists()
    assert (inner / "notes.txt").exists()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with a cache, and no folder named by the environment."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(KERNEL_CACHE_VARIABLE, "")
    (tmp_path / "cache").mkdir()
    return tmp_path


def test_the_first_folder_that_can_be_written_is_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    impossible = Path("/proc/nowhere")
    use_kernel_cache([impossible, home / "data"])
    assert os.environ[KERNEL_CACHE_VARIABLE] == str(home / "data")
    monkeypatch.setenv(KERNEL_CACHE_VARIABLE, str(home / "named"))
    use_kernel_cache([home / "data"])
    assert os.environ[KERNEL_CACHE_VARIABLE] == str(home / "named")
    monkeypatch.setenv(KERNEL_CACHE_VARIABLE, str(impossible))
    use_kernel_cache([])
    assert os.environ[KERNEL_CACHE_VARIABLE] == str(home / "cache" / "quanwang-kernels" / build_id())


def test_every_build_has_a_folder_of_its_own_and_old_ones_go(home: Path) -> None:
    place = home / "cache" / "quanwang-kernels"
    place.mkdir(mode=0o700)
    for number in range(6):
        (place / f"build-{number}").mkdir()
        os.utime(place / f"build-{number}", (number, number))
    use_kernel_cache([])
    kept = {path.name for path in place.iterdir()}
    assert kept == {build_id(), "build-4", "build-5"}
    assert len(kept) == KEPT_BUILDS


def test_a_folder_that_others_may_write_holds_no_code_of_ours(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "cache" / "quanwang-kernels").mkdir(mode=0o755)
    monkeypatch.setattr("tempfile.tempdir", "/proc/nowhere")
    use_kernel_cache([])
    assert KERNEL_CACHE_VARIABLE not in os.environ
    assert capsys.readouterr().err.startswith("quanwang: no folder for compiled kernels can be written, so every run")
    assert not are_warm()
