"""What planted bugs put in the place of the guards of acceptances and choices."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from marketplace.dispatch.dispatch_repository import DispatchRow
from marketplace.dispatch.locked_dispatch import LockedDispatch
from marketplace.dispatch.tables import assignment
from quanwang.planted_bugs.planting import Pause

MOST_REMEMBERED: Final = 100_000
Replacement = Callable[..., Any]


def remembered(original: Any, _pause: Pause) -> Replacement:
    """Return an open dispatch as it was when it was first read, without a lock."""
    seen: dict[int, DispatchRow] = {}

    def share_dispatches(session: Any, dispatch_ids: Sequence[int]) -> dict[int, DispatchRow]:
        missing = [dispatch_id for dispatch_id in dispatch_ids if dispatch_id not in seen]
        fresh: dict[int, DispatchRow] = original(session, missing) if missing else {}
        if len(seen) > MOST_REMEMBERED:
            seen.clear()
        seen.update((key, row) for key, row in fresh.items() if not row.state.final and row.state.assigned is None)
        return {**{key: seen[key] for key in dispatch_ids if key in seen}, **fresh}

    return share_dispatches


def at_any_time(original: Any, _pause: Pause) -> Replacement:
    """Refuse for any reason but the time."""
    return lambda pair, row, owner, offer, _now_ms: original(pair, row, owner, offer, 0)


_clock = threading.local()


def minding_the_time(original: Any, _pause: Pause) -> Replacement:
    """Remember the time of the web process while it queues."""

    def queue(session: Any, ids: Any, pairs: Any, offers: Any, now_ms: int) -> Any:
        _clock.now_ms = now_ms
        return original(session, ids, pairs, offers, now_ms)

    return queue


def by_the_clock(_original: Any, _pause: Pause) -> Replacement:
    """Give arrivals by that time."""
    return lambda _session, dispatch_ids: [_clock.now_ms + place for place in range(len(dispatch_ids))]


def unmarked(original: Any, _pause: Pause) -> Replacement:
    """Write assignments without the unique mark of the active one."""

    def insert_many(session: Any, table: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        if table is assignment:
            rows = [{**row, "active_dispatch_id": None} for row in rows]
        original(session, table, rows)

    return insert_many


def as_if_free(original: Any, _pause: Pause) -> Replacement:
    """Lock a dispatch and see nobody who is selected."""

    def lock_dispatch(*arguments: Any) -> LockedDispatch:
        locked: LockedDispatch = original(*arguments)
        woken = replace(locked.woken, state=replace(locked.woken.state, assigned=None))
        return replace(locked, row=replace(locked.row, state=replace(locked.row.state, assigned=None)), woken=woken)

    return lock_dispatch
