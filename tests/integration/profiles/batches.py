"""Several profiles of one backend in a transaction of the test, as an import stores its chunks."""

from collections.abc import Mapping, Sequence
from typing import Any

from kit.db import Session
from kit.ids import IdAllocator
from marketplace.access import Caller
from marketplace.profiles import ProfileReceipt
from marketplace.profiles.check_profile import check_profile
from marketplace.profiles.store_profiles import store_profiles
from matching.taxonomy import builtin_taxonomy


def put_batch(
    session: Session, ids: IdAllocator, *, caller: Caller, documents: Sequence[Mapping[str, Any]], now_ms: int
) -> list[ProfileReceipt]:
    """Store good documents, each with its id, in order."""
    checked = [check_profile(document, builtin_taxonomy(), None) for document in documents]
    return store_profiles(session, ids, source=caller.owner, checked=checked, now_ms=now_ms)
