"""What routes and pages of operations read: queues, shards, switches."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kit.db import Session
from kit.errors import QuanwangError
from kit.work import WorkCount, count_work
from marketplace.settings import Switch, last_changes, set_switch


class TellsHealth(Protocol):
    """Says how the shards are."""

    def health(self) -> Mapping[str, Any]:
        """Return {"ready", "barrier", "population", "shards", ...}; raises Unavailable when nobody answers."""
        ...


@dataclass(frozen=True, slots=True)
class QueueState:
    """Work of one kind in one state; ``overdue_ms`` is how long it is late."""

    count: WorkCount
    overdue_ms: int


def queue_states(session: Session, now_ms: int) -> list[QueueState]:
    """Return all work by kind and state; dead work waits for a person and is never late."""
    return [
        QueueState(found, 0 if found.earliest_ready_at_ms is None else max(0, now_ms - found.earliest_ready_at_ms))
        for found in count_work(session)
    ]


def shard_health(service: TellsHealth) -> dict[str, Any]:
    """Return the health of the shards; when nobody answers, the sentence that says so stands in ``why``."""
    try:
        found = service.health()
    except QuanwangError as error:
        return {"ready": False, "why": error.sentence, "barrier": None, "population": 0, "shards": []}
    ready = bool(found.get("ready"))
    why = None if ready else str(found.get("why") or "the shards are not complete yet; it goes on by itself")
    return {
        "ready": ready,
        "why": why,
        "barrier": found.get("barrier"),
        "population": found.get("population", 0),
        "shards": [dict(shard) for shard in found.get("shards", ())],
    }


def turn_switch(session: Session, *, switch: str, paused: bool, set_by: str, reason: str, now_ms: int) -> None:
    """Pause or resume. One that stands so already is left alone, so that a request sent twice is one change.

    Raises UnknownSwitch, InvalidInput, SettingChangedMeanwhile.
    """
    standing = last_changes(session)
    known = next((change for name, change in standing.items() if name.value == switch), None)
    if (known.paused if known is not None else False) is paused and switch in {each.value for each in Switch}:
        return
    set_switch(session, switch=switch, paused=paused, set_by=set_by, reason=reason, now_ms=now_ms)
