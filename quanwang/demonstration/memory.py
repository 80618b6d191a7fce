"""What a data folder remembers of its demonstrations: the seed, how many people it holds, the runs, the keys."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kit.errors import Conflict, Unavailable


class OtherSeed(Conflict):
    """The data folder was filled with another seed."""


class MemoryNotWritable(Unavailable):
    """What the demonstration must remember cannot be written."""


@dataclass
class Memory:
    """Kept as JSON in the data folder, readable by its owner only: the keys in it are real."""

    seed: int
    profiles: int = 0
    batches: int = 0
    keys: dict[str, str] = field(default_factory=dict)
    key_ids: dict[str, int] = field(default_factory=dict)


def recall(path: Path, *, seed: int) -> Memory:
    """Read what is remembered, or begin anew. Raises OtherSeed when the folder holds people of another seed."""
    try:
        memory = Memory(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Memory(seed)
    except (ValueError, TypeError) as error:
        raise Conflict(f"{path} is damaged ({error}): start with --reset, or choose another --data-dir") from error
    if memory.profiles and memory.seed != seed:
        raise OtherSeed(
            f"the people of this data folder were drawn with seed {memory.seed}: use --seed {memory.seed}, start anew"
            " with --reset, or choose another --data-dir"
        )
    memory.seed = seed
    return memory


def remember(path: Path, memory: Memory) -> None:
    """Write it, whole or not at all. Raises MemoryNotWritable."""
    staging = path.with_suffix(".new")
    try:
        staging.unlink(missing_ok=True)
        staging.touch(mode=0o600)
        staging.write_text(json.dumps(asdict(memory)), encoding="utf-8")
        staging.replace(path)
    except OSError as error:
        raise MemoryNotWritable(f"{path} cannot be written ({error.strerror}): free space there") from error


def write_key(path: Path, secret: str) -> None:
    """Write a key for ``curl -H "Authorization: Bearer $(cat FILE)"``, readable by its owner only."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(secret + "\n", encoding="ascii")
