"""How the interface names users: by the caller's own id (``external_id``) or by the platform's number (``user_id``)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final

from fastapi import Path
from pydantic import Field

from api.bodies import RequestModel
from kit.db import Session
from kit.errors import InvalidInput
from marketplace.access import Caller
from marketplace.users import UserNotFound, external_id_of, find_user_ids, identities_of, require_user_id

MAX_ID: Final = 2**53 - 1

ExternalIdPath = Annotated[
    str,
    Path(alias="id", description="Your own id of the user, as text.", min_length=1, max_length=128, examples=["8841"]),
]
DispatchIdPath = Annotated[int, Path(ge=1, le=MAX_ID, description="The id that submitting answered.")]

OwnId = Annotated[
    str | int, Field(description="Your own id of the user: text, or an integer, which is the same as its digits.")
]
UserNumber = Annotated[int, Field(ge=1, le=MAX_ID, description="The platform's number of the user.")]


class OneUser(RequestModel):
    """One user, named in one of two ways."""

    external_id: OwnId | None = None
    user_id: UserNumber | None = None


def own_user(session: Session, caller: Caller, *, external_id: str | int | None, user_id: int | None) -> int:
    """Return the platform's number of a user of the caller. Raises UserNotFound, InvalidInput unless one is named."""
    _one_of(external_id, user_id)
    if external_id is not None:
        return require_user_id(session, caller.owner, external_id_of(external_id))
    if not own_numbers(session, caller, [user_id or 0]):
        raise UserNotFound(f"there is no user {user_id} of yours: put a profile for it first")
    return user_id or 0


def any_user(session: Session, caller: Caller, *, external_id: str | int | None, user_id: int | None) -> int:
    """Return the platform's number of a user who need not be the caller's; the use case checks what he may do."""
    _one_of(external_id, user_id)
    if external_id is not None:
        return require_user_id(session, caller.owner, external_id_of(external_id))
    return user_id or 0


def own_users(session: Session, caller: Caller, external_ids: Sequence[str | int]) -> list[int | None]:
    """Return the number of each of the caller's users, None for unknown ones."""
    names = [external_id_of(each) for each in external_ids]
    known = find_user_ids(session, caller.owner, names)
    return [known.get(name) for name in names]


def own_numbers(session: Session, caller: Caller, user_ids: Sequence[int]) -> set[int]:
    """Return which of these users are the caller's; an admin's key owns everybody."""
    found = identities_of(session, user_ids)
    return {number for number, identity in found.items() if caller.is_admin or identity.source == caller.owner}


def names_of(session: Session, caller: Caller, user_ids: Iterable[int | None]) -> Mapping[int, str]:
    """Return the caller's own ids of these users; users of other sources are missing from it."""
    wanted = sorted({number for number in user_ids if number is not None})
    found = identities_of(session, wanted) if wanted else {}
    return {
        number: identity.external_id
        for number, identity in found.items()
        if caller.is_admin or identity.source == caller.owner
    }


def _one_of(external_id: object, user_id: object) -> None:
    if external_id is None and user_id is None:
        raise InvalidInput("external_id", None, "or user_id must be given, to name the user", show_value=False)
    if external_id is not None and user_id is not None:
        raise InvalidInput(
            "external_id", external_id, "and user_id are both given; name the user by one of them", show_value=False
        )
