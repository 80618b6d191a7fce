"""The handler of work kind "webhook_event": an event becomes a delivery for each webhook that wants it."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from kit.db import Database, Session
from kit.ids import IdAllocator
from kit.work import Claimed, NewWork, complete, enqueue, hold
from marketplace.webhooks import delivery_repository, repository
from marketplace.webhooks.announce import body_of
from marketplace.webhooks.delivery_repository import DELIVERY_WORK
from marketplace.webhooks.event_kinds import EventKind
from marketplace.webhooks.find_webhooks import get_delivery, get_webhook
from marketplace.webhooks.views import DeliveryView, WebhookView

OWNERS_AT_ONCE: Final = 900


def fan_out(database: Database, ids: IdAllocator, claims: Sequence[Claimed], *, now_ms: int) -> None:
    """Write the deliveries of the claimed events and their work, in one transaction."""

    def write(session: Session) -> None:
        mine = hold(session, claims)
        events = delivery_repository.read_events(session, [claimed.subject_id for claimed in mine])
        webhooks = _by_owner(session, sorted({event.owner for event in events}))
        pairs = [
            (view.webhook_id, event.event_id)
            for event in events
            for view in webhooks[event.owner]
            if view.active and event.kind in view.kinds
        ]
        _deliver(session, ids, pairs, now_ms)
        complete(session, mine)

    database.run(write)


def send_test(session: Session, ids: IdAllocator, *, owner: str | None, webhook_id: int, now_ms: int) -> DeliveryView:
    """Write an event of kind webhook.test for one webhook, on or off; it is sent like every other one.

    Raises WebhookNotFound.
    """
    view = get_webhook(session, owner=owner, webhook_id=webhook_id)
    event_id = ids.next_id()
    body = body_of(EventKind.TEST, {"webhook_id": webhook_id}, now_ms)
    delivery_repository.insert_events(session, [(event_id, view.owner, EventKind.TEST.value, body)], now_ms)
    (delivery_id,) = _deliver(session, ids, [(webhook_id, event_id)], now_ms)
    return get_delivery(session, owner=owner, webhook_id=webhook_id, delivery_id=delivery_id)


def _by_owner(session: Session, owners: Sequence[str]) -> dict[str, list[WebhookView]]:
    found: dict[str, list[WebhookView]] = defaultdict(list)
    for start in range(0, len(owners), OWNERS_AT_ONCE):
        for view in repository.webhooks_of(session, owners[start : start + OWNERS_AT_ONCE]):
            found[view.owner].append(view)
    return found


def _deliver(session: Session, ids: IdAllocator, pairs: Sequence[tuple[int, int]], now_ms: int) -> Sequence[int]:
    if not pairs:
        return []
    delivery_ids = ids.take(len(pairs))
    rows = [(delivery_id, *pair) for delivery_id, pair in zip(delivery_ids, pairs, strict=True)]
    delivery_repository.insert_deliveries(session, rows, now_ms)
    enqueue(session, ids, [NewWork(DELIVERY_WORK, delivery_id, now_ms) for delivery_id in delivery_ids], now_ms)
    return delivery_ids
