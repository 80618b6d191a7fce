"""Which code this is: shards and compiled kernels of another build are of no use."""

import hashlib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable


@cache
def build_id() -> str:
    """Return a short hash of the code that runs inside a shard: matching and engine."""
    digest = hashlib.blake2b(digest_size=6)
    for package in ("engine", "matching"):
        for path, text in sorted(_sources(files(package), package)):
            digest.update(path.encode())
            digest.update(text)
    return digest.hexdigest()


def _sources(folder: Traversable, path: str) -> list[tuple[str, bytes]]:
    found = []
    for entry in folder.iterdir():
        inner = f"{path}/{entry.name}"
        if entry.is_dir():
            found += _sources(entry, inner)
        elif entry.name.endswith((".py", ".csv")):
            found.append((inner, entry.read_bytes()))
    return found
