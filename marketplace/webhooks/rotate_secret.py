"""A new secret beside the old one for a while, so that no receiver refuses a delivery meanwhile."""

from typing import Final

from kit.db import Session
from kit.encryption import SecretBox
from kit.errors import InvalidInput
from marketplace.webhooks import repository
from marketplace.webhooks.find_webhooks import get_webhook, owned
from marketplace.webhooks.register_webhook import context_of
from marketplace.webhooks.repository import SealedSecrets
from marketplace.webhooks.signing import new_secret
from marketplace.webhooks.views import IssuedSecret

HOUR_MS: Final = 3_600_000
DEFAULT_OVERLAP_HOURS: Final = 24
MAX_OVERLAP_HOURS: Final = 168


def rotate_secret(
    session: Session,
    box: SecretBox,
    *,
    owner: str | None,
    webhook_id: int,
    overlap_hours: int = DEFAULT_OVERLAP_HOURS,
    now_ms: int,
) -> IssuedSecret:
    """Give a webhook a new secret; for ``overlap_hours`` (0..168) deliveries are signed by both.

    A rotation within the overlap of another one ends that: at most two secrets are in force. 0 is for a secret that
    became known. Raises WebhookNotFound, InvalidInput.
    """
    if not 0 <= overlap_hours <= MAX_OVERLAP_HOURS:
        raise InvalidInput("overlap_hours", overlap_hours, f"must be 0 to {MAX_OVERLAP_HOURS}")
    owned(repository.lock_webhook(session, webhook_id), owner, webhook_id)
    before = repository.sealed_secrets(session, [webhook_id])[webhook_id]
    secret = new_secret()
    values = {
        "secret": box.seal(secret, context_of(webhook_id)),
        "previous_secret": before.current if overlap_hours else None,
        "previous_until_ms": now_ms + overlap_hours * HOUR_MS if overlap_hours else None,
    }
    repository.change_webhook(session, webhook_id, values, now_ms)
    return IssuedSecret(get_webhook(session, owner=owner, webhook_id=webhook_id), secret)


def secrets_in_force(box: SecretBox, webhook_id: int, sealed: SealedSecrets, now_ms: int) -> list[str]:
    """Return what a delivery is signed by, the current secret first. Raises SealBroken."""
    found = [box.open(sealed.current, context_of(webhook_id))]
    if sealed.previous is not None and sealed.previous_until_ms is not None and now_ms < sealed.previous_until_ms:
        found.append(box.open(sealed.previous, context_of(webhook_id)))
    return found
