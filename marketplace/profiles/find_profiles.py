"""Read, list and delete profiles; everybody sees their own only."""

from typing import Any, Final

import orjson

from kit.db import Session
from kit.errors import NotFound
from marketplace.access import Caller
from marketplace.profiles import documents, repository
from marketplace.profiles.documents import StoredProfile
from marketplace.profiles.store_profiles import EMPTY_DOCUMENT, ProfileReceipt
from marketplace.users import find_user_id, identities_of

MAX_LISTED: Final = 1_000


class ProfileNotFound(NotFound):
    """The caller has no profile of this id; somebody else may."""


def get_profile(session: Session, *, caller: Caller, external_id: str | int) -> StoredProfile:
    """Return one profile of the caller. Raises ProfileNotFound."""
    user_id = _own_user(session, caller, external_id)
    rows = repository.live_rows(session, [user_id])
    if not rows:
        raise _not_found(external_id)
    return _stored_of(rows[0], str(external_id))


def list_profiles(session: Session, *, caller: Caller, after_user_id: int = 0, limit: int = 100) -> list[StoredProfile]:
    """Return the caller's profiles by internal id, at most ``limit`` (1..1,000); an admin's key lists all sources'.

    The last ``user_id`` is the cursor of the next page.
    """
    source = None if caller.is_admin else caller.owner
    rows = repository.list_live(session, source, after_user_id, max(1, min(limit, MAX_LISTED)))
    names = identities_of(session, [row.user_id for row in rows])
    return [_stored_of(row, names[row.user_id].external_id) for row in rows]


def delete_profile(session: Session, *, caller: Caller, external_id: str | int, now_ms: int) -> ProfileReceipt:
    """Delete one profile of the caller: its content goes, its user id stays his, and no wave reaches him any longer.

    Raises ProfileNotFound, also the second time.
    """
    user_id = _own_user(session, caller, external_id)
    if not repository.live_rows(session, [user_id]):
        raise _not_found(external_id)
    seq = repository.take_numbers(session, 1)
    # Behind the lock again: another request may have deleted or changed it in between.
    rows = repository.live_rows(session, [user_id])
    if not rows:
        raise _not_found(external_id)
    version = rows[0].version + 1
    repository.write(session, [_deleted_row(user_id, rows[0].source, version, seq, now_ms)])
    return ProfileReceipt(str(external_id), user_id, version, created=False, changed=True)


def _own_user(session: Session, caller: Caller, external_id: str | int) -> int:
    user_id = find_user_id(session, caller.owner, external_id)
    if user_id is None:
        raise _not_found(external_id)
    return user_id


def _not_found(external_id: str | int) -> ProfileNotFound:
    return ProfileNotFound(f"there is no profile {str(external_id)[:128]!r} of yours: it was never put, or was deleted")


def _deleted_row(user_id: int, source: str, version: int, seq: int, now_ms: int) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "source": source,
        "version": version,
        "document": EMPTY_DOCUMENT,
        "submitted_text": None,
        "extracted": None,
        "deleted": 1,
        "seq": seq,
        "changed_at_ms": now_ms,
    }


def _stored_of(row: Any, external_id: str) -> StoredProfile:
    return StoredProfile(
        user_id=row.user_id,
        external_id=external_id,
        version=row.version,
        document=documents.shown(documents.decode(row.user_id, row.document)),
        text=row.submitted_text,
        extracted=tuple(orjson.loads(row.extracted)) if row.extracted is not None else None,
        changed_at_ms=row.changed_at_ms,
    )
