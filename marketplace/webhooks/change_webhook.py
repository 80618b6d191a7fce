"""Another address, other kinds, on and off, and the end of a webhook."""

from collections.abc import Collection
from typing import Any, Final

from kit.db import Session
from marketplace.webhooks import repository
from marketplace.webhooks.addresses import AddressRules
from marketplace.webhooks.announce import forget_listening
from marketplace.webhooks.event_kinds import checked_kinds
from marketplace.webhooks.find_webhooks import get_webhook, owned
from marketplace.webhooks.register_webhook import checked_description
from marketplace.webhooks.views import WebhookView

OFF_BY_OWNER: Final = "switched off by its owner"


def change_webhook(
    session: Session,
    rules: AddressRules,
    *,
    owner: str | None,
    webhook_id: int,
    url: str | None = None,
    kinds: Collection[str] | None = None,
    description: str | None = None,
    active: bool | None = None,
    now_ms: int,
) -> WebhookView:
    """Set what is given, leave the rest; return the webhook as it stands then.

    A webhook that is off is told nothing, and what waits for it becomes dead letters, which may be sent again later.
    Turning it on clears why it was off. Raises WebhookNotFound, InvalidInput.
    """
    found = owned(repository.lock_webhook(session, webhook_id), owner, webhook_id)
    values: dict[str, Any] = {}
    if url is not None:
        values["url"] = rules.check_url(url)
    if kinds is not None:
        values["kinds"] = repository.joined(checked_kinds(kinds))
    if description is not None:
        values["description"] = checked_description(description)
    if active is not None and active != found.active:
        values |= {"active": int(active), "off_reason": None if active else OFF_BY_OWNER, "failing_since_ms": None}
    if values:
        repository.change_webhook(session, webhook_id, values, now_ms)
        forget_listening(session)
    return get_webhook(session, owner=owner, webhook_id=webhook_id)


def delete_webhook(session: Session, *, owner: str | None, webhook_id: int, now_ms: int) -> None:
    """End a webhook for good: nothing is sent any more, its deliveries are swept. Raises WebhookNotFound."""
    owned(repository.lock_webhook(session, webhook_id), owner, webhook_id)
    values = {"active": 0, "off_reason": "deleted", "deleted_at_ms": now_ms}
    repository.change_webhook(session, webhook_id, values, now_ms)
    forget_listening(session)
