"""Submitting: an answer for each order, each order once, bad ones alone; on SQLite and MariaDB."""

import pytest

from kit.db import Database
from kit.ids import IdAllocator
from marketplace import dispatch
from marketplace.access import Caller
from marketplace.dispatch.views import SubmitAnswer
from marketplace.orders import MAX_ORDERS, TooManyOrders
from matching.errors import NoDimension
from matching.taxonomy import builtin_taxonomy

GOOD = {"keywords": ["电焊工"], "regions": ["310000"]}


def submit(database: Database, ids: IdAllocator, *documents: object, owner: str = "shop") -> list[SubmitAnswer]:
    return database.run(
        lambda session: dispatch.submit_orders(
            session,
            ids,
            caller=Caller(1, owner, frozenset()),
            documents=documents,
            taxonomy=builtin_taxonomy(),
            now_ms=1_000,
        )
    )


def test_an_order_opens_a_dispatch_with_the_default_policy(database: Database, ids: IdAllocator) -> None:
    answer = submit(database, ids, {**GOOD, "id": 7, "title": "A gate", "publisher": "p-1"})[0]
    assert (answer.status, answer.external_id, answer.sentence) == ("created", "7", None)
    with database.read() as session:
        view = dispatch.get_dispatch(session, dispatch_id=answer.dispatch_id or 0, owner="shop")
    assert (view.summary.order_id, view.summary.title, view.policy.name) == (answer.order_id, "A gate", "default")
    assert view.publisher_user_id is not None
    assert view.document["id"] == answer.order_id


def test_submitting_twice_is_harmless(database: Database, ids: IdAllocator) -> None:
    first = submit(database, ids, {**GOOD, "id": "x"})[0]
    second = submit(database, ids, {**GOOD, "id": "x"})[0]
    assert (second.status, second.dispatch_id, second.sentence) == ("duplicate", first.dispatch_id, None)
    changed = submit(database, ids, {**GOOD, "id": "x", "title": "new"})[0]
    assert changed.dispatch_id == first.dispatch_id
    assert changed.sentence is not None
    assert "other content" in changed.sentence
    elsewhere = submit(database, ids, {**GOOD, "id": "x"}, owner="other")[0]
    assert elsewhere.status == "created", "another owner's ids are his own"


def test_twice_in_one_request_is_one_order(database: Database, ids: IdAllocator) -> None:
    first, number, second = submit(database, ids, {**GOOD, "id": "5"}, GOOD, {**GOOD, "id": 5})
    assert (first.status, number.status, second.status) == ("created", "created", "duplicate")
    assert second.dispatch_id == first.dispatch_id != number.dispatch_id


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"regions": ["999999"]}, "999999"),
        ({**GOOD, "origin": [91, 0]}, "origin"),
        ({"title": ""}, "dimension"),
        ({**GOOD, "colour": "red"}, "colour"),
        ({**GOOD, "id": True}, "id"),
        ({**GOOD, "id": "x" * 129}, "id"),
        ({**GOOD, "title": 5}, "title"),
        ({**GOOD, "policy": "nonsense"}, "nonsense"),
        ({**GOOD, "expires_at_ms": 999}, "expires_at_ms"),
        ({**GOOD, "keywords": ["k"] * 17}, "keywords"),
        ("no object", "object"),
        (None, "object"),
    ],
)
def test_a_bad_order_gets_a_sentence_and_stops_nobody(
    database: Database, ids: IdAllocator, document: object, named: str
) -> None:
    before, bad, after = submit(database, ids, GOOD, document, GOOD)
    assert (before.status, bad.status, after.status) == ("created", "error", "created")
    assert bad.sentence is not None
    assert named in bad.sentence
    assert bad.dispatch_id is None


def test_a_title_alone_is_refused_and_a_text_is_taken(database: Database, ids: IdAllocator) -> None:
    """Nothing is read from a title: such an order would be kept, and be unmatchable later without anybody noticing."""
    refused, taken = submit(database, ids, {"title": "找电焊工", "description": "浦东新区"}, {"text": "找电焊工"})
    assert refused.status == "error"
    assert (refused.sentence or "").startswith("order names no dimension; give keywords, industries, regions, near or")
    assert isinstance(refused.error, NoDimension)
    assert taken.status == "created"
    with database.read() as session:
        view = dispatch.get_dispatch(session, dispatch_id=taken.dispatch_id or 0)
    assert view.document["text"] == "找电焊工"


def test_a_thousand_at_once_and_not_one_more(database: Database, ids: IdAllocator) -> None:
    answers = submit(database, ids, *[{**GOOD, "id": number} for number in range(1, MAX_ORDERS + 1)])
    assert len({answer.dispatch_id for answer in answers}) == MAX_ORDERS
    with pytest.raises(TooManyOrders, match="1001"):
        submit(database, ids, *[GOOD] * (MAX_ORDERS + 1))
