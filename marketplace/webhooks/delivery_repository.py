"""Rows of events and of their deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, Select, and_, delete, exists, or_, select, update

from kit.db import Session, insert_many
from kit.work import work_table
from marketplace.webhooks.tables import MAX_SENTENCE, webhook, webhook_delivery, webhook_event
from marketplace.webhooks.views import DeliveryState, DeliveryView

DELIVERY_WORK: Final = "webhook"
"""Work kind: one event is sent to one webhook. Its subject is the delivery."""

_delivery = webhook_delivery.c
_work = work_table.c


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it is handed on."""

    event_id: int
    owner: str
    kind: str


@dataclass(frozen=True, slots=True)
class Target:
    """Everything that sending one delivery needs, but for the secrets."""

    delivery_id: int
    webhook_id: int
    event_id: int
    url: str
    body: str
    active: bool


def insert_events(session: Session, rows: Sequence[tuple[int, str, str, str]], now_ms: int) -> None:
    """Write events: (id, owner, kind, body)."""
    insert_many(
        session,
        webhook_event,
        [
            {"id": event_id, "owner": owner, "kind": kind, "body": body, "created_at_ms": now_ms}
            for event_id, owner, kind, body in rows
        ],
    )


def read_events(session: Session, event_ids: Sequence[int]) -> list[StoredEvent]:
    """Return the events with these ids (at most 900)."""
    rows = session.execute(
        select(webhook_event.c.id, webhook_event.c.owner, webhook_event.c.kind).where(webhook_event.c.id.in_(event_ids))
    )
    return [StoredEvent(row.id, row.owner, row.kind) for row in rows]


def insert_deliveries(session: Session, rows: Sequence[tuple[int, int, int]], now_ms: int) -> None:
    """Write deliveries: (id, webhook, event)."""
    insert_many(
        session,
        webhook_delivery,
        [
            {
                "id": delivery_id,
                "webhook_id": webhook_id,
                "event_id": event_id,
                "attempts": 0,
                "tried_at_ms": None,
                "status": None,
                "error": None,
                "delivered_at_ms": None,
                "created_at_ms": now_ms,
            }
            for delivery_id, webhook_id, event_id in rows
        ],
    )


def targets_of(session: Session, delivery_ids: Sequence[int]) -> dict[int, Target]:
    """Return where the deliveries (at most 900) go and what they say; those of deleted webhooks are missing."""
    rows = session.execute(
        select(
            _delivery.id,
            _delivery.webhook_id,
            _delivery.event_id,
            webhook.c.url,
            webhook.c.active,
            webhook_event.c.body,
        )
        .join_from(webhook_delivery, webhook, webhook.c.id == _delivery.webhook_id)
        .join(webhook_event, webhook_event.c.id == _delivery.event_id)
        .where(_delivery.id.in_(delivery_ids), webhook.c.deleted_at_ms.is_(None))
    )
    return {row.id: Target(row.id, row.webhook_id, row.event_id, row.url, row.body, bool(row.active)) for row in rows}


def note_attempt(
    session: Session, delivery_id: int, *, status: int | None, error: str | None, delivered: bool, now_ms: int
) -> None:
    """Note what an attempt brought."""
    session.execute(
        update(webhook_delivery)
        .where(_delivery.id == delivery_id)
        .values(
            attempts=_delivery.attempts + 1,
            tried_at_ms=now_ms,
            status=status,
            error=None if error is None else error[:MAX_SENTENCE],
            delivered_at_ms=now_ms if delivered else None,
        )
    )


def note_refusal(session: Session, delivery_ids: Sequence[int], error: str) -> None:
    """Note why deliveries were not tried at all."""
    session.execute(update(webhook_delivery).where(_delivery.id.in_(delivery_ids)).values(error=error[:MAX_SENTENCE]))


def undo_delivered(session: Session, delivery_ids: Sequence[int]) -> None:
    """Forget that they were taken: they are sent again."""
    session.execute(update(webhook_delivery).where(_delivery.id.in_(delivery_ids)).values(delivered_at_ms=None))


def list_deliveries(
    session: Session, webhook_id: int, *, state: DeliveryState | None, before_id: int | None, limit: int
) -> list[DeliveryView]:
    """Return deliveries of one webhook, newest first."""
    query = _views().where(_delivery.webhook_id == webhook_id).order_by(_delivery.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(_delivery.id < before_id)
    if state == "delivered":
        query = query.where(_delivery.delivered_at_ms.is_not(None))
    elif state == "dead":
        query = query.where(_delivery.delivered_at_ms.is_(None), _work.state == "dead")
    elif state == "pending":
        query = query.where(_delivery.delivered_at_ms.is_(None), _work.state != "dead")
    elif state == "dropped":
        query = query.where(_delivery.delivered_at_ms.is_(None), _work.state.is_(None))
    return [_view(row) for row in session.execute(query)]


def find_delivery(session: Session, webhook_id: int, delivery_id: int) -> DeliveryView | None:
    """Return one delivery of one webhook."""
    row = session.execute(_views().where(_delivery.id == delivery_id, _delivery.webhook_id == webhook_id)).one_or_none()
    return None if row is None else _view(row)


def dead_deliveries(session: Session, webhook_id: int, limit: int) -> list[int]:
    """Return dead deliveries of one webhook, oldest first."""
    rows = session.execute(
        select(_delivery.id)
        .join_from(webhook_delivery, work_table, and_(_work.kind == DELIVERY_WORK, _work.subject_id == _delivery.id))
        .where(_delivery.webhook_id == webhook_id, _work.state == "dead")
        .order_by(_delivery.id)
        .limit(limit)
    )
    return list(rows.scalars())


def deliveries_to_sweep(session: Session, webhook_id: int, limit: int) -> list[int]:
    """Return deliveries of a deleted webhook."""
    rows = session.execute(select(_delivery.id).where(_delivery.webhook_id == webhook_id).limit(limit))
    return list(rows.scalars())


def remove_deliveries(session: Session, delivery_ids: Sequence[int]) -> None:
    """Remove deliveries (at most 1,000)."""
    session.execute(delete(webhook_delivery).where(_delivery.id.in_(delivery_ids)))


def remove_delivered(session: Session, before_ms: int, limit: int) -> int:
    """Remove up to ``limit`` deliveries that were taken before a moment; return how many."""
    old = session.execute(select(_delivery.id).where(_delivery.delivered_at_ms < before_ms).limit(limit)).scalars()
    ids = list(old)
    if ids:
        remove_deliveries(session, ids)
    return len(ids)


def remove_events(session: Session, before_ms: int, limit: int) -> int:
    """Remove up to ``limit`` events of before a moment that no delivery and no work needs; return how many."""
    needed = or_(
        exists().where(_delivery.event_id == webhook_event.c.id),
        exists().where(_work.kind == "webhook_event", _work.subject_id == webhook_event.c.id),
    )
    query = select(webhook_event.c.id).where(webhook_event.c.created_at_ms < before_ms, ~needed).limit(limit)
    ids = list(session.execute(query).scalars())
    if ids:
        session.execute(delete(webhook_event).where(webhook_event.c.id.in_(ids)))
    return len(ids)


def _views() -> Select[Any]:
    return (
        select(webhook_delivery, webhook_event.c.kind, _work.state, _work.ready_at_ms)
        .join_from(webhook_delivery, webhook_event, webhook_event.c.id == _delivery.event_id)
        .outerjoin(work_table, and_(_work.kind == DELIVERY_WORK, _work.subject_id == _delivery.id))
    )


def _view(row: Row[Any]) -> DeliveryView:
    state: DeliveryState = "dropped"
    if row.delivered_at_ms is not None:
        state = "delivered"
    elif row.state is not None:
        state = "dead" if row.state == "dead" else "pending"
    return DeliveryView(
        delivery_id=row.id,
        webhook_id=row.webhook_id,
        event_id=row.event_id,
        kind=row.kind,
        state=state,
        attempts=row.attempts,
        tried_at_ms=row.tried_at_ms,
        status=row.status,
        error=row.error,
        delivered_at_ms=row.delivered_at_ms,
        created_at_ms=row.created_at_ms,
        next_try_at_ms=row.ready_at_ms if state == "pending" else None,
    )
