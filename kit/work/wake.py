"""The wake-up call: makes a worker look now instead of at its next poll. Losing a call costs 250 ms, never work."""

import threading
from collections.abc import Iterable
from typing import Protocol

from kit.clock import elapsed_s


class WakeStream(Protocol):
    """A broadcast of short texts; kit.redis implements it on a capped stream. Both methods return, never raise."""

    def send(self, text: str) -> bool:
        """Broadcast; False when the other side is away."""
        ...

    def wait(self, timeout_s: float) -> list[str] | None:
        """Return what was sent since the last call, waiting up to ``timeout_s``; None when the other side is away."""
        ...


class Wake:
    """Tells workers which kinds of work were committed: across processes by a stream, within this one without.

    Safe for threads to notify; one loop waits on one Wake. ``Wake(None)`` works within the process only.
    """

    def __init__(self, stream: WakeStream | None = None) -> None:
        self._stream = stream
        self._changed = threading.Condition()
        self._announced: set[str] = set()
        self._interrupted = False

    def notify(self, kinds: Iterable[str]) -> None:
        """Call after the commit that enqueued work of these kinds. Never raises, never waits long."""
        names = sorted(set(kinds))
        if not names:
            return
        # What the stream took comes back by it; heard twice, a worker would look twice.
        if self._stream is None or not self._stream.send(",".join(names)):
            self._add(names)

    def interrupt(self) -> None:
        """End a wait of this process at once (used to stop)."""
        with self._changed:
            self._interrupted = True
            self._changed.notify_all()

    def wait(self, kinds: Iterable[str], timeout_s: float) -> frozenset[str]:
        """Wait until work of one of the kinds is announced, or ``timeout_s``; return those that were.

        With ``timeout_s`` 0 only what was announced already is returned. Calls for other kinds end nobody's wait.
        """
        wanted = frozenset(kinds)
        until_s = elapsed_s() + timeout_s
        while True:
            left_s = max(0.0, until_s - elapsed_s())
            told = self._stream.wait(left_s) if self._stream is not None and not self._has(wanted) else None
            if told is not None:
                self._add(name for text in told for name in text.split(","))
            with self._changed:
                if told is None and not self._interrupted and not self._announced & wanted:
                    self._changed.wait(left_s)
                found = frozenset(self._announced & wanted)
                over = self._interrupted or elapsed_s() >= until_s
                if found or over:
                    self._announced.clear()
                    self._interrupted = False
                    return found

    def _has(self, wanted: frozenset[str]) -> bool:
        with self._changed:
            return self._interrupted or bool(self._announced & wanted)

    def _add(self, names: Iterable[str]) -> None:
        with self._changed:
            self._announced.update(names)
            self._changed.notify_all()
