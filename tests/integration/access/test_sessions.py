"""Sessions of the pages end with their time, their key, or their user's wish."""

import pytest

from kit.db import Database
from kit.errors import InvalidInput
from kit.ids import IdAllocator
from marketplace.access import (
    create_api_key,
    create_session,
    end_session,
    find_session,
    revoke_api_key,
    sweep_sessions,
)

NOW_MS = 1_790_000_000_000


def test_a_session_carries_its_key_and_user(database: Database, ids: IdAllocator) -> None:
    with database.transaction() as session:
        key = create_api_key(session, ids, name="n", owner="acme", scopes=["inbox:read"], now_ms=NOW_MS)
        issued = create_session(session, ids, key_id=key.id, user_id=77, now_ms=NOW_MS, lifetime_ms=1_000)
        found = find_session(session, issued.secret, now_ms=NOW_MS + 999)
        assert found is not None
        assert (found.caller.owner, found.user_id, found.expires_at_ms) == ("acme", 77, NOW_MS + 1_000)
        assert len(found.csrf_token) >= 40
        assert issued.secret not in repr(issued)
        assert find_session(session, issued.secret + "x", now_ms=NOW_MS) is None
        assert find_session(session, issued.secret, now_ms=NOW_MS + 1_000) is None


@pytest.mark.parametrize("ending", ["ended", "revoked", "key expired"])
def test_a_session_ends(database: Database, ids: IdAllocator, ending: str) -> None:
    with database.transaction() as session:
        key = create_api_key(
            session, ids, name="n", owner="o", scopes=["admin"], now_ms=NOW_MS, expires_at_ms=NOW_MS + 100
        )
        issued = create_session(session, ids, key_id=key.id, user_id=None, now_ms=NOW_MS)
        assert find_session(session, issued.secret, now_ms=NOW_MS) is not None
        later_ms = NOW_MS
        if ending == "ended":
            end_session(session, issued.secret)
            end_session(session, issued.secret)
        elif ending == "revoked":
            revoke_api_key(session, key_id=key.id, now_ms=NOW_MS)
        else:
            later_ms = NOW_MS + 100
        assert find_session(session, issued.secret, now_ms=later_ms) is None


def test_sessions_that_are_over_are_swept(database: Database, ids: IdAllocator) -> None:
    with database.transaction() as session:
        key = create_api_key(session, ids, name="n", owner="o", scopes=["admin"], now_ms=NOW_MS)
        create_session(session, ids, key_id=key.id, user_id=None, now_ms=NOW_MS, lifetime_ms=1)
        kept = create_session(session, ids, key_id=key.id, user_id=None, now_ms=NOW_MS, lifetime_ms=10)
        assert sweep_sessions(session, now_ms=NOW_MS + 1) == 1
        assert sweep_sessions(session, now_ms=NOW_MS + 1) == 0
        assert find_session(session, kept.secret, now_ms=NOW_MS + 1) is not None
        with pytest.raises(InvalidInput, match="lifetime_ms: 0"):
            create_session(session, ids, key_id=key.id, user_id=None, now_ms=NOW_MS, lifetime_ms=0)
