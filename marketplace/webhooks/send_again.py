"""Dead letters of a webhook, and whatever else its owner wants once more, are sent again."""

from collections.abc import Sequence
from typing import Final

from kit.db import Session
from kit.ids import IdAllocator
from kit.work import NewWork, enqueue
from marketplace.webhooks import delivery_repository
from marketplace.webhooks.delivery_repository import DELIVERY_WORK
from marketplace.webhooks.find_webhooks import get_delivery, get_webhook
from marketplace.webhooks.views import DeliveryView

MAX_AGAIN: Final = 1_000


def send_again(
    session: Session, ids: IdAllocator, *, owner: str | None, webhook_id: int, delivery_id: int, now_ms: int
) -> DeliveryView:
    """Send one delivery again, at once and with all its attempts, whatever became of it; the event keeps its id.

    Raises WebhookNotFound, DeliveryNotFound.
    """
    get_delivery(session, owner=owner, webhook_id=webhook_id, delivery_id=delivery_id)
    _again(session, ids, [delivery_id], now_ms)
    return get_delivery(session, owner=owner, webhook_id=webhook_id, delivery_id=delivery_id)


def send_dead_again(session: Session, ids: IdAllocator, *, owner: str | None, webhook_id: int, now_ms: int) -> int:
    """Send the oldest dead letters of a webhook again, at most 1,000; return how many. Raises WebhookNotFound."""
    get_webhook(session, owner=owner, webhook_id=webhook_id)
    dead = delivery_repository.dead_deliveries(session, webhook_id, MAX_AGAIN)
    _again(session, ids, dead, now_ms)
    return len(dead)


def _again(session: Session, ids: IdAllocator, delivery_ids: Sequence[int], now_ms: int) -> None:
    if delivery_ids:
        delivery_repository.undo_delivered(session, delivery_ids)
        enqueue(session, ids, [NewWork(DELIVERY_WORK, each, now_ms) for each in delivery_ids], now_ms)
