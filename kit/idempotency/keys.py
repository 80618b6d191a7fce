"""Begin, store and sweep idempotency keys."""

import hashlib
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, exc, select, update

from kit.db import LockConflict, Session, insert_if_absent
from kit.db.failures import translate
from kit.errors import Conflict, InvalidInput, Unprocessable
from kit.idempotency.tables import idempotency_table

KEPT_MS: Final = 7 * 24 * 3600 * 1000
"""How long an answer is replayed."""
MAX_KEY_LENGTH: Final = 255
MAX_SWEEP: Final = 1_000

_keys = idempotency_table.c


class InvalidIdempotencyKey(InvalidInput):
    """The key is empty, too long, or not printable ASCII."""


class IdempotencyMismatch(Unprocessable):
    """The key was used before with another body."""


class IdempotencyInFlight(Conflict):
    """A request with the same key is being worked on right now."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """The key is new: do the work and store the answer."""


@dataclass(frozen=True, slots=True)
class Replay:
    """The work was done: give this answer again."""

    status: int
    body: str


def hash_body(body: bytes) -> bytes:
    """Return the 32 bytes that stand for a request body."""
    return hashlib.sha256(body).digest()


def begin(session: Session, *, owner: str, key: str, body_hash: bytes, now_ms: int) -> Fresh | Replay:
    """Take the key for this transaction, or return the answer given before.

    ``owner`` separates callers (API key owner and route). Raises InvalidIdempotencyKey, IdempotencyMismatch,
    IdempotencyInFlight.
    """
    key_hash = _key_hash(owner, key)
    row = {"key_hash": key_hash, "body_hash": body_hash, "status": None, "body": None, "created_at_ms": now_ms}
    try:
        if insert_if_absent(session, idempotency_table, [row]):
            return Fresh()
    except exc.DBAPIError as error:
        if isinstance(translate(error, ""), LockConflict):
            raise IdempotencyInFlight(
                f"a request with the Idempotency-Key {key!r} is in progress: ask again in a few seconds"
            ) from error
        raise
    before = session.execute(select(idempotency_table).where(_keys.key_hash == key_hash)).one()
    if before.body_hash != body_hash:
        raise IdempotencyMismatch(
            f"the Idempotency-Key {key!r} was used before with another body: send a new key with a new request"
        )
    if before.status is None:
        # Committed without an answer: our own code took the key and stored nothing. The work may be done again.
        return Fresh()
    return Replay(before.status, before.body)


def store(session: Session, *, owner: str, key: str, status: int, body: str) -> None:
    """Keep the answer, in the same transaction as begin and the effect."""
    met = session.execute(
        update(idempotency_table).where(_keys.key_hash == _key_hash(owner, key)).values(status=status, body=body)
    ).rowcount
    if met != 1:
        raise RuntimeError("store: begin was not called in this transaction with this owner and key")


def sweep(session: Session, *, now_ms: int, limit: int = MAX_SWEEP) -> int:
    """Delete up to ``limit`` (at most 1,000) keys older than seven days; return how many."""
    old = session.execute(
        select(_keys.key_hash).where(_keys.created_at_ms < now_ms - KEPT_MS).limit(min(limit, MAX_SWEEP))
    ).scalars()
    hashes = list(old)
    if not hashes:
        return 0
    return session.execute(delete(idempotency_table).where(_keys.key_hash.in_(hashes))).rowcount


def _key_hash(owner: str, key: str) -> bytes:
    if not 1 <= len(key) <= MAX_KEY_LENGTH or not key.isascii() or not key.isprintable():
        raise InvalidIdempotencyKey("Idempotency-Key", key, f"must have 1..{MAX_KEY_LENGTH} printable ASCII characters")
    return hashlib.sha256(f"{owner}\0{key}".encode()).digest()
