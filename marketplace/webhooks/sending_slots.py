"""Who may be sent to now: few deliveries at once for each webhook, so that a slow one never holds the others."""

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

T = TypeVar("T")

AT_ONCE: Final = 4
WAITING_AT_MOST: Final = 64
FIRST_PAUSE_MS: Final = 1_000
LONGEST_PAUSE_MS: Final = 60_000


@dataclass(slots=True)
class _Line(Generic[T]):
    waiting: "deque[T]" = field(default_factory=deque)
    busy: int = 0
    failures: int = 0
    open_at_ms: int = 0


class SendingSlots(Generic[T]):
    """A short line for each webhook and a few slots to work it off; safe for threads.

    After a failure a webhook has one slot, and its line is closed for a pause that grows from 1 s to 60 s: what waits
    is given back, to be claimed again later.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: dict[int, _Line[T]] = {}

    def join(self, webhook_id: int, work: T, now_ms: int) -> int | None:
        """Let ``work`` wait for a slot; None when it may, else in how many milliseconds to come again."""
        with self._lock:
            line = self._lines.setdefault(webhook_id, _Line())
            if line.failures and now_ms < line.open_at_ms:
                return line.open_at_ms - now_ms
            if len(line.waiting) + line.busy >= (1 if line.failures else WAITING_AT_MOST):
                return FIRST_PAUSE_MS
            line.waiting.append(work)
            return None

    def take(self, webhook_id: int) -> T | None:
        """Take a slot and the next work; None when no slot is free or nothing waits."""
        with self._lock:
            line = self._lines.get(webhook_id)
            if line is None or not line.waiting or line.busy >= (1 if line.failures else AT_ONCE):
                return None
            line.busy += 1
            return line.waiting.popleft()

    def leave(self, webhook_id: int, now_ms: int, *, failed: bool) -> list[T]:
        """Free a slot; after a failure return what waits: it is to be given back."""
        with self._lock:
            line = self._lines[webhook_id]
            line.busy -= 1
            given_back: list[T] = []
            if failed:
                line.failures += 1
                line.open_at_ms = now_ms + min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS << min(line.failures - 1, 10))
                given_back = list(line.waiting)
                line.waiting.clear()
            else:
                line.failures = 0
            if not line.busy and not line.waiting and not line.failures:
                # Whoever was well leaves no trace.
                del self._lines[webhook_id]
            return given_back

    def pause_ms(self, webhook_id: int, now_ms: int) -> int:
        """In how many milliseconds what was given back may come again."""
        with self._lock:
            line = self._lines.get(webhook_id)
            return FIRST_PAUSE_MS if line is None else max(FIRST_PAUSE_MS, line.open_at_ms - now_ms)

    @property
    def waiting(self) -> int:
        """How many wait or are being sent."""
        with self._lock:
            return sum(len(line.waiting) + line.busy for line in self._lines.values())
