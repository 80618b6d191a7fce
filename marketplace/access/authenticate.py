"""From a secret to the caller behind it."""

import hmac

from kit.db import Session
from kit.errors import Unauthenticated
from marketplace.access import repository, secrets
from marketplace.access.caller import Caller
from marketplace.access.records import KeyRecord


class WrongApiKey(Unauthenticated):
    """The secret belongs to no key. Says nothing about which part is wrong."""


class KeyRevoked(WrongApiKey):
    """The secret is right and its key was revoked."""


class KeyExpired(WrongApiKey):
    """The secret is right and its key has expired."""


NOBODY = KeyRecord(Caller(0, "", frozenset()), bytes(32), None, None)
"""Stands for an unknown id, so that the comparison is made in every case."""


def authenticate(session: Session, secret: str, *, now_ms: int) -> Caller:
    """Return the caller whose secret this is. Raises WrongApiKey, KeyRevoked or KeyExpired."""
    key_id = secrets.key_id_in(secret)
    record = repository.find_record(session, key_id) if key_id is not None else None
    return admit(record, secrets.digest(secret), now_ms)


def admit(record: KeyRecord | None, secret_hash: bytes, now_ms: int) -> Caller:
    """Decide about a key that was looked up; compares in constant time. Pure."""
    known = record or NOBODY
    matches = hmac.compare_digest(known.secret_hash, secret_hash)
    if record is None or not matches:
        raise WrongApiKey("the API key is wrong: send the whole secret as it was shown when the key was created")
    # Only who holds the right secret learns that the key once was valid.
    if record.revoked_at_ms is not None:
        raise KeyRevoked("this API key was revoked: ask an admin for a new one")
    if record.expires_at_ms is not None and record.expires_at_ms <= now_ms:
        raise KeyExpired("this API key has expired: ask an admin for a new one")
    return record.caller
