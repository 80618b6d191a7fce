"""Tables of the settings."""

from sqlalchemy import Table

from kit.db import big_int, json_text, metadata, text_of, time_ms

setting = Table(
    "setting",
    metadata,
    text_of("name", 64, primary_key=True),
    big_int("version", primary_key=True),
    json_text("value"),
    text_of("set_by", 128),
    text_of("reason", 500),
    time_ms("set_at_ms"),
)
"""Append-only: the highest version of a name is in force, the older ones are its history."""
