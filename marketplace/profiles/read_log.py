"""The log of profiles for whoever keeps a copy of them, such as the shards.

The way to a copy that misses nothing: note ``last_seq``, read everything by ``read_all`` (in as many transactions as
one likes), then follow ``read_changes`` from the noted number on. A change that is seen twice is harmless: a change
carries the present profile, never a difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kit.db import Database, Session
from marketplace.profiles import documents, repository
from matching.profiles import Profile

MAX_READ: Final = 50_000
"""Bounds one read of the log or of all profiles."""


@dataclass(frozen=True, slots=True)
class Changes:
    """``seq`` is the newest number covered; ``changes`` holds each user once, None when the profile was deleted."""

    seq: int
    changes: list[tuple[int, Profile | None]]


def read_all(session: Session, after_user_id: int, limit: int) -> list[Profile]:
    """Return the next live profiles by internal id, at most ``limit`` (cut to 50,000); empty at the end."""
    return repository.after_id(session, after_user_id, min(limit, MAX_READ))


def read_changes(session: Session, after_seq: int, limit: int) -> Changes:
    """Return who changed after the number ``after_seq``, at most ``limit`` log lines (cut to 50,000).

    ``seq`` equals ``after_seq`` when nothing changed.
    """
    rows = repository.changes_after(session, after_seq, min(limit, MAX_READ))
    latest = {row.user_id: row for row in rows}
    changes = [
        (user_id, None if row.deleted else documents.decode(user_id, row.document)) for user_id, row in latest.items()
    ]
    return Changes(rows[-1].seq if rows else after_seq, changes)


def last_seq(session: Session) -> int:
    """Return the newest number of the log, 0 when nothing was ever put."""
    return repository.newest_seq(session)


def read_profiles(session: Session, user_ids: Sequence[int]) -> dict[int, Profile]:
    """Return the live profiles of these users; others are missing from the answer."""
    return repository.of_users(session, user_ids)


def count_profiles(session: Session) -> int:
    """Return how many profiles are live."""
    return repository.count_live(session)


class DatabaseProfileLog:
    """The log behind a database, a short transaction a call: what the engine's feeder reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read_all(self, after_id: int, limit: int) -> Sequence[Profile]:
        """The next profiles by id; empty at the end."""
        with self._database.read() as session:
            return read_all(session, after_id, limit)

    def read_changes(self, after_seq: int, limit: int) -> tuple[int, Sequence[tuple[int, Profile | None]]]:
        """The newest seq covered and the users changed after ``after_seq`` with their present profiles."""
        with self._database.read() as session:
            found = read_changes(session, after_seq, limit)
        return found.seq, found.changes

    def last_seq(self) -> int:
        """The newest number in the log."""
        with self._database.read() as session:
            return last_seq(session)
