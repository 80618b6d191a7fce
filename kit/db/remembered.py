"""A small answer that a process remembers for each database, so that a busy transaction need not ask for it."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy.engine import Engine

from kit.db.database import Session

T = TypeVar("T")


class Remembered(Generic[T]):
    """Reads an answer at most once in ``lasts_ms`` and database; safe for threads.

    What others commit is seen after ``lasts_ms`` at the latest, whichever way the clock jumps. It belongs to the
    database and not to a caller, so that use cases find it without being handed it.
    """

    def __init__(self, read: Callable[[Session], T], lasts_ms: int) -> None:
        self._read = read
        self._lasts_ms = lasts_ms
        self._lock = threading.Lock()
        self._known: WeakKeyDictionary[Engine, tuple[int, T]] = WeakKeyDictionary()

    def of(self, session: Session, now_ms: int) -> T:
        """Return the answer for the database of ``session``, read within it when it is too old."""
        with self._lock:
            known = self._known.get(session.engine)
        if known is not None and 0 <= now_ms - known[0] < self._lasts_ms:
            return known[1]
        answer = self._read(session)
        with self._lock:
            self._known[session.engine] = (now_ms, answer)
        return answer

    def forget(self, session: Session) -> None:
        """Read anew at the next call: this process has just changed the answer itself."""
        with self._lock:
            self._known.pop(session.engine, None)
