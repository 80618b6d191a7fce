"""Read webhooks and deliveries, each owner its own."""

from typing import Final

from kit.db import Session
from kit.errors import InvalidInput, NotFound
from marketplace.webhooks import delivery_repository, repository
from marketplace.webhooks.views import DeliveryPage, DeliveryState, DeliveryView, WebhookView

MAX_PAGE: Final = 100


class WebhookNotFound(NotFound):
    """There is no such webhook, or it belongs to another owner."""

    def __init__(self, webhook_id: int) -> None:
        super().__init__(f"there is no webhook {webhook_id} of yours: list your webhooks to see their ids")


class DeliveryNotFound(NotFound):
    """There is no such delivery of this webhook."""

    def __init__(self, webhook_id: int, delivery_id: int) -> None:
        super().__init__(f"webhook {webhook_id} has no delivery {delivery_id}: list its deliveries to see their ids")


def list_webhooks(session: Session, *, owner: str) -> list[WebhookView]:
    """Return the webhooks of an owner, oldest first; there are at most 20."""
    return repository.webhooks_of(session, [owner])


def get_webhook(session: Session, *, owner: str | None, webhook_id: int) -> WebhookView:
    """Return one webhook. ``owner`` None sees everybody's. Raises WebhookNotFound."""
    return owned(repository.find_webhook(session, webhook_id), owner, webhook_id)


def owned(found: WebhookView | None, owner: str | None, webhook_id: int) -> WebhookView:
    """Return a webhook if it is the owner's. Raises WebhookNotFound."""
    if found is None or (owner is not None and found.owner != owner):
        raise WebhookNotFound(webhook_id)
    return found


def list_deliveries(
    session: Session,
    *,
    owner: str | None,
    webhook_id: int,
    state: DeliveryState | None = None,
    cursor: int | None = None,
    limit: int = 20,
) -> DeliveryPage:
    """Return up to ``limit`` (1..100) deliveries older than ``cursor`` (a delivery id), newest first.

    ``state`` "dead" is the view of dead letters. Raises WebhookNotFound, InvalidInput.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidInput("limit", limit, f"must be 1 to {MAX_PAGE}")
    get_webhook(session, owner=owner, webhook_id=webhook_id)
    found = delivery_repository.list_deliveries(session, webhook_id, state=state, before_id=cursor, limit=limit + 1)
    page = found[:limit]
    return DeliveryPage(page, page[-1].delivery_id if len(found) > limit else None)


def get_delivery(session: Session, *, owner: str | None, webhook_id: int, delivery_id: int) -> DeliveryView:
    """Return one delivery. Raises WebhookNotFound, DeliveryNotFound."""
    get_webhook(session, owner=owner, webhook_id=webhook_id)
    found = delivery_repository.find_delivery(session, webhook_id, delivery_id)
    if found is None:
        raise DeliveryNotFound(webhook_id, delivery_id)
    return found
