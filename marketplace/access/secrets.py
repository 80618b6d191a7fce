"""The text of an API key: ``qw_<id>_<43 characters>``, 256 random bits. Only its SHA-256 is ever stored.

A plain hash is enough for a random secret of this length; slow hashes protect guessable passwords.
"""

import hashlib
import re
import secrets
from typing import Final

SECRET_BYTES: Final = 32
_PATTERN: Final = re.compile(r"qw_([1-9][0-9]{0,15})_[A-Za-z0-9_-]{43}", re.ASCII)


def new_secret(key_id: int) -> str:
    """Return a fresh secret for the key ``key_id``."""
    return f"qw_{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"


def new_session_secret() -> str:
    """Return a fresh secret for a cookie."""
    return secrets.token_urlsafe(SECRET_BYTES)


def digest(secret: str) -> bytes:
    """Return the 32 bytes that are stored instead of the secret."""
    return hashlib.sha256(secret.encode()).digest()


def key_id_in(secret: str) -> int | None:
    """Return the key id that a secret names, or None when it has not the shape of a secret."""
    match = _PATTERN.fullmatch(secret)
    return int(match.group(1)) if match else None
