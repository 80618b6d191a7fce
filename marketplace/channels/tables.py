"""Tables of channels."""

from typing import Final

from sqlalchemy import Index, Table

from kit.db import id_ref, metadata, text_of, time_ms

MAX_ADDRESS: Final = 254
MAX_CHANNEL: Final = 20

channel_address: Final = Table(
    "channel_address",
    metadata,
    id_ref("user_id", primary_key=True),
    text_of("channel", MAX_CHANNEL, primary_key=True),
    text_of("address", MAX_ADDRESS),
    # Space-separated, ascending.
    text_of("kinds", 200),
    text_of("language", 8),
    time_ms("created_at_ms"),
    time_ms("changed_at_ms"),
    Index(None, "channel", "user_id"),
)
"""Where a user wants to be notified beside the inbox, and of what. Who is not here gets nothing but the inbox."""
