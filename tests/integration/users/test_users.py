"""One number space for the users of all sources; the same call gives the same ids, whoever races."""

import threading

import pytest

from kit.db import Database
from kit.ids import IdAllocator
from marketplace.users import (
    FIRST_GIVEN_ID,
    UserIdentity,
    UserNotFound,
    find_user_id,
    find_user_ids,
    identities_of,
    require_user_id,
    user_ids_for,
)


def test_a_free_number_stays_what_it_is(database: Database, ids: IdAllocator) -> None:
    with database.transaction() as session:
        assert user_ids_for(session, ids, "acme", [7, "8"], now_ms=1) == {"7": 7, "8": 8}
        assert user_ids_for(session, ids, "acme", ["7", 8, 7], now_ms=2) == {"7": 7, "8": 8}


@pytest.mark.parametrize("text", ["anna", "007", "0", str(1 << 40), "9" * 30, "+5", "5.0", "\u0665", "x" * 128])
def test_everything_else_gets_a_number_from_above(database: Database, ids: IdAllocator, text: str) -> None:
    with database.transaction() as session:
        given = user_ids_for(session, ids, "acme", [text], now_ms=1)[text]
        assert FIRST_GIVEN_ID <= given < 1 << 53
        assert find_user_id(session, "acme", text) == given


def test_a_taken_number_is_not_shared_between_sources(database: Database, ids: IdAllocator) -> None:
    with database.transaction() as session:
        first = user_ids_for(session, ids, "acme", [5, "a"], now_ms=1)
        second = user_ids_for(session, ids, "other", [5, "a", 6], now_ms=1)
        assert first["5"] == 5
        assert second["5"] >= FIRST_GIVEN_ID
        assert second["6"] == 6
        assert len({*first.values(), *second.values()}) == 5
        assert identities_of(session, [5, second["5"], 999]) == {
            5: UserIdentity(5, "acme", "5"),
            second["5"]: UserIdentity(second["5"], "other", "5"),
        }


def test_case_and_trailing_spaces_tell_users_apart(database: Database, ids: IdAllocator) -> None:
    with database.transaction() as session:
        found = user_ids_for(session, ids, "acme", ["anna", "Anna", "\u00e4nna"], now_ms=1)
        assert len(set(found.values())) == 3


def test_unknown_users_are_missing_not_created(database: Database, ids: IdAllocator) -> None:
    with database.transaction() as session:
        user_ids_for(session, ids, "acme", [5], now_ms=1)
        assert find_user_ids(session, "acme", [5, 6]) == {"5": 5}
        assert find_user_id(session, "other", 5) is None
        assert require_user_id(session, "acme", 5) == 5
        with pytest.raises(UserNotFound, match="no user '6' of yours"):
            require_user_id(session, "acme", 6)


def test_many_users_in_one_call(database: Database, ids: IdAllocator) -> None:
    names = [f"user-{number}" for number in range(2_500)] + list(map(str, range(1, 501)))
    with database.transaction() as session:
        found = user_ids_for(session, ids, "acme", names, now_ms=1)
        assert len(set(found.values())) == 3_000
        assert user_ids_for(session, ids, "acme", names, now_ms=1) == found


def test_racing_sources_agree(mariadb_database: Database) -> None:
    """Eight writers introduce overlapping users of two sources at once: all get the same answer, nobody shares."""
    ids = IdAllocator(mariadb_database)
    answers: list[tuple[str, dict[str, int]]] = []
    errors: list[BaseException] = []
    start = threading.Barrier(8)

    def introduce(number: int) -> None:
        source = ("acme", "other")[number % 2]
        wanted = [str(each) for each in range(1 + number, 60 + number)] + [f"n{each}" for each in range(number, 40)]
        if number % 3 == 0:
            wanted.reverse()
        try:
            start.wait()
            for part in range(0, len(wanted), 25):
                chunk = wanted[part : part + 25]
                found = mariadb_database.run(
                    lambda session, chunk=chunk: user_ids_for(session, ids, source, chunk, now_ms=1)  # type: ignore[misc]
                )
                answers.append((source, found))
        except Exception as error:  # noqa: BLE001  # whatever it is, the test shows it
            errors.append(error)

    threads = [threading.Thread(target=introduce, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    agreed: dict[tuple[str, str], int] = {}
    for source, found in answers:
        for name, user_id in found.items():
            assert agreed.setdefault((source, name), user_id) == user_id
    assert len(set(agreed.values())) == len(agreed)
