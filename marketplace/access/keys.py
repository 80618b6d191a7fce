"""Create, list and revoke API keys."""

from collections.abc import Iterable
from typing import Final

from kit.db import Session
from kit.errors import InvalidInput, NotFound
from kit.ids import IdAllocator
from marketplace.access import repository, secrets
from marketplace.access.caller import SCOPES
from marketplace.access.records import ApiKey, IssuedKey

MAX_NAME_CHARACTERS: Final = 100
MAX_LISTED: Final = 1_000


class ApiKeyNotFound(NotFound):
    """There is no API key of this id."""


def create_api_key(
    session: Session,
    ids: IdAllocator,
    *,
    name: str,
    owner: str,
    scopes: Iterable[str],
    now_ms: int,
    expires_at_ms: int | None = None,
) -> IssuedKey:
    """Create a key for ``owner`` (the source of its users, at most 100 characters).

    Raises InvalidInput for an empty name or owner, no or unknown scopes, an expiry that is over.
    """
    _check_name("name", name)
    _check_name("owner", owner)
    wanted = frozenset(scopes)
    if not wanted or not wanted <= SCOPES:
        raise InvalidInput(
            "scopes",
            sorted(wanted - SCOPES) or [],
            f"must be some of {', '.join(sorted(SCOPES))}",
        )
    if expires_at_ms is not None and expires_at_ms <= now_ms:
        raise InvalidInput("expires_at_ms", expires_at_ms, "is over already: give a later moment")
    key_id = ids.next_id()
    secret = secrets.new_secret(key_id)
    key = ApiKey(key_id, name, owner, wanted, now_ms, expires_at_ms, None, None)
    repository.add_key(session, key, secrets.digest(secret))
    return IssuedKey(key_id, secret)


def revoke_api_key(session: Session, *, key_id: int, now_ms: int) -> None:
    """End a key for good; a second time changes nothing. Raises ApiKeyNotFound."""
    if not repository.revoke(session, key_id, now_ms) and not repository.find_keys(session, [key_id]):
        raise ApiKeyNotFound(f"there is no API key {key_id}: list the keys to see their ids")


def list_api_keys(session: Session, *, owner: str | None = None, limit: int = MAX_LISTED) -> list[ApiKey]:
    """Return the keys of one owner or of all, oldest first, at most ``limit`` (1..1,000)."""
    return repository.list_keys(session, owner, max(1, min(limit, MAX_LISTED)))


def _check_name(field: str, value: str) -> None:
    if not value.strip() or len(value) > MAX_NAME_CHARACTERS or not value.isprintable():
        raise InvalidInput(field, value, f"must be 1 to {MAX_NAME_CHARACTERS} printable characters")
