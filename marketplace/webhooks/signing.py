"""Secrets and signatures as of Standard Webhooks (standardwebhooks.com): HMAC-SHA256 over id, time and body."""

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from standardwebhooks import Webhook

SECRET_BYTES: Final = 32
PREFIX: Final = "whsec_"


def new_secret() -> str:
    """Return a fresh secret: ``whsec_`` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def message_id(event_id: int) -> str:
    """Return the ``webhook-id`` of an event: the same at every attempt and for every webhook."""
    return f"evt_{event_id}"


def signed_headers(secrets_in_force: Sequence[str], event_id: int, body: str, now_ms: int) -> dict[str, str]:
    """Return the three headers; with a second secret, a signature by each, so that receivers change at leisure."""
    identity, at = message_id(event_id), datetime.fromtimestamp(now_ms // 1000, UTC)
    signatures = [Webhook(secret).sign(identity, at, body) for secret in secrets_in_force]
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(now_ms // 1000),
        "webhook-signature": " ".join(signatures),
    }
