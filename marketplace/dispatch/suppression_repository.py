"""Rows of suppressions: who fits and was passed over, and why. Packed like waves: never a row a user."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlalchemy import Row, func, select, update

from kit.db import Session, insert_many
from marketplace.dispatch.dispatch_repository import IN_AT_MOST
from marketplace.dispatch.packing import MAX_CHUNK_USERS, find, pack_ids, unpack_ids
from marketplace.dispatch.states import Reason
from marketplace.dispatch.tables import suppression
from marketplace.dispatch.views import Suppression, SuppressionCount, Tier

SuppressionState = Literal["waiting", "settled", "final"]

NOBODY: Final["array[int]"] = array("q")


@dataclass(frozen=True, slots=True)
class NewSuppression:
    """Users of one wave and tier who are passed over for one reason; ``user_ids`` ascending, at least one.

    ``full_count``: of the answer in which they were found.
    """

    dispatch_id: int
    order_version: int
    wave: int
    tier: Tier
    reason: Reason
    state: SuppressionState
    user_ids: Sequence[int]
    full_count: int


@dataclass(slots=True)
class PassedOver:
    """Who was passed over of one order version: ``waiting`` for the catch-up wave, and ``final``. Ascending."""

    waiting: "array[int]" = field(default_factory=lambda: NOBODY)
    final: "array[int]" = field(default_factory=lambda: NOBODY)


def chunks_of(suppressions: Sequence[NewSuppression]) -> int:
    """Return how many rows these are: at most 65,536 users a row."""
    return sum(-(-len(each.user_ids) // MAX_CHUNK_USERS) for each in suppressions)


def insert_suppressions(
    session: Session, ids: Sequence[int], suppressions: Sequence[NewSuppression], now_ms: int
) -> None:
    """Write them under as many ids as ``chunks_of`` says."""
    parts = [
        (each, each.user_ids[start : start + MAX_CHUNK_USERS])
        for each in suppressions
        for start in range(0, len(each.user_ids), MAX_CHUNK_USERS)
    ]
    rows = [_values(row_id, each, part, now_ms) for row_id, (each, part) in zip(ids, parts, strict=True)]
    insert_many(session, suppression, rows)


def _values(row_id: int, each: NewSuppression, user_ids: Sequence[int], now_ms: int) -> dict[str, Any]:
    return {
        "id": row_id,
        "dispatch_id": each.dispatch_id,
        "order_version": each.order_version,
        "wave": each.wave,
        "tier": each.tier,
        "reason": each.reason.value,
        "state": each.state,
        "size": len(user_ids),
        "user_ids": pack_ids(user_ids),
        "smallest_user_id": user_ids[0],
        "largest_user_id": user_ids[-1],
        "full_count": each.full_count,
        "noted_at_ms": now_ms,
    }


def settle(session: Session, dispatch_ids: Sequence[int]) -> None:
    """Note that the catch-up waves of these dispatches dealt with everybody who waited, in one statement."""
    session.execute(
        update(suppression)
        .where(suppression.c.dispatch_id.in_(dispatch_ids), suppression.c.state == "waiting")
        .values(state="settled")
    )


def passed_over(session: Session, versions: Mapping[int, int]) -> dict[int, PassedOver]:
    """Return who waits and who is suppressed for good, of each dispatch at the given order version."""
    columns = (suppression.c.dispatch_id, suppression.c.order_version, suppression.c.state, suppression.c.user_ids)
    statement = select(*columns).where(
        suppression.c.dispatch_id.in_(sorted(versions)), suppression.c.state.in_(("waiting", "final"))
    )
    parts: dict[tuple[int, str], list[int]] = {}
    for row in session.execute(statement):
        if row.order_version == versions[row.dispatch_id]:
            parts.setdefault((row.dispatch_id, row.state), []).extend(unpack_ids(row.user_ids))
    found = {dispatch_id: PassedOver() for dispatch_id, _ in parts}
    for (dispatch_id, state), user_ids in parts.items():
        setattr(found[dispatch_id], state, array("q", sorted(user_ids)))
    return found


def suppression_counts(session: Session, dispatch_id: int) -> list[SuppressionCount]:
    """Return how many users were passed over, by order version, wave, tier, reason and state."""
    keys = (
        suppression.c.order_version,
        suppression.c.wave,
        suppression.c.tier,
        suppression.c.reason,
        suppression.c.state,
    )
    statement = (
        select(*keys, func.sum(suppression.c.size), func.min(suppression.c.noted_at_ms))
        .where(suppression.c.dispatch_id == dispatch_id)
        .group_by(*keys)
        .order_by(*keys)
        .limit(MAX_LINES)
    )
    return [
        SuppressionCount(row[0], row[1], _tier(row[2]), row[3], row[4], int(row[5]), row[6])
        for row in session.execute(statement)
    ]


MAX_LINES: Final = 1_000


def suppressions_of(session: Session, dispatch_id: int, user_id: int) -> list[Suppression]:
    """Return when and why one user was passed over by a dispatch, the first time first."""
    statement = (
        select(suppression)
        .where(
            suppression.c.dispatch_id == dispatch_id,
            suppression.c.smallest_user_id <= user_id,
            suppression.c.largest_user_id >= user_id,
        )
        .order_by(suppression.c.noted_at_ms, suppression.c.id)
        .limit(IN_AT_MOST)
    )
    return [_view(row) for row in session.execute(statement) if find(unpack_ids(row.user_ids), user_id) is not None]


def _view(row: Row[Any]) -> Suppression:
    return Suppression(row.order_version, row.wave, _tier(row.tier), row.reason, row.state, row.noted_at_ms)


def _tier(value: str) -> Tier:
    return "full" if value == "full" else "partial"
