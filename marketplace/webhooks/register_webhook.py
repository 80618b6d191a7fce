"""An owner says where it wants to be told, and of what."""

from collections.abc import Collection
from typing import Final

from kit.db import Session
from kit.encryption import SecretBox
from kit.errors import Conflict, InvalidInput
from kit.ids import IdAllocator
from marketplace.webhooks import repository
from marketplace.webhooks.addresses import AddressRules
from marketplace.webhooks.announce import forget_listening
from marketplace.webhooks.event_kinds import checked_kinds
from marketplace.webhooks.signing import new_secret
from marketplace.webhooks.tables import MAX_DESCRIPTION
from marketplace.webhooks.views import IssuedSecret, WebhookView

MAX_WEBHOOKS: Final = 20


class TooManyWebhooks(Conflict):
    """The owner has as many webhooks as it may have."""


def register_webhook(
    session: Session,
    ids: IdAllocator,
    box: SecretBox,
    rules: AddressRules,
    *,
    owner: str,
    url: str,
    kinds: Collection[str],
    description: str = "",
    now_ms: int,
) -> IssuedSecret:
    """Add a webhook, which is on; its secret is in the answer and is shown never again.

    It is told of what happens from two seconds later on. Raises InvalidInput, TooManyWebhooks.
    """
    if len(repository.webhooks_of(session, [owner])) >= MAX_WEBHOOKS:
        raise TooManyWebhooks(f"you have {MAX_WEBHOOKS} webhooks, which is the most: delete one that you do not need")
    view = WebhookView(
        webhook_id=ids.next_id(),
        owner=owner,
        url=rules.check_url(url),
        description=checked_description(description),
        kinds=checked_kinds(kinds),
        active=True,
        off_reason=None,
        previous_secret_until_ms=None,
        failing_since_ms=None,
        created_at_ms=now_ms,
        changed_at_ms=now_ms,
    )
    secret = new_secret()
    repository.insert_webhook(session, view, box.seal(secret, context_of(view.webhook_id)))
    forget_listening(session)
    return IssuedSecret(view, secret)


def context_of(webhook_id: int) -> str:
    """Return what binds a sealed secret to its webhook."""
    return f"webhook {webhook_id}"


def checked_description(text: str) -> str:
    """Return the words that an owner tells its webhooks apart by. Raises InvalidInput."""
    if len(text) > MAX_DESCRIPTION or not text.isprintable():
        raise InvalidInput("description", text, f"must have at most {MAX_DESCRIPTION} printable characters")
    return text
