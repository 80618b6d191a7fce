"""Tables of webhooks. Whether a delivery waits, is tried or is dead is told by its work row alone."""

from typing import Final

from sqlalchemy import Index, Table, UniqueConstraint

from kit.db import flag, id_key, id_ref, json_text, metadata, small_int, text_of, time_ms

MAX_URL: Final = 500
MAX_DESCRIPTION: Final = 200
MAX_SENTENCE: Final = 500

webhook: Final = Table(
    "webhook",
    metadata,
    id_key(),
    text_of("owner", 100),
    text_of("url", MAX_URL),
    text_of("description", MAX_DESCRIPTION),
    # Space-separated, ascending.
    text_of("kinds", 400),
    flag("active"),
    # Why it is off; null while it is on.
    text_of("off_reason", MAX_SENTENCE, nullable=True),
    # Sealed by kit.encryption: they are needed to sign, and the database alone must not give them away.
    text_of("secret", 300),
    text_of("previous_secret", 300, nullable=True),
    time_ms("previous_until_ms", nullable=True),
    # Since when no delivery has been taken, null after one was.
    time_ms("failing_since_ms", nullable=True),
    time_ms("created_at_ms"),
    time_ms("changed_at_ms"),
    # Its deliveries are swept afterwards, some at a time.
    time_ms("deleted_at_ms", nullable=True),
    Index(None, "owner", "id"),
    Index(None, "deleted_at_ms"),
)
"""Where an owner wants to be told, and of what."""

webhook_event: Final = Table(
    "webhook_event",
    metadata,
    id_key(),
    text_of("owner", 100),
    text_of("kind", 40),
    json_text("body"),
    time_ms("created_at_ms"),
    Index(None, "created_at_ms"),
)
"""What happened, as it is sent: the same bytes at every attempt. Only for owners with webhooks."""

webhook_delivery: Final = Table(
    "webhook_delivery",
    metadata,
    id_key(),
    id_ref("webhook_id"),
    id_ref("event_id"),
    small_int("attempts"),
    time_ms("tried_at_ms", nullable=True),
    small_int("status", nullable=True),
    text_of("error", MAX_SENTENCE, nullable=True),
    time_ms("delivered_at_ms", nullable=True),
    time_ms("created_at_ms"),
    UniqueConstraint("webhook_id", "event_id"),
    Index(None, "webhook_id", "id"),
    Index(None, "event_id"),
    Index(None, "delivered_at_ms"),
)
"""One event for one webhook, and what the last attempt answered."""
