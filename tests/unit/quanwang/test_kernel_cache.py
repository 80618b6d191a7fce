"""Kernels of another build are never taken from the cache."""

from pathlib import Path

from quanwang.processes.kernels import remove_compiled


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
