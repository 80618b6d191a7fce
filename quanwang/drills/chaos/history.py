"""What the clients saw: an append-only list of operations, each with its beginning and how it ended."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["ok", "fail", "unknown"]
"""ok: acknowledged. fail: refused, so it had no effect. unknown: no answer came in time, it may have had its effect."""


@dataclass(slots=True)
class Operation:
    """One thing that a client wanted, with all its attempts under one key. Times are those of the wall, in ms.

    ``order`` names the order by its title, which is unique; ``user_id`` is the receiver, where there is one.
    ``answer`` is the part of the answer that is checked, ``wanted`` what the client asked for.
    """

    number: int
    kind: str
    order: str | None
    user_id: int | None
    wanted: Mapping[str, Any]
    begun_ms: int
    outcome: Outcome | None = None
    ended_ms: int = 0
    status: int = 0
    attempts: int = 0
    answer: Mapping[str, Any] = field(default_factory=dict)
    sentence: str = ""


class History:
    """All operations of a run, written to a file as they begin and end; safe for threads."""

    def __init__(self, path: Path, clock: Callable[[], int]) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._clock = clock
        self._lock = threading.Lock()
        self.operations: list[Operation] = []

    def begin(
        self, kind: str, *, order: str | None = None, user_id: int | None = None, wanted: Mapping[str, Any]
    ) -> Operation:
        """Note that a client begins something, before anything is sent."""
        with self._lock:
            operation = Operation(len(self.operations), kind, order, user_id, wanted, self._clock())
            self.operations.append(operation)
            self._write({"begin": operation.number, "kind": kind, "order": order, "user": user_id, "wanted": wanted})
        return operation

    def end(
        self,
        operation: Operation,
        outcome: Outcome,
        *,
        status: int = 0,
        answer: Mapping[str, Any] | None = None,
        sentence: str = "",
    ) -> None:
        """Note how it ended; an operation ends once."""
        with self._lock:
            if operation.outcome is not None:
                raise ValueError(f"operation {operation.number} ended before")
            operation.answer, operation.status, operation.sentence = answer or {}, status, sentence
            operation.ended_ms = self._clock()
            operation.outcome = outcome
            ended = asdict(operation)
            self._write({"end": operation.number, **{name: ended[name] for name in _OF_THE_END}})

    def counts(self) -> dict[str, int]:
        """Return how many operations ended in each way, of all kinds."""
        with self._lock:
            found = {"ok": 0, "fail": 0, "unknown": 0}
            for each in self.operations:
                if each.outcome is not None:
                    found[each.outcome] += 1
            return found

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps({"at_ms": self._clock(), **line}, ensure_ascii=False) + "\n")
        self._file.flush()


_OF_THE_END = ("outcome", "status", "attempts", "answer", "sentence")
