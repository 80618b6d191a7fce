"""Tables of the users."""

from sqlalchemy import Table, UniqueConstraint

from kit.db import id_key, metadata, text_of, time_ms

MAX_SOURCE_CHARACTERS = 100
MAX_EXTERNAL_ID_CHARACTERS = 128

user_identity = Table(
    "user_identity",
    metadata,
    id_key("user_id"),
    text_of("source", MAX_SOURCE_CHARACTERS),
    text_of("external_id", MAX_EXTERNAL_ID_CHARACTERS),
    time_ms("created_at_ms"),
    UniqueConstraint("source", "external_id"),
)
"""Every user of every source, once; both keys are unique, and nothing here ever changes."""
