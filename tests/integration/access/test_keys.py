"""API keys: only who holds the whole secret gets in, and a revocation is honoured within seconds."""

import pytest

from kit.db import Database
from kit.errors import InvalidInput, Unavailable
from kit.ids import IdAllocator
from marketplace.access import (
    ApiKeyNotFound,
    IssuedKey,
    KeyExpired,
    KeyRevoked,
    KeyRing,
    WrongApiKey,
    authenticate,
    create_api_key,
    list_api_keys,
    repository,
    revoke_api_key,
)
from marketplace.access.tables import api_key

NOW_MS = 1_790_000_000_000


def issue(database: Database, ids: IdAllocator, owner: str = "acme", expires_at_ms: int | None = None) -> IssuedKey:
    with database.transaction() as session:
        return create_api_key(
            session,
            ids,
            name="backend",
            owner=owner,
            scopes=["profiles:write", "inbox:read"],
            now_ms=NOW_MS,
            expires_at_ms=expires_at_ms,
        )


def test_the_secret_opens_and_is_stored_nowhere(database: Database, ids: IdAllocator) -> None:
    key = issue(database, ids)
    assert key.secret.startswith(f"qw_{key.id}_")
    assert len(key.secret.rsplit("_", 1)[-1]) <= 43
    with database.read() as session:
        caller = authenticate(session, key.secret, now_ms=NOW_MS)
        assert (caller.key_id, caller.owner) == (key.id, "acme")
        assert caller.scopes == {"profiles:write", "inbox:read"}
        stored = repr(session.execute(api_key.select()).all())
    assert key.secret.split("_", 2)[2] not in stored
    assert key.secret not in repr(key)


@pytest.mark.parametrize("spoil", ["x", "last", "id", "empty", "unicode", "long"])
def test_every_other_secret_is_wrong(database: Database, ids: IdAllocator, spoil: str) -> None:
    key = issue(database, ids)
    other = issue(database, ids)
    wrong = {
        "x": "x",
        "last": key.secret[:-1] + ("A" if key.secret[-1] != "A" else "B"),
        "id": key.secret.replace(str(key.id), str(other.id)),
        "empty": "",
        "unicode": key.secret.replace("qw_", "qw_\u0661"),
        "long": key.secret + "A" * 100_000,
    }[spoil]
    with database.read() as session, pytest.raises(WrongApiKey, match="the API key is wrong"):
        authenticate(session, wrong, now_ms=NOW_MS)


def test_revoked_and_expired_keys_say_so_to_their_holder(database: Database, ids: IdAllocator) -> None:
    revoked, expiring = issue(database, ids), issue(database, ids, expires_at_ms=NOW_MS + 1)
    with database.transaction() as session:
        revoke_api_key(session, key_id=revoked.id, now_ms=NOW_MS)
        revoke_api_key(session, key_id=revoked.id, now_ms=NOW_MS + 5)
    with database.read() as session:
        with pytest.raises(KeyRevoked, match="revoked"):
            authenticate(session, revoked.secret, now_ms=NOW_MS)
        authenticate(session, expiring.secret, now_ms=NOW_MS)
        with pytest.raises(KeyExpired, match="expired"):
            authenticate(session, expiring.secret, now_ms=NOW_MS + 1)
        assert [key.revoked_at_ms for key in list_api_keys(session)] == [NOW_MS, None]


def test_revoking_an_unknown_key_is_refused(database: Database) -> None:
    with database.transaction() as session, pytest.raises(ApiKeyNotFound, match="no API key 7"):
        revoke_api_key(session, key_id=7, now_ms=NOW_MS)


def test_keys_are_listed_by_owner(database: Database, ids: IdAllocator) -> None:
    issue(database, ids, "acme")
    mine = issue(database, ids, "other")
    with database.read() as session:
        assert [key.id for key in list_api_keys(session, owner="other")] == [mine.id]
        assert len(list_api_keys(session)) == 2


@pytest.mark.parametrize(
    ("field", "given"), [("scopes", {"scopes": ["root"]}), ("scopes", {"scopes": []}), ("name", {"name": " "})]
)
def test_bad_keys_are_refused(database: Database, ids: IdAllocator, field: str, given: dict[str, object]) -> None:
    arguments: dict[str, object] = {"name": "n", "owner": "o", "scopes": ["admin"], **given}
    with database.transaction() as session, pytest.raises(InvalidInput, match=field):
        create_api_key(session, ids, now_ms=NOW_MS, **arguments)  # type: ignore[arg-type]


class CountingRing(KeyRing):
    """Counts how often it asks the database."""

    asked = 0

    def _record(self, key_id: int, now_ms: int):  # type: ignore[no-untyped-def]
        before = dict(self._records)
        record = super()._record(key_id, now_ms)
        self.asked += self._records.get(key_id) is not before.get(key_id)
        return record


def test_the_ring_asks_once_and_honours_a_revocation_within_its_ttl(database: Database, ids: IdAllocator) -> None:
    """A revoked key is refused at the latest ttl_ms after the commit of the revocation."""
    key = issue(database, ids)
    ring = CountingRing(database, ttl_ms=2_000)
    for step in range(50):
        ring.authenticate(key.secret, now_ms=NOW_MS + step)
    assert ring.asked == 1
    with database.transaction() as session:
        revoke_api_key(session, key_id=key.id, now_ms=NOW_MS + 60)
    with pytest.raises(KeyRevoked):
        ring.authenticate(key.secret, now_ms=NOW_MS + 2_000)


def test_the_ring_judges_expiry_on_every_call_and_caches_no_stranger(database: Database, ids: IdAllocator) -> None:
    ring = KeyRing(database, ttl_ms=60_000)
    stranger = f"qw_{1 << 41}_{'A' * 43}"
    with pytest.raises(WrongApiKey):
        ring.authenticate(stranger, now_ms=NOW_MS)
    key = issue(database, ids, expires_at_ms=NOW_MS + 10)
    assert ring.authenticate(key.secret, now_ms=NOW_MS).owner == "acme"
    with pytest.raises(WrongApiKey):
        ring.authenticate(key.secret[:-2] + "__", now_ms=NOW_MS)
    with pytest.raises(KeyExpired):
        ring.authenticate(key.secret, now_ms=NOW_MS + 10)


def test_a_key_is_recognised_without_the_database_only_while_it_is_fresh(database: Database, ids: IdAllocator) -> None:
    ring = KeyRing(database, ttl_ms=2_000)
    key = issue(database, ids, expires_at_ms=NOW_MS + 1_500)
    assert ring.recognise(key.secret, now_ms=NOW_MS) is None, "nobody has asked the database yet"
    assert ring.recognise("no key at all", now_ms=NOW_MS) is None
    known = ring.authenticate(key.secret, now_ms=NOW_MS)
    assert ring.recognise(key.secret, now_ms=NOW_MS + 1_499) == known
    with pytest.raises(WrongApiKey):
        ring.recognise(key.secret[:-2] + "__", now_ms=NOW_MS)
    with pytest.raises(KeyExpired):
        ring.recognise(key.secret, now_ms=NOW_MS + 1_500)
    assert ring.recognise(key.secret, now_ms=NOW_MS + 2_000) is None, "what is known is too old"


def test_the_ring_stays_bounded(database: Database, ids: IdAllocator) -> None:
    ring = KeyRing(database, capacity=2)
    for _ in range(5):
        ring.authenticate(issue(database, ids).secret, now_ms=NOW_MS)
    assert len(ring._records) == 2


def test_a_known_key_survives_a_short_absence_of_the_database(
    database: Database, ids: IdAllocator, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = issue(database, ids)
    ring = KeyRing(database, ttl_ms=1_000)
    ring.authenticate(key.secret, now_ms=NOW_MS)

    def away(*_: object) -> None:
        raise Unavailable("the database is away")

    monkeypatch.setattr(repository, "find_record", away)
    assert ring.authenticate(key.secret, now_ms=NOW_MS + 59_999).owner == "acme"
    with pytest.raises(Unavailable):
        ring.authenticate(key.secret, now_ms=NOW_MS + 60_000)


def test_last_use_is_written_by_the_timer_only(database: Database, ids: IdAllocator) -> None:
    key, idle = issue(database, ids), issue(database, ids)
    ring = KeyRing(database)
    for step in range(3):
        ring.authenticate(key.secret, now_ms=NOW_MS + step)
    with database.read() as session:
        assert {each.last_used_at_ms for each in list_api_keys(session)} == {None}
    assert ring.flush_last_used() == 1
    assert ring.flush_last_used() == 0
    with database.read() as session:
        used = {each.id: each.last_used_at_ms for each in list_api_keys(session)}
    assert used == {key.id: NOW_MS + 2, idle.id: None}
