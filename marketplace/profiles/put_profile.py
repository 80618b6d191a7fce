"""Put one profile: create it, replace it, or find that nothing changed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kit.db import Session
from kit.ids import IdAllocator
from marketplace.access import Caller
from marketplace.profiles.check_profile import check_profile
from marketplace.profiles.store_profiles import ProfileReceipt, store_profiles
from matching.taxonomy import Taxonomy

if TYPE_CHECKING:
    from matching.extraction import Extractor


def put_profile(
    session: Session,
    ids: IdAllocator,
    *,
    caller: Caller,
    external_id: str | int,
    document: Mapping[str, Any],
    taxonomy: Taxonomy,
    extractor: "Extractor | None" = None,
    now_ms: int,
) -> ProfileReceipt:
    """Store ``document`` (fields of matching, and ``text``; ``id`` may repeat ``external_id``) for the caller's user.

    Raises InvalidInput that names the field, the value and the rule.
    """
    checked = check_profile(document, taxonomy, extractor, external_id=external_id)
    return store_profiles(session, ids, source=caller.owner, checked=[checked], now_ms=now_ms)[0]
