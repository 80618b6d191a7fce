"""Profiles: rows, versions, owners, imports."""

import json
from functools import partial
from typing import Any

import pytest

from kit.db import Database, Session
from kit.errors import InvalidInput
from kit.ids import IdAllocator
from marketplace.access import Caller
from marketplace.profiles import (
    ImportChunkTooLarge,
    LineAnswer,
    ProfileNotFound,
    ProfileReceipt,
    count_profiles,
    delete_profile,
    get_profile,
    import_profiles,
    last_seq,
    list_profiles,
    put_profile,
    read_all,
    read_changes,
    read_profiles,
)
from matching.extraction import Extractor
from matching.profiles import Profile
from matching.taxonomy import builtin_taxonomy
from matching.vocabulary import Vocabulary
from tests.integration.profiles.batches import put_batch

TAXONOMY = builtin_taxonomy()
ACME = Caller(1, "acme", frozenset({"profiles:write"}))
OTHER = Caller(2, "other", frozenset({"profiles:write"}))
ADMIN = Caller(3, "platform", frozenset({"admin"}))


def put(
    session: Session, ids: IdAllocator, external_id: str | int, *, caller: Caller = ACME, now_ms: int = 1, **fields: Any
) -> ProfileReceipt:
    extractor = fields.pop("extractor", None)
    return put_profile(
        session,
        ids,
        caller=caller,
        external_id=external_id,
        document=fields,
        taxonomy=TAXONOMY,
        extractor=extractor,
        now_ms=now_ms,
    )


def test_put_creates_replaces_and_leaves_alone(database: Database, ids: IdAllocator) -> None:
    with database.transaction() as session:
        first = put(session, ids, 5, keywords=["Java", "java"], rating=70)
        again = put(session, ids, "5", keywords=["JAVA"], rating=70, now_ms=2)
        other = put(session, ids, 5, keywords=["go"], now_ms=3)
        assert (first.user_id, first.version, first.created, first.changed) == (5, 1, True, True)
        assert (again.version, again.created, again.changed) == (1, False, False)
        assert (other.version, other.created, other.changed) == (2, False, True)
        assert last_seq(session) == 2
        assert read_profiles(session, [5, 6]) == {5: Profile(5, ("go",))}
        stored = get_profile(session, caller=ACME, external_id=5)
        assert stored.to_document() == {
            "id": "5",
            "user_id": 5,
            "version": 2,
            "keywords": ["go"],
            "industries": [],
            "regions": [],
            "crowds": [],
            "location": None,
            "rating": 60,
            "available": True,
            "changed_at_ms": 3,
        }


def test_bad_input_changes_nothing(database: Database, ids: IdAllocator) -> None:
    with database.transaction() as session:
        with pytest.raises(InvalidInput, match=r"regions\[0\]: '990000'"):
            put(session, ids, 5, regions=["990000"])
        assert (last_seq(session), count_profiles(session)) == (0, 0)


def test_everybody_sees_their_own(database: Database, ids: IdAllocator) -> None:
    with database.transaction() as session:
        put(session, ids, 5, keywords=["mine"])
        put(session, ids, 5, keywords=["theirs"], caller=OTHER)
        put(session, ids, 6, keywords=["theirs too"], caller=OTHER)
        assert get_profile(session, caller=OTHER, external_id=5).document["keywords"] == ["theirs"]
        with pytest.raises(ProfileNotFound, match="no profile '6' of yours"):
            get_profile(session, caller=ACME, external_id=6)
        with pytest.raises(ProfileNotFound):
            delete_profile(session, caller=ACME, external_id=6, now_ms=2)
        assert [each.external_id for each in list_profiles(session, caller=ACME)] == ["5"]
        page = list_profiles(session, caller=ADMIN, limit=2)
        rest = list_profiles(session, caller=ADMIN, after_user_id=page[-1].user_id)
        assert len(page) == 2
        assert sorted(each.external_id for each in page + rest) == ["5", "5", "6"]


def test_delete_removes_content_and_keeps_the_number(database: Database, ids: IdAllocator) -> None:
    with database.transaction() as session:
        put(session, ids, "anna", keywords=["secret wish"], text="secret wish")
        receipt = delete_profile(session, caller=ACME, external_id="anna", now_ms=2)
        assert (receipt.version, receipt.changed) == (2, True)
        assert read_all(session, 0, 10) == []
        assert read_changes(session, 0, 10).changes == [(receipt.user_id, None)]
        rows = session.exec_driver_sql("SELECT document, submitted_text, extracted FROM profile").all()
        assert [tuple(row) for row in rows] == [("{}", None, None)]
        with pytest.raises(ProfileNotFound):
            delete_profile(session, caller=ACME, external_id="anna", now_ms=3)
        with pytest.raises(ProfileNotFound):
            get_profile(session, caller=ACME, external_id="anna")
        back = put(session, ids, "anna", keywords=["x"], now_ms=4)
        assert (back.user_id, back.version, back.created) == (receipt.user_id, 3, True)


def test_text_adds_keywords_and_says_which(database: Database, ids: IdAllocator) -> None:
    vocabulary = Vocabulary()
    vocabulary.add(["电焊", "管道安装", "java"])
    extractor = Extractor(vocabulary, TAXONOMY)
    with database.transaction() as session:
        text = "我会电焊和管道安装"
        receipt = put(session, ids, 5, keywords=["java"], text=text, extractor=extractor)
        assert receipt.extracted is not None
        assert set(receipt.extracted) == {"电焊", "管道安装"}
        stored = get_profile(session, caller=ACME, external_id=5)
        assert set(stored.document["keywords"]) == {"java", "电焊", "管道安装"}
        assert stored.text == text
        assert set(stored.to_document()["extracted"]) == {"电焊", "管道安装"}
        unread = put(session, ids, 6, text=text)
        assert unread.extracted is None
        assert get_profile(session, caller=ACME, external_id=6).to_document()["extracted"] is None


def test_a_chunk_answers_every_line(database: Database, ids: IdAllocator) -> None:
    lines = [json.dumps({"id": number, "keywords": [f"k{number}"]}) for number in range(1, 11)]
    lines[6] = '{"id": 7, "rating": 1e9}'
    stored = partial(import_profiles, database, ids, caller=ACME, taxonomy=TAXONOMY, clock=lambda: 1)
    answers = list(stored(lines=lines, chunk_lines=4))
    assert [answer.status for answer in answers] == ["ok"] * 6 + ["error"] + ["ok"] * 3
    sentence = "line 7: rating: 1000000000.0 must be an integer"
    assert answers[6] == LineAnswer(7, "error", "7", sentence=sentence)
    assert answers[7] == LineAnswer(8, "ok", "8", 8, 1, True)
    with database.read() as session:
        assert count_profiles(session) == 9
    with pytest.raises(ImportChunkTooLarge):
        list(stored(lines=lines, chunk_lines=1_001))


def test_the_last_line_of_a_user_wins(database: Database, ids: IdAllocator) -> None:
    lines: list[dict[str, Any]] = [
        {"id": 1, "keywords": ["a"]},
        {"id": 2},
        {"id": "1", "keywords": ["b"]},
        {"id": 1, "keywords": ["b"]},
    ]
    with database.transaction() as session:
        answers = put_batch(session, ids, caller=ACME, documents=lines, now_ms=1)
        assert [(each.user_id, each.version, each.changed) for each in answers] == [
            (1, 1, True),
            (2, 1, True),
            (1, 2, True),
            (1, 2, False),
        ]
        assert read_all(session, 0, 10) == [Profile(1, ("b",)), Profile(2)]
        assert (last_seq(session), len(read_changes(session, 0, 10).changes)) == (2, 2)


def test_an_import_streams_and_commits_by_the_chunk(database: Database, ids: IdAllocator) -> None:
    """Lines are asked for only as chunks are stored, and what was answered is committed."""
    asked = 0

    def lines() -> Any:
        nonlocal asked
        for number in range(1, 2_501):
            asked += 1
            yield (
                b"not json" if number == 1_700 else json.dumps({"id": number, "keywords": [f"k{number % 7}"]}).encode()
            )

    answers = import_profiles(database, ids, caller=ACME, lines=lines(), taxonomy=TAXONOMY, clock=lambda: 1)
    first = next(answers)
    assert (first.line, first.status, asked) == (1, "ok", 1_000)
    with database.read() as session:
        assert count_profiles(session) == 1_000
    rest = list(answers)
    assert [answer.line for answer in rest] == list(range(2, 2_501))
    assert [answer.line for answer in rest if answer.status == "error"] == [1_700]
    with database.read() as session:
        assert (count_profiles(session), last_seq(session)) == (2_499, 2_499)
    again = list(import_profiles(database, ids, caller=ACME, lines=lines(), taxonomy=TAXONOMY, clock=lambda: 2))
    assert not any(answer.changed for answer in again)
    with database.read() as session:
        assert last_seq(session) == 2_499


def test_changes_are_read_in_parts(database: Database, ids: IdAllocator) -> None:
    with database.transaction() as session:
        for version in range(3):
            for user in range(1, 6):
                put(session, ids, user, keywords=[f"v{version}"])
        delete_profile(session, caller=ACME, external_id=3, now_ms=1)
        after = 0
        copy: dict[int, Profile | None] = {}
        while True:
            found = read_changes(session, after, 4)
            if found.seq == after:
                break
            after = found.seq
            copy.update(found.changes)
        assert after == last_seq(session) == 16
        assert copy == {**{user: Profile(user, ("v2",)) for user in (1, 2, 4, 5)}, 3: None}
        assert [each.id for each in read_all(session, 1, 2)] == [2, 4]
