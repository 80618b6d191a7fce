"""Row locks. SQLite has one writer, so an open transaction there already excludes every other one."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import CursorResult, Select

from kit.db.database import Session


def lock_rows(session: Session, select: Select[Any], parameters: Mapping[str, Any] | None = None) -> CursorResult[Any]:
    """Run ``select`` and lock its rows against all others until the commit (FOR UPDATE); lock in id order."""
    return session.execute(select.with_for_update(), parameters)


def lock_shared(
    session: Session, select: Select[Any], parameters: Mapping[str, Any] | None = None
) -> CursorResult[Any]:
    """Run ``select`` and lock its rows against writers until the commit; other shared locks are let in."""
    return session.execute(select.with_for_update(read=True), parameters)


def claim_rows(session: Session, select: Select[Any], parameters: Mapping[str, Any] | None = None) -> CursorResult[Any]:
    """Run ``select``, lock its rows and leave out, without waiting, those that others have locked (SKIP LOCKED)."""
    return session.execute(select.with_for_update(skip_locked=True), parameters)
