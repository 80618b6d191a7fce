"""What the clients and an onlooker know of a run: what was acknowledged, who was told, what was kept in which order."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

Pair = tuple[int, int]
"""Dispatch and user."""


@dataclass(slots=True)
class Submission:
    """An order as its client knows it. ``dispatch_ids``: of every answer that was heard."""

    title: str
    document: dict[str, Any]
    begun_at: int
    dispatch_ids: set[int] = field(default_factory=set)
    revised: bool = False


@dataclass(slots=True)
class Told:
    """One user in one committed chunk."""

    event_id: int
    wave: int
    tier: str
    expires_at_ms: int


class Violation(Exception):
    """Something that must hold does not."""

    def __init__(self, invariant: str, details: str) -> None:
        super().__init__(f"{invariant}: {details}")
        self.invariant, self.details = invariant, details


@dataclass(slots=True)
class Knowledge:
    """All of it. Steps, not times, order what happened: clocks jump."""

    submissions: dict[str, Submission] = field(default_factory=dict)
    known: dict[int, Submission] = field(default_factory=dict)
    told: dict[Pair, Told] = field(default_factory=dict)
    told_of: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    delivered: set[int] = field(default_factory=set)
    newest_event: int = 0
    waves: int = 0
    users: dict[str, int] = field(default_factory=dict)
    touched: dict[str, list[list[int | None]]] = field(default_factory=lambda: defaultdict(list))
    accepted: dict[Pair, int] = field(default_factory=dict)
    withdrawn: set[Pair] = field(default_factory=set)
    arrivals: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    tokens: dict[int, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    confirmed: set[tuple[int, int]] = field(default_factory=set)
    cancelled: set[int] = field(default_factory=set)
    requests: int = 0
    refusals: int = 0
    unknown: int = 0

    def steady_since(self, name: str, step: int) -> bool:
        """Whether a user's profile was acknowledged before ``step`` and nobody tried to change it since."""
        changes = self.touched.get(name, [])
        return bool(changes) and all(end is not None and end < step for _begin, end in changes)
