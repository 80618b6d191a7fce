"""The table of idempotency keys."""

from typing import Final

from sqlalchemy import Index, Table

from kit.db import json_text, key32, metadata, small_int, time_ms

idempotency_table: Final = Table(
    "idempotency",
    metadata,
    # SHA-256 of owner and key: of one length, whatever people send.
    key32("key_hash", primary_key=True),
    key32("body_hash"),
    small_int("status", nullable=True),
    json_text("body", nullable=True),
    time_ms("created_at_ms"),
    Index("ix_idempotency_created_at_ms", "created_at_ms"),
)
