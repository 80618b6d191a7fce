"""Texts that nobody could read at intake are read later, once, and never over a newer profile."""

from collections.abc import Callable
from typing import Any

import pytest

from kit.db import Database
from kit.errors import Unavailable
from kit.ids import IdAllocator
from kit.work import Claimed, claim, count_work
from marketplace.access import Caller
from marketplace.profiles import (
    PROFILE_TEXT_WORK,
    ProfileReceipt,
    StoredProfile,
    delete_profile,
    get_profile,
    import_profiles,
    last_seq,
    put_profile,
    read_changes,
    read_texts,
)
from matching.extraction import Extractor
from matching.profiles import Profile
from matching.taxonomy import builtin_taxonomy
from matching.vocabulary import Vocabulary

TAXONOMY = builtin_taxonomy()
ACME = Caller(1, "acme", frozenset({"profiles:write"}))
TEXT = "我会电焊和管道安装"


class Away(Extractor):
    """The dispatcher is away: nobody can read."""

    def keywords(self, text: str, most: int, without: object = ()) -> tuple[str, ...]:
        raise Unavailable("matching is paused")


class Reader(Extractor):
    """A reader who lets something happen while he reads."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def keywords(self, text: str, most: int, without: Any = ()) -> tuple[str, ...]:
        found = super().keywords(text, most, without)
        self.meanwhile()
        return found


@pytest.fixture
def reader() -> Reader:
    vocabulary = Vocabulary()
    vocabulary.add(["电焊", "管道安装", "java"])
    return Reader(vocabulary, TAXONOMY)


class Shelf:
    """One profile, put and read by its user's backend."""

    def __init__(self, database: Database, ids: IdAllocator) -> None:
        self.database, self.ids = database, ids

    def put(self, *, reader: Extractor | None, now_ms: int = 1, **document: Any) -> ProfileReceipt:
        return self.database.run(
            lambda session: put_profile(
                session,
                self.ids,
                caller=ACME,
                external_id=5,
                document=document,
                taxonomy=TAXONOMY,
                extractor=reader,
                now_ms=now_ms,
            )
        )

    def get(self) -> StoredProfile:
        with self.database.read() as session:
            return get_profile(session, caller=ACME, external_id=5)

    def claims(self, now_ms: int = 10) -> list[Claimed]:
        return self.database.run(lambda session: claim(session, [PROFILE_TEXT_WORK], 256, now_ms, 1_000))

    def waiting(self) -> int:
        with self.database.read() as session:
            return sum(row.count for row in count_work(session) if row.kind == PROFILE_TEXT_WORK)


@pytest.fixture
def shelf(database: Database, ids: IdAllocator) -> Shelf:
    return Shelf(database, ids)


def away() -> Away:
    return Away(Vocabulary(), TAXONOMY)


def test_a_text_is_stored_unread_and_read_by_work(shelf: Shelf, reader: Reader) -> None:
    receipt = shelf.put(reader=away(), keywords=["java"], text=TEXT)
    assert (receipt.created, receipt.version, receipt.extracted) == (True, 1, None)
    stored = shelf.get()
    assert (stored.document["keywords"], stored.extracted, stored.text) == (["java"], None, TEXT)
    read_texts(shelf.database, shelf.claims(), reader, now_ms=20)
    stored = shelf.get()
    assert (stored.version, stored.changed_at_ms) == (2, 20)
    assert set(stored.document["keywords"]) == {"java", "电焊", "管道安装"}
    assert set(stored.extracted or ()) == {"电焊", "管道安装"}
    assert shelf.waiting() == 0
    with shelf.database.read() as session:
        assert read_changes(session, 1, 10).changes == [(5, Profile(5, ("java", "电焊", "管道安装")))]


def test_no_text_and_a_read_text_leave_no_work(shelf: Shelf, reader: Reader) -> None:
    shelf.put(reader=reader, keywords=["java"])
    shelf.put(reader=reader, keywords=["java"], text=TEXT)
    assert shelf.waiting() == 0


def test_a_text_that_names_nothing_is_read_all_the_same(shelf: Shelf, reader: Reader) -> None:
    shelf.put(reader=away(), keywords=["java"], text="什么都会")
    read_texts(shelf.database, shelf.claims(), reader, now_ms=20)
    assert shelf.get().extracted == ()
    assert shelf.waiting() == 0


def test_the_same_profile_again_changes_nothing_while_nobody_can_read(shelf: Shelf, reader: Reader) -> None:
    shelf.put(reader=away(), keywords=["java"], text=TEXT)
    assert not shelf.put(reader=away(), keywords=["java"], text=TEXT).changed
    read_texts(shelf.database, shelf.claims(), reader, now_ms=20)
    again = shelf.put(reader=away(), keywords=["java"], text=TEXT)
    assert (again.changed, set(again.extracted or ())) == (False, {"电焊", "管道安装"})
    edited = shelf.put(reader=away(), keywords=["python", "电焊"], text=TEXT)
    assert (edited.changed, edited.extracted) == (True, ("管道安装",))
    assert shelf.waiting() == 0


def test_a_newer_profile_wins_over_a_reading_under_way(shelf: Shelf, reader: Reader) -> None:
    shelf.put(reader=away(), keywords=["java"], text=TEXT)
    plain = Extractor(Vocabulary(), TAXONOMY)
    reader.meanwhile = lambda: shelf.put(reader=plain, keywords=["python"], text="别的", now_ms=15)
    read_texts(shelf.database, shelf.claims(), reader, now_ms=20)
    stored = shelf.get()
    assert (stored.document["keywords"], stored.text, stored.version) == (["python"], "别的", 2)
    assert shelf.waiting() == 0


def test_a_newer_unread_text_is_read_in_its_turn(shelf: Shelf, reader: Reader) -> None:
    shelf.put(reader=away(), keywords=["java"], text="会电焊")
    reader.meanwhile = lambda: shelf.put(reader=away(), keywords=["java"], text="会管道安装", now_ms=15)
    read_texts(shelf.database, shelf.claims(), reader, now_ms=20)
    assert shelf.get().extracted is None
    reader.meanwhile = lambda: None
    read_texts(shelf.database, shelf.claims(now_ms=30), reader, now_ms=30)
    assert shelf.get().document["keywords"] == ["java", "管道安装"]
    assert shelf.waiting() == 0


def test_a_frozen_reader_who_wakes_up_late_changes_nothing(shelf: Shelf, reader: Reader) -> None:
    """His lease ran out and another one read the text: his claim is fenced off."""
    shelf.put(reader=away(), keywords=["java"], text=TEXT)
    late = shelf.claims(now_ms=10)
    other = shelf.claims(now_ms=5_000)
    reader.meanwhile = lambda: read_texts(shelf.database, other, Extractor(Vocabulary(), TAXONOMY), now_ms=5_000)
    read_texts(shelf.database, late, reader, now_ms=6_000)
    assert (shelf.get().version, shelf.get().extracted) == (2, ())
    with shelf.database.read() as session:
        assert last_seq(session) == 2


def test_a_deleted_profile_is_not_read(shelf: Shelf, reader: Reader) -> None:
    shelf.put(reader=away(), keywords=["java"], text=TEXT)
    shelf.database.run(lambda session: delete_profile(session, caller=ACME, external_id=5, now_ms=5))
    read_texts(shelf.database, shelf.claims(), reader, now_ms=20)
    with shelf.database.read() as session:
        assert read_changes(session, 0, 10).changes == [(5, None)]
    assert shelf.waiting() == 0


def test_an_import_stores_unread_texts_too(shelf: Shelf, reader: Reader) -> None:
    lines = [{"id": number, "keywords": ["java"], "text": TEXT} for number in range(1, 4)]
    answers = import_profiles(
        shelf.database, shelf.ids, caller=ACME, lines=lines, taxonomy=TAXONOMY, extractor=away(), clock=lambda: 1
    )
    assert [(each.status, each.extracted) for each in answers] == [("ok", None)] * 3
    assert shelf.waiting() == 3
    read_texts(shelf.database, shelf.claims(), reader, now_ms=20)
    assert shelf.waiting() == 0


def test_own_keywords_have_precedence_where_there_is_no_room(shelf: Shelf, reader: Reader) -> None:
    own = [f"k{number}" for number in range(63)]
    shelf.put(reader=away(), keywords=own, text=TEXT)
    read_texts(shelf.database, shelf.claims(), reader, now_ms=20)
    stored = shelf.get()
    assert len(stored.document["keywords"]) == 64
    assert set(own) < set(stored.document["keywords"])
