"""Reads the texts of profiles that were stored while nobody could: work for a process that has the vocabulary.

A profile is never refused for want of matching. It is stored with its own keywords at once, and those that its text
names are added here, as a change of the log like any other. Whoever puts the profile in between wins: his version is
another one, and he has left work of his own where his text is unread.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from kit.db import Database, Session
from kit.work import Claimed, complete, hold
from marketplace.profiles import documents, repository
from matching.fields import MAX_PROFILE_KEYWORDS


class KeywordReader(Protocol):
    """Finds known keywords in a text; ``matching.extraction.Extractor`` is one."""

    def keywords(self, text: str, most: int, without: Collection[str] = ()) -> tuple[str, ...]:
        """Return at most ``most`` keywords that ``text`` names besides those in ``without``, the heaviest first."""
        ...


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was found in the text of a profile as it stood at ``version``."""

    version: int
    encoded: str
    extracted: tuple[str, ...]


def read_texts(database: Database, claims: Sequence[Claimed], reader: KeywordReader, *, now_ms: int) -> None:
    """Add to the claimed users' profiles the keywords of their unread texts, and end the claims."""
    user_ids = [claimed.subject_id for claimed in claims]
    with database.read() as session:
        rows = repository.current(session, user_ids)
    # Reading is the slow part and needs no lock.
    readings = {user_id: _read(row, reader) for user_id, row in rows.items() if _is_unread(row)}
    database.run(lambda session: _commit(session, claims, readings, now_ms))


def _is_unread(row: Any) -> bool:
    return bool(not row.deleted and row.submitted_text and row.extracted is None)


def _read(row: Any, reader: KeywordReader) -> _Reading:
    own = documents.decode(row.user_id, row.document).keywords
    found = reader.keywords(row.submitted_text, most=MAX_PROFILE_KEYWORDS - len(own), without=own)
    encoded, added = documents.with_keywords(row.document, found)
    return _Reading(row.version, encoded, added)


def _commit(session: Session, claims: Sequence[Claimed], readings: dict[int, _Reading], now_ms: int) -> None:
    # The numbers' lock first, as everybody who stores profiles takes it before he touches work.
    first = repository.take_numbers(session, len(readings)) if readings else 0
    mine = hold(session, claims)
    rows = repository.current(session, sorted({claimed.subject_id for claimed in mine} & readings.keys()))
    same = [
        row for user_id, row in sorted(rows.items()) if _is_unread(row) and row.version == readings[user_id].version
    ]
    written = [_row(row, readings[row.user_id], first + place, now_ms) for place, row in enumerate(same)]
    if written:
        repository.write(session, written)
    complete(session, mine)


def _row(row: Any, reading: _Reading, seq: int, now_ms: int) -> dict[str, Any]:
    return {
        "user_id": row.user_id,
        "source": row.source,
        "version": row.version + 1,
        "document": reading.encoded,
        "submitted_text": row.submitted_text,
        "extracted": orjson.dumps(reading.extracted).decode(),
        "deleted": 0,
        "seq": seq,
        "changed_at_ms": now_ms,
    }
