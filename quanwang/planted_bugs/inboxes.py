"""What planted bugs put in the place of the guards of inboxes."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from marketplace.inbox import redis_scripts
from quanwang.planted_bugs.planting import Pause

DELIVERIES_OF_A_WAVE: Final = 1_000_000
Replacement = Callable[..., Any]


def numbered_by_delivery(original: Any, _pause: Pause) -> Replacement:
    """Give a chunk another event id each time that it is read for delivery."""
    numbers = itertools.count(1)

    def read_chunks(session: Any, wave_ids: Sequence[int]) -> list[Any]:
        number = next(numbers)
        return [
            replace(chunk, entry=replace(chunk.entry, event_id=chunk.entry.event_id * DELIVERIES_OF_A_WAVE + number))
            for chunk in original(session, wave_ids)
        ]

    return read_chunks


def without_looking(original: str, _pause: Pause) -> str:
    """Return a script that does not ask whether Redis holds everything."""
    for guard in (redis_scripts._WRITABLE, redis_scripts._READABLE):
        original = original.replace(guard, "")
    return original


def always_complete(_original: Any, _pause: Pause) -> Replacement:
    """Take whatever Redis holds for complete."""
    return lambda _keeper: True
