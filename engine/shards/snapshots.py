"""The folder of a shard's snapshots: segments are written once, a small manifest names those of the newest state.

What changes from state to state lies in a folder of its own: who lives, and the written columns of a segment whose
users were rated, turned away or moved since its files were written.
"""

import logging
import shutil
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.ports import ShardSetup
from kit.errors import Unavailable
from matching.index.array_files import DamagedSnapshot, read_arrays, read_json, write_arrays, write_json
from matching.index.bits import words_for
from matching.index.parts import Part
from matching.index.postings import Lists
from matching.index.segment import Segment

MANIFEST = "snapshot.json"
FORMAT = "quanwang-shard"
STATE_FORMAT = "quanwang-shard-state"
FORMAT_VERSION = 2
WRITTEN = ("latitudes", "longitudes", "ratings", "available")

_log = logging.getLogger(__name__)


class SnapshotFailed(Unavailable):
    """A snapshot could not be written; the former one is untouched and the shard serves on."""


@dataclass(frozen=True, slots=True)
class _Saved:
    """A segment's files: its lists, and how often its columns had been written when they were saved."""

    lists: Lists
    writes: int
    name: str

    @classmethod
    def of(cls, segment: Segment, name: str) -> "_Saved":
        return cls(segment.lists, segment.writes, name)


class SnapshotFolder:
    """One shard's folder; only that shard writes it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._saved: list[_Saved] = []

    def write(self, setup: ShardSetup, barrier: int, parts: Sequence[Part], *, has_delta: bool) -> None:
        """Write what is not written yet, then the manifest, then remove what nobody names any longer.

        Raises SnapshotFailed; what was begun is removed then, so that a full disk is no fuller than before.
        """
        before: set[str] | None = None
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            before = {path.name for path in self._directory.iterdir()}
            saved = [self._save(part.segment) for part in parts]
            state = f"state-{barrier}"
            write_arrays(self._directory / state, STATE_FORMAT, FORMAT_VERSION, _state_arrays(parts, saved))
            manifest = {
                "format": FORMAT,
                "version": FORMAT_VERSION,
                "setup": _fingerprint(setup),
                "barrier": barrier,
                "segments": [one.name for one in saved],
                "has_delta": has_delta,
            }
            write_json(self._directory / MANIFEST, manifest)
        except OSError as error:
            if before is not None:
                self._remove_all_but(before)
            raise SnapshotFailed(
                f"{self._directory}: the snapshot of barrier {barrier} cannot be written ({error.strerror}); "
                "free some space or mend the folder, the former snapshot stays"
            ) from error
        self._saved = saved
        self._remove_all_but({*(one.name for one in saved), state, MANIFEST})

    def read(self, setup: ShardSetup) -> tuple[int, list[Part], bool]:
        """The barrier, the parts, and whether the last part is the delta; raises DamagedSnapshot when there is none, or
        one of another setup, or a file is missing, cut or changed.
        """
        manifest = read_json(self._directory / MANIFEST, FORMAT, FORMAT_VERSION)
        if manifest["setup"] != _fingerprint(setup):
            raise DamagedSnapshot(f"{self._directory}: the snapshot is of another vocabulary, placement or taxonomy")
        barrier = int(manifest["barrier"])
        state = read_arrays(self._directory / f"state-{barrier}", STATE_FORMAT, FORMAT_VERSION)
        parts, saved = [], []
        for name in manifest["segments"]:
            segment = Segment.load(self._directory / name)
            saved.append(_Saved.of(segment, name))
            parts.append(self._part(segment, name, state))
        self._saved = saved
        return barrier, parts, bool(manifest["has_delta"])

    def _part(self, segment: Segment, name: str, state: Mapping[str, Any]) -> Part:
        live = state.get(f"{name}.live")
        if live is None or len(live) != words_for(len(segment)):
            raise DamagedSnapshot(f"{self._directory}: the live users of {name} are missing; it must be rebuilt")
        if f"{name}.{WRITTEN[0]}" in state:
            segment = segment.rewritten(*(state[f"{name}.{column}"] for column in WRITTEN))
        return Part.with_live(segment, live)

    def _save(self, segment: Segment) -> _Saved:
        for saved in self._saved:
            if saved.lists is segment.lists:
                return saved
        taken = [int(path.name.split("-")[1].split(".")[0]) for path in self._directory.glob("segment-*")]
        name = f"segment-{max(taken, default=0) + 1}"
        segment.save(self._directory / name)
        return _Saved.of(segment, name)

    def _remove_all_but(self, kept: set[str]) -> None:
        """What cannot be removed stays and is tried again with the next snapshot: it is never read."""
        try:
            for path in self._directory.iterdir():
                if path.name in kept:
                    continue
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("%s: old files cannot be removed (%s)", self._directory, error.strerror)


def _state_arrays(parts: Sequence[Part], saved: Sequence[_Saved]) -> dict[str, npt.NDArray[np.generic]]:
    """Who lives in each segment, and the columns that were written since its files were."""
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for part, one in zip(parts, saved, strict=True):
        arrays[f"{one.name}.live"] = part.live
        if part.segment.writes != one.writes:
            arrays |= {f"{one.name}.{column}": getattr(part.segment.columns, column) for column in WRITTEN}
    return arrays


def _fingerprint(setup: ShardSetup) -> list[int]:
    return [
        setup.generation,
        setup.placement_version,
        zlib.crc32(setup.region_parents.tobytes()),
        zlib.crc32(setup.industry_parents.tobytes()),
    ]
