"""Rows of API keys."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, select, update

from kit.db import Session, bulk_update, insert_many
from marketplace.access.caller import Caller
from marketplace.access.records import ApiKey, KeyRecord
from marketplace.access.tables import api_key


def add_key(session: Session, key: ApiKey, secret_hash: bytes) -> None:
    """Insert a key."""
    row = {
        "id": key.id,
        "name": key.name,
        "owner": key.owner,
        "scopes": " ".join(sorted(key.scopes)),
        "secret_hash": secret_hash,
        "created_at_ms": key.created_at_ms,
        "expires_at_ms": key.expires_at_ms,
        "revoked_at_ms": None,
        "last_used_at_ms": None,
    }
    insert_many(session, api_key, [row])


def find_record(session: Session, key_id: int) -> KeyRecord | None:
    """Return what authentication needs to know about a key."""
    row = session.execute(select(api_key).where(api_key.c.id == key_id)).one_or_none()
    if row is None:
        return None
    caller = Caller(row.id, row.owner, frozenset(row.scopes.split()))
    return KeyRecord(caller, bytes(row.secret_hash), row.expires_at_ms, row.revoked_at_ms)


def list_keys(session: Session, owner: str | None, limit: int) -> list[ApiKey]:
    """Return keys by id."""
    wanted = select(api_key).order_by(api_key.c.id).limit(limit)
    if owner is not None:
        wanted = wanted.where(api_key.c.owner == owner)
    return [_key(row) for row in session.execute(wanted)]


def find_keys(session: Session, key_ids: Sequence[int]) -> list[ApiKey]:
    """Return the keys of these ids, at most 1,000."""
    return [_key(row) for row in session.execute(select(api_key).where(api_key.c.id.in_(key_ids)))]


def revoke(session: Session, key_id: int, now_ms: int) -> bool:
    """Revoke a key that is in force; False when there was nothing to revoke."""
    statement = (
        update(api_key).where(api_key.c.id == key_id, api_key.c.revoked_at_ms.is_(None)).values(revoked_at_ms=now_ms)
    )
    return session.execute(statement).rowcount == 1


def record_use(session: Session, used_at_ms: Mapping[int, int]) -> None:
    """Write when keys were last used."""
    rows = [{"id": key_id, "last_used_at_ms": at_ms} for key_id, at_ms in sorted(used_at_ms.items())]
    bulk_update(session, api_key, "id", rows)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        row.id,
        row.name,
        row.owner,
        frozenset(row.scopes.split()),
        row.created_at_ms,
        row.expires_at_ms,
        row.revoked_at_ms,
        row.last_used_at_ms,
    )
