"""What is to be done when: clients take the next action that is due."""

import heapq
import threading
from collections.abc import Callable

from kit.clock import elapsed_s

Action = Callable[[], None]

MAX_WAITING = 200_000
"""A run that plans more than that is wrong itself."""


class Agenda:
    """Actions by their time (seconds of a steady clock); safe for threads."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Action]] = []
        self._planned = 0
        self._changed = threading.Condition()
        self._closed = False

    def plan(self, in_s: float, action: Action) -> None:
        """Have ``action`` done in ``in_s`` seconds; ignored after :meth:`close`."""
        with self._changed:
            if self._closed:
                return
            if len(self._waiting) >= MAX_WAITING:
                raise RuntimeError(f"more than {MAX_WAITING:,} actions wait: the clients cannot follow this load")
            self._planned += 1
            heapq.heappush(self._waiting, (elapsed_s() + in_s, self._planned, action))
            self._changed.notify()

    def next(self) -> Action | None:
        """Wait for the next action that is due and return it; None after :meth:`close`."""
        with self._changed:
            while not self._closed:
                if not self._waiting:
                    self._changed.wait()
                    continue
                left_s = self._waiting[0][0] - elapsed_s()
                if left_s <= 0:
                    return heapq.heappop(self._waiting)[2]
                self._changed.wait(left_s)
            return None

    def close(self) -> None:
        """Let everybody go; what waits is not done any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
