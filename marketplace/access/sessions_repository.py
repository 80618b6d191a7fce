"""Rows of web sessions."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, delete, select

from kit.db import Session, insert_many
from marketplace.access.tables import web_session


def add(session: Session, row: Mapping[str, Any]) -> None:
    """Insert one session."""
    insert_many(session, web_session, [dict(row)])


def find(session: Session, secret_hash: bytes) -> Row[Any] | None:
    """Return the session of this hash."""
    return session.execute(select(web_session).where(web_session.c.secret_hash == secret_hash)).one_or_none()


def remove(session: Session, secret_hash: bytes) -> None:
    """Delete the session of this hash."""
    session.execute(delete(web_session).where(web_session.c.secret_hash == secret_hash))


def remove_expired(session: Session, now_ms: int, limit: int) -> int:
    """Delete up to ``limit`` sessions that are over; returns how many."""
    over = select(web_session.c.id).where(web_session.c.expires_at_ms <= now_ms).limit(limit)
    found = list(session.execute(over).scalars())
    if not found:
        return 0
    return session.execute(delete(web_session).where(web_session.c.id.in_(found))).rowcount
