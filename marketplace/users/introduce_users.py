"""Give users of a source their internal ids."""

from collections.abc import Sequence
from typing import Final

from kit.db import Session
from kit.errors import InvalidInput, Unavailable
from kit.ids import FIRST_ID, IdAllocator
from marketplace.users import repository
from marketplace.users.tables import MAX_EXTERNAL_ID_CHARACTERS

FIRST_GIVEN_ID: Final = FIRST_ID
"""Internal ids below it are external integer ids taken over as they are; from it on they are given by us."""


class UserIdsContended(Unavailable):
    """Others introduced the same users at the same moment and their transaction is not visible yet."""


def external_id_of(value: object, field: str = "id") -> str:
    """Return an external id as text: a string of 1..128 printable characters, or an integer.

    5 and "5" are the same user. Raises InvalidInput.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**63:
        return str(value)
    if not isinstance(value, str):
        raise InvalidInput(field, value, "must be a string or an integer from 1 up")
    if not 1 <= len(value) <= MAX_EXTERNAL_ID_CHARACTERS or not value.isprintable() or value != value.strip():
        raise InvalidInput(
            field, value, f"must be 1 to {MAX_EXTERNAL_ID_CHARACTERS} printable characters without spaces around them"
        )
    if value == "0" or (value.startswith("-") and value[1:].isdigit()):
        raise InvalidInput(field, value, "must be from 1 up when it is a number")
    return value


def user_ids_for(
    session: Session, ids: IdAllocator, source: str, external_ids: Sequence[str | int], *, now_ms: int
) -> dict[str, int]:
    """Return the internal id of every external id (as text), introducing those that are new.

    A new one that is a whole number from 1 to 2^40 - 1 keeps it as its internal id if no other user has it; all others
    get an id from 2^40 up. The unique keys decide races; the same call again gives the same ids.
    """
    wanted = list(dict.fromkeys(map(str, external_ids)))
    known = repository.ids_of(session, source, wanted)
    missing = [external_id for external_id in wanted if external_id not in known]
    if not missing:
        return known
    own = {external_id: number for external_id in missing if (number := _own_number(external_id)) is not None}
    if own:
        repository.add_where_free(session, source, own, now_ms)
        known.update(repository.ids_of(session, source, list(own)))
        missing = [external_id for external_id in missing if external_id not in known]
    if missing:
        given = dict(zip(missing, ids.take(len(missing)), strict=True))
        repository.add_where_free(session, source, given, now_ms)
        known.update(repository.ids_of(session, source, missing))
    if any(external_id not in known for external_id in missing):
        raise UserIdsContended("the same new users are being introduced by another request: try again", 1)
    return known


def _own_number(external_id: str) -> int | None:
    """Return the number that a canonical decimal text is, when it may serve as an internal id."""
    if not (external_id.isascii() and external_id.isdigit()) or len(external_id) > 13:
        return None
    number = int(external_id)
    return number if str(number) == external_id and 1 <= number < FIRST_GIVEN_ID else None
