"""Every recognised key says for programs why it counts or not."""

import json

import pytest

from matching.extracted import Why
from matching.extraction import Extractor
from matching.query import ExtractedKey, Query, parse_order, resolve
from matching.taxonomy import builtin_taxonomy
from matching.vocabulary import Vocabulary

WORDS = ["自动化技术员", "自动化", "技术员", "电工", "焊接", "java"]


def extractor() -> Extractor:
    vocabulary = Vocabulary()
    vocabulary.add(WORDS)
    return Extractor(vocabulary, builtin_taxonomy(), ["退役军人"])


@pytest.mark.parametrize(
    ("text", "value", "why"),
    [
        ("招电工", "电工", Why.KNOWN),
        ("自动化技术员", "自动化", Why.INSIDE),
        ("电工 java 焊接", "焊接", Why.RARER_TAKEN),
        ("退役军人优先", "退役军人", Why.CROWD_OF_TEXT),
        ("上海市", "310000", Why.FULL_NAME),
        ("上海招人", "310000", Why.SHORT_NAME),
        ("深圳南山", "440305", Why.SUPPORTED),
        ("深圳南山", "440300", Why.NARROWED),
        ("全国", "100000", Why.WHOLE_COUNTRY),
        ("会做上海菜", "310000", Why.OTHER_THING),
        ("合作共赢", "623001", Why.TOO_SHORT),
        ("鼓楼区", "320106", Why.AMBIGUOUS),
        ("制造业", "C", Why.FULL_NAME),
        ("制造行业", "C", Why.NAMED_INDUSTRY),
    ],
)
def test_why_a_key_counts_or_not(text: str, value: str, why: Why) -> None:
    keys = extractor().extract(text, most_keywords=2).keys
    assert (value, why) in {(key.value, key.why) for key in keys}
    assert all(key.why and key.reason for key in keys)


def test_what_the_order_names_itself_is_not_taken_from_its_text() -> None:
    order = parse_order({"id": 1, "text": "上海招电工", "keywords": ["焊接"]}, builtin_taxonomy())
    query = resolve(order, Vocabulary(), builtin_taxonomy(), extractor=extractor())
    assert {key.value: key.why for key in query.extracted}["电工"] == Why.ORDER_NAMES


def test_queries_that_were_frozen_before_are_read() -> None:
    key = ExtractedKey("keyword", "电工", 0, 2, 90, 3, True, "a known keyword", Why.KNOWN)
    query = Query(1, crowds=("x",), extracted=(key,))
    assert Query.from_json(query.to_json()) == query
    old = json.loads(query.to_json())
    del old["extracted"][0]["why"]
    assert Query.from_json(json.dumps(old)).extracted[0].why == ""
