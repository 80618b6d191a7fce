"""Dead letters are decided about once, and who did it and why stays."""

import pytest

from kit.db import Database
from kit.errors import InvalidInput
from kit.ids import IdAllocator
from kit.work import NewWork, claim, count_work, enqueue, fail
from marketplace.operations import LetterGone, count_letters, decide_letter, decisions, list_letters


def bury(database: Database, ids: IdAllocator, kind: str, subjects: range) -> None:
    """Let work of a kind fail for good."""
    with database.transaction() as session:
        enqueue(session, ids, [NewWork(kind, subject, 10) for subject in subjects], 10)
    with database.transaction() as session:
        claims = claim(session, [kind], 256, 20, 1_000)
    with database.transaction() as session:
        fail(session, claims, f"the {kind} cannot be done", 30, max_attempts=1)


def test_letters_are_listed_by_kind_and_page(database: Database, ids: IdAllocator) -> None:
    bury(database, ids, "delivery", range(1, 6))
    bury(database, ids, "webhook", range(7, 9))
    with database.read() as session:
        assert count_letters(session) == {"delivery": 5, "webhook": 2}
        first = list_letters(session, kind="delivery", limit=3)
        assert [letter.subject_id for letter in first.items] == [1, 2, 3]
        assert first.items[0].last_error == "the delivery cannot be done"
        rest = list_letters(session, kind="delivery", after=first.next_after or 0, limit=3)
        assert ([letter.subject_id for letter in rest.items], rest.next_after) == ([4, 5], None)
        assert len(list_letters(session).items) == 7


def test_retrying_makes_the_work_due_and_dismissing_takes_it_away(database: Database, ids: IdAllocator) -> None:
    bury(database, ids, "delivery", range(1, 3))
    with database.read() as session:
        again, never = list_letters(session).items
    with database.transaction() as session:
        decide_letter(session, ids, letter_id=again.id, action="retry", actor="ann", reason="Redis is back", now_ms=50)
    with database.transaction() as session:
        decide_letter(session, ids, letter_id=never.id, action="dismiss", actor="bob", reason="order void", now_ms=60)
    with database.read() as session:
        assert [(count.state, count.count) for count in count_work(session)] == [("pending", 1)]
        kept = decisions(session)
    assert [(each.action, each.actor, each.reason, each.subject_id, each.decided_at_ms) for each in kept] == [
        ("dismiss", "bob", "order void", 2, 60),
        ("retry", "ann", "Redis is back", 1, 50),
    ]
    assert kept[0].last_error == "the delivery cannot be done"
    with database.transaction() as session:
        assert [claimed.failures for claimed in claim(session, ["delivery"], 10, 50, 1_000)] == [0]


def test_a_letter_is_decided_about_once(database: Database, ids: IdAllocator) -> None:
    bury(database, ids, "delivery", range(1, 2))
    with database.read() as session:
        letter = list_letters(session).items[0]
    with database.transaction() as session:
        decide_letter(session, ids, letter_id=letter.id, action="retry", actor="ann", reason="again", now_ms=50)
    with pytest.raises(LetterGone, match=f"no dead letter {letter.id}"), database.transaction() as session:
        decide_letter(session, ids, letter_id=letter.id, action="dismiss", actor="bob", reason="no", now_ms=60)
    with database.read() as session:
        assert len(decisions(session)) == 1


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_a_decision_needs_a_reason(database: Database, ids: IdAllocator, reason: str) -> None:
    bury(database, ids, "delivery", range(1, 2))
    with database.read() as session:
        letter = list_letters(session).items[0]
    with pytest.raises(InvalidInput, match="say why"), database.transaction() as session:
        decide_letter(session, ids, letter_id=letter.id, action="retry", actor="ann", reason=reason, now_ms=50)
    with database.read() as session:
        assert count_letters(session) == {"delivery": 1}
