"""Sessions of the pages: opaque, server-side, bound to the API key that opened them."""

import secrets as random_secrets
from dataclasses import dataclass
from typing import Final

from kit.db import Session
from kit.errors import InvalidInput
from kit.ids import IdAllocator
from marketplace.access import repository, secrets, sessions_repository
from marketplace.access.caller import Caller

DEFAULT_LIFETIME_MS: Final = 12 * 3_600_000
MAX_LIFETIME_MS: Final = 30 * 24 * 3_600_000
CSRF_BYTES: Final = 32
MAX_SWEPT: Final = 1_000


@dataclass(frozen=True, slots=True)
class IssuedSession:
    """A new session; ``secret`` goes into the cookie and is kept nowhere else."""

    secret: str
    expires_at_ms: int

    def __repr__(self) -> str:
        return f"IssuedSession(secret=..., expires_at_ms={self.expires_at_ms})"


@dataclass(frozen=True, slots=True)
class WebSession:
    """An open session. ``user_id`` is set when it shows one user's inbox, None for an admin's pages."""

    id: int
    caller: Caller
    user_id: int | None
    csrf_token: str
    expires_at_ms: int


def create_session(
    session: Session,
    ids: IdAllocator,
    *,
    key_id: int,
    user_id: int | None,
    now_ms: int,
    lifetime_ms: int = DEFAULT_LIFETIME_MS,
) -> IssuedSession:
    """Open a session for the key ``key_id``. Raises InvalidInput for a lifetime outside 1 ms..30 days."""
    if not 1 <= lifetime_ms <= MAX_LIFETIME_MS:
        raise InvalidInput("lifetime_ms", lifetime_ms, f"must be 1 to {MAX_LIFETIME_MS}")
    secret = secrets.new_session_secret()
    expires_at_ms = now_ms + lifetime_ms
    sessions_repository.add(
        session,
        {
            "id": ids.next_id(),
            "secret_hash": secrets.digest(secret),
            "key_id": key_id,
            "user_id": user_id,
            "csrf_token": random_secrets.token_urlsafe(CSRF_BYTES),
            "created_at_ms": now_ms,
            "expires_at_ms": expires_at_ms,
            "seen_at_ms": now_ms,
        },
    )
    return IssuedSession(secret, expires_at_ms)


def find_session(session: Session, secret: str, *, now_ms: int) -> WebSession | None:
    """Return the open session of a cookie; None when it is unknown or over, or its key was revoked or has expired.

    The row is found by the SHA-256 of 256 random bits, so the time of the search tells nothing about the secret.
    Only reads: works in a read-only transaction.
    """
    row = sessions_repository.find(session, secrets.digest(secret))
    if row is None or row.expires_at_ms <= now_ms:
        return None
    key = repository.find_record(session, row.key_id)
    if key is None or not key.in_force(now_ms):
        return None
    return WebSession(row.id, key.caller, row.user_id, row.csrf_token, row.expires_at_ms)


def end_session(session: Session, secret: str) -> None:
    """Close the session of a cookie; nothing happens when there is none."""
    sessions_repository.remove(session, secrets.digest(secret))


def sweep_sessions(session: Session, *, now_ms: int) -> int:
    """Remove sessions that are over, at most 1,000 a call; returns how many."""
    return sessions_repository.remove_expired(session, now_ms, MAX_SWEPT)
