"""How long it took from a fault until each kind of operation succeeded again. Pure."""

import bisect
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from quanwang.drills.chaos.end_state import ToldChunk
from quanwang.drills.chaos.faults import Struck
from quanwang.drills.chaos.history import Operation

KINDS = ("submit", "accept", "select", "profile", "inbox")
NOTIFY = "notify"
"""From the fault until an order that was submitted after it is in the inboxes of its first wave."""

Recoveries = Mapping[str, Mapping[str, Sequence[int]]]
"""Fault name -> kind of operation -> milliseconds, one number for each fault that something succeeded after."""


def recoveries(
    struck: Sequence[Struck],
    operations: Sequence[Operation],
    chunks: Sequence[ToldChunk],
    created_ms: Mapping[int, int],
) -> Recoveries:
    """Return the recovery times; ``created_ms`` says when each dispatch was submitted.

    Counted are operations that began after the fault: what was under way may have succeeded before it struck.
    """
    successes = {kind: _by_beginning(operations, kind) for kind in KINDS}
    successes[NOTIFY] = _Successes(
        sorted(
            (created_ms[chunk.dispatch_id], chunk.delivered_at_ms)
            for chunk in chunks
            if chunk.number == 1 and chunk.delivered_at_ms is not None and chunk.dispatch_id in created_ms
        )
    )
    found: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for fault in struck:
        for kind, known in successes.items():
            first_ms = known.first_after(fault.at_ms)
            if first_ms is not None:
                found[fault.name][kind].append(first_ms - fault.at_ms)
    return found


def percentile(values: Sequence[int], share: float) -> int | None:
    """Return the smallest value that at least ``share`` of the values do not exceed; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


class _Successes:
    """(begun, ended) of what succeeded, by beginning, with the earliest end from each one on."""

    def __init__(self, pairs: Sequence[tuple[int, int]]) -> None:
        self._begun = [begun for begun, _ in pairs]
        self._earliest = [ended for _, ended in pairs]
        for place in range(len(pairs) - 2, -1, -1):
            self._earliest[place] = min(self._earliest[place], self._earliest[place + 1])

    def first_after(self, at_ms: int) -> int | None:
        """Return when the first of those that began at or after ``at_ms`` ended."""
        place = bisect.bisect_left(self._begun, at_ms)
        return self._earliest[place] if place < len(self._begun) else None


def _by_beginning(operations: Sequence[Operation], kind: str) -> _Successes:
    return _Successes(
        sorted((each.begun_ms, each.ended_ms) for each in operations if each.kind == kind and each.outcome == "ok")
    )
