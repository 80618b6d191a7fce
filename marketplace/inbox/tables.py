"""Tables of the inbox. Its content is not here: waves are the truth of who was told, Redis shows it fast."""

from sqlalchemy import Index, Table

from kit.db import id_ref, metadata, time_ms

inbox_read = Table(
    "inbox_read",
    metadata,
    id_ref("user_id", primary_key=True),
    id_ref("dispatch_id", primary_key=True),
    time_ms("read_at_ms"),
    Index(None, "dispatch_id"),
)
"""Which of the offers a user has opened, and when first."""
