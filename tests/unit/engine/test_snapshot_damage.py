"""A snapshot that is cut, changed, foreign, incomplete or half-written is refused in one sentence; the log rebuilds.

While a new one cannot be written the shard serves on, and the former one stays whole on the disk.
"""

import json
import logging
import os
import resource
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.shards import Shard
from engine.shards.snapshots import SnapshotFailed
from matching.index import array_files
from matching.profiles import Profile
from tests.unit.engine.test_feeder import World
from tests.unit.engine.test_shard import SETUP, at_once, check, loaded, people
from tests.unit.matching.index_cases import NOBODY, Numbers
from tests.unit.matching.test_index_merging import rewritten


def written(folder: Path) -> tuple[Shard, list[Profile], Numbers]:
    """A shard with a segment, written columns and a delta, and its snapshot at barrier 6."""
    numbers = Numbers()
    profiles = people(60)
    shard = loaded(folder, profiles[:50], numbers)
    profiles[3:20:4] = [rewritten(profile, profile.id) for profile in profiles[3:20:4]]
    shard.apply(6, numbers.encode(profiles[3:20:4] + profiles[50:53]), NOBODY)
    assert shard.snapshot() == 6
    return shard, profiles[:53], numbers


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def refused(folder: Path, caplog: pytest.LogCaptureFixture) -> str:
    """The one sentence with which a snapshot is refused."""
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        shard = Shard(0, folder)
        assert shard.restore(SETUP) == 0
    assert shard.published() == []
    (record,) = caplog.records
    sentence = record.getMessage()
    assert sentence.startswith("shard 0 starts empty: ")
    assert str(folder) in sentence
    assert "rebuilt" in sentence
    assert "\n" not in sentence
    return sentence


def test_written_columns_come_back_and_are_written_on(tmp_path: Path) -> None:
    _, profiles, numbers = written(tmp_path)
    for barrier in (6, 7, 8):
        shard = Shard(0, tmp_path, delta_users=4, segment_users=50, run_aside=at_once)
        assert shard.restore(SETUP) == barrier
        check(shard, barrier, profiles, numbers)
        profiles[barrier] = rewritten(profiles[barrier], 4 + barrier)
        shard.apply(barrier + 1, numbers.encode([profiles[barrier]]), NOBODY)
        check(shard, barrier + 1, profiles, numbers)
        shard.snapshot()


def test_every_file_that_is_cut_changed_or_missing_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _, profiles, numbers = written(tmp_path)
    paths = files(tmp_path)
    assert len({path.name for path in paths}) > 30
    for path in paths:
        whole = path.read_bytes()
        middle = len(whole) // 2
        for damaged in (
            b"",
            whole[:middle],
            whole[:-1],
            whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :],
            whole[:-1] + bytes([whole[-1] ^ 0x80]),
            whole + b"\0",
        ):
            path.write_bytes(damaged)
            refused(tmp_path, caplog)
        path.unlink()
        assert str(path.relative_to(tmp_path).parts[0]) in refused(tmp_path, caplog)
        path.write_bytes(whole)
    shard = Shard(0, tmp_path)
    assert shard.restore(SETUP) == 6
    check(shard, 6, profiles, numbers)


@pytest.mark.parametrize("change", [{"version": 1}, {"version": 99}, {"format": "another"}, {"version": None}])
def test_a_foreign_or_newer_format_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, change: dict[str, object]
) -> None:
    """Sealed as it should be, so that nothing but the format gives it away."""
    written(tmp_path)
    manifests = [path for path in files(tmp_path) if path.suffix == ".json"]
    assert len(manifests) == 4
    for path in manifests:
        whole = path.read_bytes()
        body = json.dumps(json.loads(whole.partition(b"\n")[2]) | change).encode()
        path.write_bytes(json.dumps({"crc32": zlib.crc32(body), "bytes": len(body)}).encode() + b"\n" + body)
        assert "format" in refused(tmp_path, caplog)
        path.write_bytes(whole)
    assert Shard(0, tmp_path).restore(SETUP) == 6


def test_a_whole_folder_that_is_missing_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    written(tmp_path)
    for folder in [path for path in tmp_path.iterdir() if path.is_dir()]:
        aside = tmp_path.parent / f"{tmp_path.name}-aside"
        folder.rename(aside)
        refused(tmp_path, caplog)
        aside.rename(folder)
    assert Shard(0, tmp_path).restore(SETUP) == 6


def test_shards_whose_snapshot_is_damaged_are_rebuilt_from_the_log(tmp_path: Path) -> None:
    world = World(tmp_path, 3)
    world.change(200)
    world.feeder.step()
    world.coordinator.snapshot()
    world.change(30)
    world.feeder.step()
    for place, path in enumerate(tmp_path.glob("1/segment-*/columns.*.npy")):
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) * (place % 4) // 4])
    world.shards[1].die()
    world.feeder.step()
    world.check()


@contextmanager
def two_more_files() -> Iterator[None]:
    """No more than two further files can be open at a time."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path(os.devnull).open() as file:
        free = file.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 2, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_small_segments_are_restored_without_holding_a_file_open(tmp_path: Path) -> None:
    _, profiles, numbers = written(tmp_path)
    with two_more_files():
        shard = Shard(0, tmp_path)
        assert shard.restore(SETUP) == 6
    check(shard, 6, profiles, numbers)


def test_a_snapshot_that_needs_more_open_files_than_there_may_be_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large segments are mapped, and a mapping holds its file; whoever starts empty is rebuilt from the log."""
    written(tmp_path)
    monkeypatch.setattr(array_files, "MAPPED_FROM_BYTES", 0)
    with two_more_files():
        assert "cannot be read (Too many open files)" in refused(tmp_path, caplog)
    assert Shard(0, tmp_path).restore(SETUP) == 6


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Writing beyond ``size`` bytes of any file fails, as on a disk with a quota."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def check_failure(shard: Shard, folder: Path, profiles: list[Profile], former: list[Profile], numbers: Numbers) -> None:
    """A snapshot of barrier 7 fails; the shard serves on, and the one of barrier 6 is what a restart finds."""
    before = files(folder)
    with pytest.raises(SnapshotFailed, match=r"barrier 7 cannot be written .*; free some space") as refusal:
        shard.snapshot()
    assert "\n" not in refusal.value.sentence
    assert files(folder) == before
    check(shard, 7, profiles, numbers)
    again = Shard(0, folder)
    assert again.restore(SETUP) == 6
    check(again, 6, former, numbers)


def changed(shard: Shard, former: list[Profile], numbers: Numbers) -> list[Profile]:
    profiles = [*former, *people(90)[60:]]
    shard.apply(7, numbers.encode(profiles[53:]), NOBODY)
    return profiles


@pytest.mark.parametrize("size", [0, 100, 136, 300, 700])
def test_a_quota_in_the_midst_of_writing(tmp_path: Path, size: int) -> None:
    shard, former, numbers = written(tmp_path)
    profiles = changed(shard, former, numbers)
    with no_file_above(size):
        check_failure(shard, tmp_path, profiles, former, numbers)
    assert shard.snapshot() == 7
    again = Shard(0, tmp_path)
    assert again.restore(SETUP) == 7
    check(again, 7, profiles, numbers)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk; the test with a quota stands in for it")
    try:
        yield folder
    finally:
        # Snapshots are mapped by shards that this process still holds.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_in_the_midst_of_writing(small_disk: Path) -> None:
    """Wherever the space ends, early or late, nothing of what was begun is left lying about."""
    folder = small_disk / "shard"
    shard, former, numbers = written(folder)
    profiles = changed(shard, former, numbers)
    filler = small_disk / "filler"
    for free_kb in (0, 4, 40, 120):
        filler.write_bytes(b"\0" * (shutil.disk_usage(small_disk).free - free_kb * 1024))
        check_failure(shard, folder, profiles, former, numbers)
        assert shutil.disk_usage(small_disk).free == free_kb * 1024
        filler.unlink()
    assert shard.snapshot() == 7
    assert Shard(0, folder).restore(SETUP) == 7
