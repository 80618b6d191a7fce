"""Bounds how many threads wait on the dispatcher at once, so that the others stay free for everything else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from kit.errors import Unavailable

WAIT_S: Final = 0.25


class MatchingBusy(Unavailable):
    """As many previews and explanations are under way as may be."""


class MatchSlots:
    """A bounded number of calls to the match service; safe for threads."""

    def __init__(self, at_once: int) -> None:
        self._slots = threading.BoundedSemaphore(at_once)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold one slot. Raises MatchingBusy when none is free within a quarter of a second."""
        if not self._slots.acquire(timeout=WAIT_S):
            raise MatchingBusy("Too many previews and explanations are under way; ask again in a second.", 1)
        try:
            yield
        finally:
            self._slots.release()
