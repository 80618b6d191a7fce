"""What planted bugs put in the place of the queue's guards."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from kit.work import Claimed, work_table
from kit.work.tables import LEASED
from quanwang.planted_bugs.planting import Pause

LONG_AFTER_MS: Final = 366 * 24 * 3_600_000
Replacement = Callable[..., Any]


def everything_is_ours(_original: Any, _pause: Pause) -> Replacement:
    """Hold claims without a look at who has them now."""

    def lock_ours(_session: Any, claims: Sequence[Claimed]) -> list[tuple[Claimed, int | None]]:
        return [(claimed, None) for claimed in sorted(claims, key=lambda claimed: claimed.id)]

    return lock_ours


def by_id_alone(_original: Any, _pause: Pause) -> Replacement:
    """End rows by their ids, whoever has them."""
    return lambda claims: work_table.c.id.in_(sorted(claimed.id for claimed in claims))


def whatever_was_met(_original: Any, _pause: Pause) -> Replacement:
    """Do not mind rows that were not met."""
    return lambda _met, _claims: None


class _AnyVersion:
    """Equals every version."""

    def __eq__(self, _other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


def of_any_version(original: Any, _pause: Pause) -> Replacement:
    """Make plans that fit the dispatch however it changed since."""
    return lambda _version: original(_AnyVersion())


def held_or_not(original: Any, _pause: Pause) -> Replacement:
    """Find due rows as if every lease were over."""

    def due(session: Any, kind: str, limit: int, now_ms: int) -> list[Any]:
        rows = original(session, kind, limit, now_ms + LONG_AFTER_MS)
        return [row for row in rows if row.state == LEASED or row.due_at_ms <= now_ms]

    return due


def never_written(_original: Any, _pause: Pause) -> Replacement:
    """Enqueue nothing."""

    def enqueue(_session: Any, _ids: Any, _works: Sequence[Any], _now_ms: int, **_options: Mapping[str, Any]) -> None:
        return None

    return enqueue
