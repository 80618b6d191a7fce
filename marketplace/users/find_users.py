"""Look users up, in both directions."""

from collections.abc import Sequence
from dataclasses import dataclass

from kit.db import Session
from kit.errors import NotFound
from marketplace.users import repository


class UserNotFound(NotFound):
    """The source has no user of this external id."""


@dataclass(frozen=True, slots=True)
class UserIdentity:
    """One user as a source knows them."""

    user_id: int
    source: str
    external_id: str


def find_user_id(session: Session, source: str, external_id: str | int) -> int | None:
    """Return the internal id of a source's user, None when it was never introduced."""
    return repository.ids_of(session, source, [str(external_id)]).get(str(external_id))


def require_user_id(session: Session, source: str, external_id: str | int) -> int:
    """Return the internal id of a source's user. Raises UserNotFound."""
    user_id = find_user_id(session, source, external_id)
    if user_id is None:
        raise UserNotFound(f"there is no user {str(external_id)[:128]!r} of yours: put a profile for it first")
    return user_id


def find_user_ids(session: Session, source: str, external_ids: Sequence[str | int]) -> dict[str, int]:
    """Return the internal ids of a source's users; unknown ones are missing from the answer."""
    return repository.ids_of(session, source, list(dict.fromkeys(map(str, external_ids))))


def identities_of(session: Session, user_ids: Sequence[int]) -> dict[int, UserIdentity]:
    """Return how the sources call these users; unknown ids are missing from the answer."""
    rows = repository.identities(session, list(dict.fromkeys(user_ids)))
    return {row.user_id: UserIdentity(row.user_id, row.source, row.external_id) for row in rows}
