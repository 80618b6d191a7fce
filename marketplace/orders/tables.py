"""Tables of orders."""

from typing import Final

from sqlalchemy import Table, UniqueConstraint

from kit.db import id_key, id_ref, json_text, key32, metadata, small_int, text_of, time_ms

MAX_EXTERNAL_ID: Final = 128
MAX_TITLE: Final = 200

orders: Final = Table(
    "orders",
    metadata,
    id_key(),
    text_of("owner", 100),
    # The backend's own id of the order, as text; null when it gave none.
    text_of("external_id", MAX_EXTERNAL_ID, nullable=True),
    small_int("version"),
    text_of("title", MAX_TITLE),
    json_text("description"),
    id_ref("publisher_user_id", nullable=True),
    # Validated key information in the words of matching.orders.
    json_text("document"),
    # SHA-256 of the document as it came in: tells a repeated submission from a contradicting one.
    key32("body_hash"),
    time_ms("expires_at_ms", nullable=True),
    time_ms("created_at_ms"),
    time_ms("changed_at_ms"),
    UniqueConstraint("owner", "external_id"),
)
"""One approved order. The unique (owner, external_id) makes submitting twice harmless."""
