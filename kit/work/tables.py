"""The one table of background work."""

from typing import Final

from sqlalchemy import Index, Table, UniqueConstraint

from kit.db import big_int, id_key, id_ref, json_text, metadata, small_int, text_of, time_ms

PENDING: Final = "pending"
"""Waits for its due time."""
LEASED: Final = "leased"
"""A worker has it until the end of its lease."""
DEAD: Final = "dead"
"""Failed too often; waits for an admin."""

LOST: Final = "the worker that had it stopped or was too slow"
"""The last error of work whose lease ran out."""

MAX_KIND_LENGTH: Final = 40
MAX_ERROR_LENGTH: Final = 500

work_table: Final = Table(
    "work",
    metadata,
    id_key(),
    text_of("kind", MAX_KIND_LENGTH),
    id_ref("subject_id"),
    text_of("state", 8),
    time_ms("due_at_ms"),
    # When a worker may take it: the due time while pending, the end of the lease while leased, null when dead.
    time_ms("ready_at_ms", nullable=True),
    # Fencing number: grows with every claim and never goes back.
    big_int("attempt"),
    # Failures since the last success; decides the backoff and the dead letter.
    small_int("failures"),
    # Somebody asked for the same work while it was leased: it is due again then, instead of being deleted.
    time_ms("again_at_ms", nullable=True),
    json_text("payload"),
    text_of("last_error", MAX_ERROR_LENGTH, nullable=True),
    time_ms("created_at_ms"),
    UniqueConstraint("kind", "subject_id"),
    Index("ix_work_ready", "kind", "ready_at_ms"),
)
