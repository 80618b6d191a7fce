"""The folder of a shard's snapshots: segments are written once, a small manifest names those of the newest state."""

import shutil
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.ports import ShardSetup
from kit.errors import Unavailable
from matching.index.array_files import DamagedSnapshot, read_arrays, read_json, write_arrays, write_json
from matching.index.bits import words_for
from matching.index.segment import Segment
from matching.index.segment_set import Part

MANIFEST = "snapshot.json"
FORMAT = "quanwang-shard"
LIVE_FORMAT = "quanwang-live-bits"
FORMAT_VERSION = 1


class SnapshotFailed(Unavailable):
    """A snapshot could not be written; the former one is untouched and the shard serves on."""


class SnapshotFolder:
    """One shard's folder; only that shard writes it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._written: list[tuple[Segment, str]] = []

    def write(self, setup: ShardSetup, barrier: int, parts: Sequence[Part], *, has_delta: bool) -> None:
        """Write what is not written yet, then the manifest, then remove what nobody names any longer."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            names = [self._name_of(part.segment) for part in parts]
            live = f"live-{barrier}"
            write_arrays(
                self._directory / live,
                LIVE_FORMAT,
                FORMAT_VERSION,
                {name: part.live for name, part in zip(names, parts, strict=True)},
            )
            manifest = {
                "format": FORMAT,
                "version": FORMAT_VERSION,
                "setup": _fingerprint(setup),
                "barrier": barrier,
                "segments": names,
                "has_delta": has_delta,
            }
            write_json(self._directory / MANIFEST, manifest)
            self._written = [(part.segment, name) for part, name in zip(parts, names, strict=True)]
            self._remove_all_but({*names, live, MANIFEST})
        except OSError as error:
            raise SnapshotFailed(
                f"{self._directory}: the snapshot of barrier {barrier} cannot be written ({error.strerror}); "
                "free some space or mend the folder, the former snapshot stays"
            ) from error

    def read(self, setup: ShardSetup) -> tuple[int, list[Part], bool]:
        """The barrier, the parts, and whether the last part is the delta; raises DamagedSnapshot when there is none, or
        one of another setup, or a file is missing, cut or changed.
        """
        manifest = read_json(self._directory / MANIFEST, FORMAT, FORMAT_VERSION)
        if manifest["setup"] != _fingerprint(setup):
            raise DamagedSnapshot(f"{self._directory}: the snapshot is of another vocabulary, placement or taxonomy")
        barrier = int(manifest["barrier"])
        names = list(manifest["segments"])
        live = read_arrays(self._directory / f"live-{barrier}", LIVE_FORMAT, FORMAT_VERSION)
        parts = []
        for name in names:
            segment = Segment.load(self._directory / name)
            bits = live.get(name)
            if bits is None or len(bits) != words_for(len(segment)):
                raise DamagedSnapshot(f"{self._directory}: the live users of {name} are missing; it must be rebuilt")
            parts.append(Part.with_live(segment, bits.view(np.uint64)))
        self._written = [(part.segment, name) for part, name in zip(parts, names, strict=True)]
        return barrier, parts, bool(manifest["has_delta"])

    def _name_of(self, segment: Segment) -> str:
        for written, name in self._written:
            if written is segment:
                return name
        taken = [int(path.name.split("-")[1].split(".")[0]) for path in self._directory.glob("segment-*")]
        name = f"segment-{max(taken, default=0) + 1}"
        segment.save(self._directory / name)
        self._written.append((segment, name))
        return name

    def _remove_all_but(self, kept: set[str]) -> None:
        for path in self._directory.iterdir():
            if path.name in kept:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _fingerprint(setup: ShardSetup) -> list[int]:
    return [
        setup.generation,
        setup.placement_version,
        zlib.crc32(setup.region_parents.tobytes()),
        zlib.crc32(setup.industry_parents.tobytes()),
    ]
