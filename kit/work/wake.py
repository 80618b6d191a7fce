"""The wake-up call: makes a worker look now instead of at its next poll. Losing a call costs 250 ms, never work."""

import threading
from collections.abc import Iterable
from typing import Protocol


class WakeStream(Protocol):
    """A broadcast of short texts; kit.redis implements it on a capped stream. Both methods return, never raise."""

    def send(self, text: str) -> bool:
        """Broadcast; False when the other side is away."""
        ...

    def wait(self, timeout_s: float) -> list[str] | None:
        """Return what was sent since the last call, waiting up to ``timeout_s``; None when the other side is away."""
        ...


class Wake:
    """Tells workers that work was committed, across processes by a stream, within the process by an event.

    Safe for threads to notify; one loop waits on one Wake. ``Wake(None)`` works within the process only.
    """

    def __init__(self, stream: WakeStream | None = None) -> None:
        self._stream = stream
        self._event = threading.Event()

    def notify(self, kinds: Iterable[str]) -> None:
        """Call after the commit that enqueued work of these kinds. Never raises, never waits long."""
        text = ",".join(sorted(set(kinds)))
        if not text:
            return
        self._event.set()
        if self._stream is not None:
            self._stream.send(text)

    def interrupt(self) -> None:
        """End a wait of this process at once (used to stop)."""
        self._event.set()

    def wait(self, kinds: Iterable[str], timeout_s: float) -> bool:
        """Wait until work of one of the kinds was announced, or ``timeout_s``; return whether it was announced.

        A call for other kinds ends the wait early too; the caller looks and waits again.
        """
        if self._event.is_set():
            self._event.clear()
            return True
        if self._stream is not None:
            announced = self._stream.wait(timeout_s)
            if announced is not None:
                wanted = set(kinds)
                woken = self._event.is_set()
                self._event.clear()
                return woken or any(wanted.intersection(text.split(",")) for text in announced)
        woken = self._event.wait(timeout_s)
        self._event.clear()
        return woken
