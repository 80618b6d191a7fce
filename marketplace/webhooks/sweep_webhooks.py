"""Removes what nobody asks for any more: old deliveries that were taken, old events, deleted webhooks."""

from functools import partial
from typing import Final

from kit.db import Database, Session
from kit.ids import IdAllocator
from kit.work import NewWork, enqueue
from marketplace.webhooks import delivery_repository, repository
from marketplace.webhooks.delivery_repository import DELIVERY_WORK

DAY_MS: Final = 86_400_000
KEPT_MS: Final = 7 * DAY_MS
ROWS_AT_ONCE: Final = 900
WEBHOOKS_AT_ONCE: Final = 20


def sweep_webhooks(database: Database, ids: IdAllocator, *, now_ms: int) -> int:
    """Remove a bounded part of what is over, in short transactions; return how many rows. Call it again and again."""
    before_ms = now_ms - KEPT_MS
    removed = database.run(lambda session: delivery_repository.remove_delivered(session, before_ms, ROWS_AT_ONCE))
    removed += database.run(lambda session: delivery_repository.remove_events(session, before_ms, ROWS_AT_ONCE))
    with database.read() as session:
        deleted = repository.deleted_webhooks(session, WEBHOOKS_AT_ONCE)
    for webhook_id in deleted:
        removed += database.run(partial(_sweep_deleted, ids=ids, webhook_id=webhook_id, now_ms=now_ms))
    return removed


def _sweep_deleted(session: Session, *, ids: IdAllocator, webhook_id: int, now_ms: int) -> int:
    found = delivery_repository.deliveries_to_sweep(session, webhook_id, ROWS_AT_ONCE)
    if not found:
        repository.remove_webhook(session, webhook_id)
        return 1
    # Their work, dead or not, comes up once more, finds no delivery and ends.
    enqueue(session, ids, [NewWork(DELIVERY_WORK, each, now_ms) for each in found], now_ms)
    delivery_repository.remove_deliveries(session, found)
    return len(found)
