"""The people of the benchmark: drawn as in the demonstration, stored once, kept for later runs."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from benchmarks.dispatch.site import OWNER
from kit.clock import now_ms
from kit.db import Database
from kit.errors import Conflict
from kit.ids import IdAllocator
from marketplace.access import Caller
from marketplace.profiles import load_profiles
from matching.taxonomy import Taxonomy, builtin_taxonomy
from quanwang.demonstration.profiles import ProfileDraw

PART: Final = 10_000
PROCESSES: Final = 2


class OtherPopulation(Conflict):
    """The folder holds other people than this run asks for."""


def store_population(folder: Path, database_url: str, profiles: int, seed: int, tell: Callable[[str], None]) -> None:
    """Store what is missing of the people numbered 1 .. ``profiles``. Raises OtherPopulation."""
    file = folder / "population.json"
    known = json.loads(file.read_text()) if file.is_file() else {"seed": seed, "profiles": 0}
    if known["seed"] != seed or known["profiles"] > profiles:
        raise OtherPopulation(
            f"{folder} holds {known['profiles']:,} people of seed {known['seed']}: give --seed {known['seed']} and at"
            " least as many --profiles, or another --data-dir, or remove the folder"
        )
    first, stored = known["profiles"] + 1, known["profiles"]
    tasks = ((database_url, seed, start, min(PART, profiles - start + 1)) for start in range(first, profiles + 1, PART))
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        # In order, and few at a time, so that what the file says is stored is stored.
        while part := list(islice(tasks, PROCESSES)):
            for count in pool.map(_store, part):
                stored += count
            file.write_text(json.dumps({"seed": seed, "profiles": stored}))
            tell(f"Drawing people and storing their profiles: {stored:,} of {profiles:,}")


def _store(task: tuple[str, int, int, int]) -> int:
    url, seed, first, count = task
    database = Database(url, 2)
    try:
        answers = list(_answers(database, builtin_taxonomy(), seed, first, count))
    finally:
        database.dispose()
    refused = [answer.sentence for answer in answers if answer.status != "ok"]
    if refused:
        raise RuntimeError(f"a drawn profile was refused: {refused[0]}")
    return len(answers)


def _answers(database: Database, taxonomy: Taxonomy, seed: int, first: int, count: int) -> Iterator[Any]:
    documents = ProfileDraw(seed).documents(first, count)
    caller = Caller(0, OWNER, frozenset())
    return load_profiles(
        database, IdAllocator(database), source=caller.owner, profiles=documents, taxonomy=taxonomy, clock=now_ms
    )
