"""Tables of the access rules."""

from sqlalchemy import Index, Table

from kit.db import id_key, id_ref, key32, metadata, text_of, time_ms

api_key = Table(
    "api_key",
    metadata,
    id_key(),
    text_of("name", 100),
    text_of("owner", 100),
    text_of("scopes", 400),
    key32("secret_hash"),
    time_ms("created_at_ms"),
    time_ms("expires_at_ms", nullable=True),
    time_ms("revoked_at_ms", nullable=True),
    time_ms("last_used_at_ms", nullable=True),
    Index(None, "owner"),
)
"""Keys of backends and people with a terminal. Only the SHA-256 of a secret is kept; ``scopes`` are space-separated."""

web_session = Table(
    "web_session",
    metadata,
    id_key(),
    key32("secret_hash", unique=True),
    id_ref("key_id"),
    id_ref("user_id", nullable=True),
    text_of("csrf_token", 64),
    time_ms("created_at_ms"),
    time_ms("expires_at_ms"),
    time_ms("seen_at_ms"),
    Index(None, "key_id"),
    Index(None, "expires_at_ms"),
)
"""Sessions of the pages; the secret is only in the cookie. ``user_id``: whose inbox the session shows, if one's."""
