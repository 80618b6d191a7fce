"""Rows of profiles and of their change log."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, func, select

from kit.db import Session, insert_many, next_sequence, upsert
from marketplace.profiles import documents
from marketplace.profiles.tables import profile, profile_change
from matching.profiles import Profile

SEQUENCE: Final = "profile_change"
LOOKUP_CHUNK: Final = 1_000
CONTENT_COLUMNS: Final = ("version", "document", "submitted_text", "extracted", "deleted", "seq", "changed_at_ms")


def current(session: Session, user_ids: Sequence[int]) -> dict[int, Any]:
    """Return version, document, submitted_text, extracted, deleted and source of those that have a row."""
    found: dict[int, Any] = {}
    columns = (
        profile.c.user_id,
        profile.c.source,
        profile.c.version,
        profile.c.document,
        profile.c.submitted_text,
        profile.c.extracted,
        profile.c.deleted,
    )
    for start in range(0, len(user_ids), LOOKUP_CHUNK):
        chosen = user_ids[start : start + LOOKUP_CHUNK]
        found.update((row[0], row) for row in session.execute(select(*columns).where(profile.c.user_id.in_(chosen))))
    return found


def take_numbers(session: Session, count: int) -> int:
    """Take ``count`` numbers of the log; from here to the commit no other writer of profiles goes on."""
    return next_sequence(session, SEQUENCE, count)


def write(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store profile rows with their numbers, and the log lines of these numbers."""
    upsert(session, profile, rows, CONTENT_COLUMNS)
    changes = [{"seq": row["seq"], "user_id": row["user_id"], "at_ms": row["changed_at_ms"]} for row in rows]
    insert_many(session, profile_change, changes)


def live_rows(session: Session, user_ids: Sequence[int]) -> list[Row[Any]]:
    """Return the whole rows of these users (at most 1,000) that are not deleted."""
    wanted = select(profile).where(profile.c.user_id.in_(user_ids), profile.c.deleted == 0)
    return list(session.execute(wanted))


def list_live(session: Session, source: str | None, after_user_id: int, limit: int) -> list[Row[Any]]:
    """Return whole live rows by internal id, of one source or of all."""
    wanted = select(profile).where(profile.c.user_id > after_user_id, profile.c.deleted == 0)
    if source is not None:
        wanted = wanted.where(profile.c.source == source)
    return list(session.execute(wanted.order_by(profile.c.user_id).limit(limit)))


def after_id(session: Session, after_user_id: int, limit: int) -> list[Profile]:
    """Return live profiles by internal id."""
    wanted = (
        select(profile.c.user_id, profile.c.document)
        .where(profile.c.user_id > after_user_id, profile.c.deleted == 0)
        .order_by(profile.c.user_id)
        .limit(limit)
    )
    decode = documents.decode
    return [decode(user_id, document) for user_id, document in session.execute(wanted)]


def of_users(session: Session, user_ids: Sequence[int]) -> dict[int, Profile]:
    """Return the live profiles of these users."""
    found: dict[int, Profile] = {}
    for start in range(0, len(user_ids), LOOKUP_CHUNK):
        chosen = user_ids[start : start + LOOKUP_CHUNK]
        rows = session.execute(
            select(profile.c.user_id, profile.c.document).where(profile.c.user_id.in_(chosen), profile.c.deleted == 0)
        )
        found.update((user_id, documents.decode(user_id, document)) for user_id, document in rows)
    return found


def changes_after(session: Session, after_seq: int, limit: int) -> Sequence[Any]:
    """Return the next log lines with the present state of their users: seq, user_id, document, deleted."""
    wanted = (
        select(profile_change.c.seq, profile_change.c.user_id, profile.c.document, profile.c.deleted)
        .join(profile, profile.c.user_id == profile_change.c.user_id)
        .where(profile_change.c.seq > after_seq)
        .order_by(profile_change.c.seq)
        .limit(limit)
    )
    return session.execute(wanted).all()


def newest_seq(session: Session) -> int:
    """Return the newest number of the log, 0 when it is empty."""
    newest: int | None = session.execute(select(func.max(profile_change.c.seq))).scalar_one()
    return newest or 0


def count_live(session: Session) -> int:
    """Return how many profiles are not deleted."""
    count: int = session.execute(select(func.count()).select_from(profile).where(profile.c.deleted == 0)).scalar_one()
    return count
