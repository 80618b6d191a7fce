"""Rows of decisions about dead letters."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select

from kit.db import Session, insert_many
from marketplace.operations.tables import letter_decision


def insert_decision(session: Session, values: dict[str, Any]) -> None:
    """Write one decision."""
    insert_many(session, letter_decision, [values])


def newest_decisions(session: Session, limit: int) -> Sequence[Row[Any]]:
    """Return the newest decisions, newest first."""
    newest = select(letter_decision).order_by(letter_decision.c.decided_at_ms.desc(), letter_decision.c.id.desc())
    return session.execute(newest.limit(limit)).all()
