"""Tables of operations."""

from typing import Final, Literal

from sqlalchemy import Index, Table

from kit.db import id_key, id_ref, metadata, small_int, text_of, time_ms

Action = Literal["retry", "dismiss"]
MAX_ACTOR: Final = 128
MAX_REASON: Final = 500

letter_decision: Final = Table(
    "letter_decision",
    metadata,
    id_key(),
    # The work row as it stood: a dismissed one is gone, a retried one goes on.
    id_ref("work_id"),
    text_of("kind", 40),
    id_ref("subject_id"),
    small_int("failures"),
    text_of("last_error", 500),
    text_of("action", 8),
    text_of("actor", MAX_ACTOR),
    text_of("reason", MAX_REASON),
    time_ms("decided_at_ms"),
    Index(None, "decided_at_ms", "id"),
)
"""Who let dead work be tried again or gave it up, when and why; never changed."""
