"""Puts a planted bug into this process, and takes it out again."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from kit.clock import pause
from kit.config import Settings
from kit.errors import InvalidInput
from kit.logging import logger_of

log = logger_of(__name__)

Pause = Callable[[float], None]
"""Waits so many seconds: makes the moment of a planted bug long enough to be hit. A simulation passes its own."""

ONLY_WHERE_USED: Final = ("api", "engine")
"""Packages that a process imports only if it needs them; one that does not needs no bug in them."""


class UnknownPlantedBug(InvalidInput):
    """There is no planted bug of this name."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__("QUANWANG_PLANTED_BUG", name, f"is no planted bug; leave it unset, or use {', '.join(known)}")


@dataclass(frozen=True, slots=True)
class Patch:
    """Replaces ``name`` (``function``, ``CONSTANT`` or ``Class.method``) of ``module``.

    ``make(original, pause)`` returns what stands there instead; it is called anew at every planting, so what a
    replacement remembers never outlives it.
    """

    module: str
    name: str
    make: Callable[[Any, Pause], Any]


@dataclass(frozen=True, slots=True)
class PlantedBug:
    """One guard taken away.

    ``guarantee``: the sentence that no longer holds. ``sabotage``: what the patches do, and what must happen for it to
    show. ``simulated``: whether `quanwang simulate` can see it. Where two guards stand for one guarantee, both go.
    """

    name: str
    guarantee: str
    sabotage: str
    patches: tuple[Patch, ...]
    simulated: bool = True


def bug_named(bugs: dict[str, PlantedBug], name: str) -> PlantedBug:
    """Return a planted bug. Raises UnknownPlantedBug."""
    if name not in bugs:
        raise UnknownPlantedBug(name, sorted(bugs))
    return bugs[name]


@contextlib.contextmanager
def planted(name: str | None, *, pause: Pause = pause) -> Iterator[None]:
    """Have the bug in this process while the block runs; None: no bug. Raises UnknownPlantedBug.

    What was built before (a store with its scripts, say) may hold the sound parts: plant first.
    """
    with contextlib.ExitStack() as undo:
        if name is not None:
            _plant(name, pause, undo)
        yield


def plant_wanted(settings: Settings) -> None:
    """Plant for good what ``QUANWANG_PLANTED_BUG`` names, and say so loudly; nothing when it is unset.

    Every process calls it before it builds anything. Raises UnknownPlantedBug.
    """
    name = settings.planted_bug
    if name is None:
        return
    bug = _plant(name, pause, contextlib.ExitStack())
    warning = (
        f"THIS INSTALLATION IS SABOTAGED ON PURPOSE (QUANWANG_PLANTED_BUG={name}): it no longer holds that"
        f" {bug.guarantee}. Never use it for real orders."
    )
    sys.stderr.write(f"quanwang: {warning}\n")
    sys.stderr.flush()
    log.error("sabotaged on purpose", planted_bug=name, broken_guarantee=bug.guarantee)


def _plant(name: str, pause: Pause, undo: contextlib.ExitStack) -> PlantedBug:
    from quanwang.planted_bugs.catalogue import PLANTED_BUGS

    bug = bug_named(PLANTED_BUGS, name)
    for patch in bug.patches:
        if patch.module.split(".")[0] in ONLY_WHERE_USED and patch.module not in sys.modules:
            continue
        # By the full name: packages export functions that are called like their modules.
        owner: Any = import_module(patch.module)
        *path, last = patch.name.split(".")
        for part in path:
            owner = getattr(owner, part)
        original = getattr(owner, last)
        setattr(owner, last, patch.make(original, pause))
        undo.callback(setattr, owner, last, original)
    return bug
