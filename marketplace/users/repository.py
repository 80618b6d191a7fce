"""Rows of user identities."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import Row, select

from kit.db import Session, insert_if_absent
from marketplace.users.tables import user_identity

T = TypeVar("T")

LOOKUP_CHUNK: Final = 1_000


def ids_of(session: Session, source: str, external_ids: Sequence[str]) -> dict[str, int]:
    """Return the internal ids of those that are known."""
    found: dict[str, int] = {}
    for chunk in _chunks(external_ids):
        rows = session.execute(
            select(user_identity.c.external_id, user_identity.c.user_id).where(
                user_identity.c.source == source, user_identity.c.external_id.in_(chunk)
            )
        )
        found.update((row[0], row[1]) for row in rows)
    return found


def identities(session: Session, user_ids: Sequence[int]) -> list[Row[Any]]:
    """Return the rows of these internal ids."""
    found: list[Row[Any]] = []
    for chunk in _chunks(user_ids):
        found.extend(session.execute(select(user_identity).where(user_identity.c.user_id.in_(chunk))))
    return found


def add_where_free(session: Session, source: str, wanted: Mapping[str, int], now_ms: int) -> None:
    """Insert identities; where the internal id or the external id is taken, nothing happens."""
    rows = [
        {"user_id": user_id, "source": source, "external_id": external_id, "created_at_ms": now_ms}
        # One order for all writers: two imports of the same users then wait for each other instead of deadlocking.
        for external_id, user_id in sorted(wanted.items(), key=lambda item: item[1])
    ]
    insert_if_absent(session, user_identity, rows)


def _chunks(values: Sequence[T]) -> Iterator[list[T]]:
    remaining = iter(values)
    while chunk := list(islice(remaining, LOOKUP_CHUNK)):
        yield chunk
