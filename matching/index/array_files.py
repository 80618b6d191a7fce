"""Directories of NumPy arrays: one file an array, a manifest with format, version and checksums, mapped when read."""

import json
import os
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kit.errors import QuanwangError

MANIFEST = "manifest.json"
MAPPED_FROM_BYTES = 1 << 16
"""Smaller files are read: every mapping holds a file descriptor for as long as it lives, often one in a thousand that a
process may have, and a segment is of thirty files.
"""
Array = npt.NDArray[np.generic]


class DamagedSnapshot(QuanwangError):
    """A snapshot that cannot be used; the sentence says which file and why."""


def write_arrays(directory: Path, format_name: str, version: int, arrays: Mapping[str, Array]) -> None:
    """Write arrays into a new ``directory``, which appears whole or not at all (and replaces an old one)."""
    unfinished = directory.with_name(directory.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    rows: dict[str, Any] = {}
    for name, array in arrays.items():
        path = unfinished / f"{name}.npy"
        with path.open("wb") as file:
            np.save(file, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        rows[name] = {"bytes": path.stat().st_size, "crc32": _checksum(path)}
    write_json(unfinished / MANIFEST, {"format": format_name, "version": version, "arrays": rows})
    shutil.rmtree(directory, ignore_errors=True)
    unfinished.rename(directory)


def read_arrays(directory: Path, format_name: str, version: int) -> dict[str, Array]:
    """Check what ``write_arrays`` wrote, and map it, or read it where it is small; raises DamagedSnapshot.

    The arrays are private copies-on-write: writable for the compiler's sake, never written back.
    """
    manifest = read_json(directory / MANIFEST, format_name, version)
    arrays: dict[str, Array] = {}
    for name, row in manifest["arrays"].items():
        path = directory / f"{name}.npy"
        try:
            if not path.is_file() or path.stat().st_size != row["bytes"] or _checksum(path) != row["crc32"]:
                raise DamagedSnapshot(f"{path}: the file is missing, cut or changed; the snapshot must be rebuilt")
            arrays[name] = _load(path)
        except OSError as error:
            raise DamagedSnapshot(
                f"{path}: the file cannot be read ({error.strerror}); the snapshot must be rebuilt"
            ) from error
    return arrays


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a small JSON file that appears whole or not at all."""
    body = json.dumps(document, sort_keys=True).encode()
    line = json.dumps({"crc32": zlib.crc32(body), "bytes": len(body)}).encode()
    unfinished = path.with_name(path.name + ".unfinished")
    with unfinished.open("wb") as file:
        file.write(line + b"\n" + body)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def read_json(path: Path, format_name: str, version: int) -> dict[str, Any]:
    """Read what ``write_json`` wrote with keys format and version; raises DamagedSnapshot."""
    try:
        line, _, body = path.read_bytes().partition(b"\n")
        seal = json.loads(line)
        if seal != {"crc32": zlib.crc32(body), "bytes": len(body)}:
            raise ValueError("checksum")
        document = json.loads(body)
    except (OSError, ValueError) as error:
        reason = "is not there" if isinstance(error, FileNotFoundError) else "is damaged or no file of ours"
        raise DamagedSnapshot(f"{path}: the file {reason}; the snapshot must be rebuilt") from None
    if not isinstance(document, dict) or document.get("format") != format_name or document.get("version") != version:
        raise DamagedSnapshot(f"{path}: the file is not of format {format_name} version {version}; it must be rebuilt")
    return document


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            checksum = zlib.crc32(piece, checksum)
    return checksum


def _load(path: Path) -> Array:
    if path.stat().st_size < MAPPED_FROM_BYTES:
        read: Array = np.load(path, allow_pickle=False)
        return read
    mapped = np.load(path, mmap_mode="c", allow_pickle=False)
    return mapped.view(np.ndarray) if mapped.size else np.array(mapped)
