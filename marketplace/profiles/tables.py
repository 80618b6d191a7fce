"""Tables of the profiles."""

from sqlalchemy import Index, Table

from kit.db import big_int, flag, id_key, id_ref, json_text, metadata, text_of, time_ms

profile = Table(
    "profile",
    metadata,
    id_key("user_id"),
    text_of("source", 100),
    big_int("version"),
    json_text("document"),
    json_text("submitted_text", nullable=True),
    json_text("extracted", nullable=True),
    flag("deleted"),
    big_int("seq"),
    time_ms("changed_at_ms"),
    Index(None, "source", "user_id"),
)
"""What each user offers now. ``document`` is the checked, canonical form without the id: readers need no check.

A deleted profile keeps its row (version and number go on) and loses its content.
"""

profile_change = Table(
    "profile_change",
    metadata,
    id_key("seq"),
    id_ref("user_id"),
    time_ms("at_ms"),
    Index(None, "at_ms"),
)
"""The log that feeds the shards: whoever has seen a number has seen all below it (see next_sequence)."""
