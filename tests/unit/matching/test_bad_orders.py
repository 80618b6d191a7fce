"""Every bad order is refused with a sentence that names the field, the value and the rule."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.errors import InvalidInput
from matching.errors import NoDimension
from matching.orders import KeywordGroup, Near, parse_order
from matching.taxonomy import builtin_taxonomy
from tests.strategies import SMALL_TAXONOMY, STEADY, order_document

NEAR = {"lat": 22.5, "lon": 114, "radius_km": 5}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"id": 0}, "id: 0 must be between 1 and 9007199254740991"),
    ({"id": 3.0}, "id: 3.0 must be an integer"),
    ({"id": False}, "id: false must be an integer"),
    ({"Keywords": ["电工"]}, "Keywords is no field of the order; known are crowds, exclude,"),
    ({"keywords": "电工"}, "keywords: '电工' must be a list"),
    ({"keywords": ["a"] * 17}, "keywords: 17 entries are more than the 16 allowed"),
    ({"keywords": [3]}, "keywords[0]: 3 must be a keyword, a list of variants or"),
    ({"keywords": [["a"] * 65]}, "keywords[0]: 65 entries are more than the 64 allowed"),
    ({"keywords": [[]]}, "keywords[0]: [] is a group without a keyword"),
    ({"keywords": ["a", {"any": []}]}, "keywords[1].any: [] is a group without a keyword"),
    ({"keywords": [{"weight": 2}]}, "keywords[0] lacks any, the list of its keywords"),
    ({"keywords": [{"any": ["a"], "weight": 0}]}, "keywords[0].weight: 0 must be between 1 and 15"),
    ({"keywords": [{"any": ["a"], "weight": 16}]}, "keywords[0].weight: 16 must be between 1 and 15"),
    ({"keywords": [{"any": ["a"], "weight": 1.5}]}, "keywords[0].weight: 1.5 must be an integer"),
    ({"keywords": [{"any": ["a"], "boost": 1}]}, "keywords[0].boost is no field of keywords[0]; known are any, weight"),
    ({"keywords": [{"any": "a"}]}, "keywords[0].any: 'a' must be a list"),
    ({"keywords": [["a", ["b"]]]}, 'keywords[0][1]: ["b"] must be a string'),
    ({"keywords": ["a", " "]}, "keywords[1]: ' ' is an empty keyword"),
    ({"keywords": ["x" * 65]}, "is longer than 64 characters"),
    ({"keywords": ["a"], "keyword_rule": "some"}, 'keyword_rule: \'some\' must be "all", "any" or'),
    ({"keywords": ["a"], "keyword_rule": None}, "keyword_rule: null must be"),
    (
        {"keywords": ["a"], "keyword_rule": {"at_least": 2}},
        "keyword_rule.at_least: 2 must be 1: the order has one keyword group",
    ),
    (
        {"keywords": ["a"], "keyword_rule": {"at_least": 0}},
        "keyword_rule.at_least: 0 must be 1: the order has one keyword group",
    ),
    ({"keywords": ["a"], "keyword_rule": {"at_least": True}}, "keyword_rule.at_least: true must be an integer"),
    ({"keywords": ["a"], "keyword_rule": {"at_least": 1, "x": 1}}, "keyword_rule: "),
    ({"regions": ["110000"], "keyword_rule": {"at_least": 1}}, "but the order has no keywords"),
    ({"regions": ["110000"] * 65}, "regions: 65 entries are more than the 64 allowed"),
    ({"regions": ["1100000"]}, "regions[0]: '1100000' is not a code of the region tree"),
    ({"regions": [110000]}, "regions[0]: 110000 must be a code in quotes"),
    ({"regions": [["110000"]]}, 'regions[0]: ["110000"] must be a code in quotes'),
    ({"industries": ["c"]}, "industries[0]: 'c' is not a code of the industry tree"),
    ({"industries": ["C"] * 33}, "industries: 33 entries are more than the 32 allowed"),
    ({"crowds": "student"}, "crowds: 'student' must be a list"),
    ({"crowds": ["s"] * 33}, "crowds: 33 entries are more than the 32 allowed"),
    ({"near": [22, 114, 5]}, "near: [22, 114, 5] must be a JSON object"),
    ({"near": {"lat": 22, "lon": 114}}, "near lacks radius_km"),
    ({"near": NEAR | {"unit": "km"}}, "near.unit is no field of near; known are lat, lon, radius_km"),
    ({"near": NEAR | {"lat": 91}}, "near.lat: 91 must be between -90 and 90"),
    ({"near": NEAR | {"lon": -181}}, "near.lon: -181 must be between -180 and 180"),
    ({"near": NEAR | {"lat": math.nan}}, "near.lat: NaN must be between -90 and 90"),
    ({"near": NEAR | {"radius_km": 0}}, "near.radius_km: 0 must be more than 0"),
    ({"near": NEAR | {"radius_km": -1}}, "near.radius_km: -1 must be between 0 and 20038"),
    ({"near": NEAR | {"radius_km": 20_038.5}}, "near.radius_km: 20038.5 must be between 0 and 20038"),
    ({"near": NEAR | {"radius_km": math.inf}}, "near.radius_km: Infinity must be between 0 and 20038"),
    ({"near": NEAR | {"radius_km": "5"}}, "near.radius_km: '5' must be a number"),
    ({"crowds": ["a"], "origin": [0, 181]}, "origin[1]: 181 must be between -180 and 180"),
    ({"crowds": ["a"], "exclude": [1, 0]}, "exclude[1]: 0 must be between 1 and"),
    ({"crowds": ["a"], "exclude": [2.0]}, "exclude[0]: 2.0 must be an integer"),
    ({"crowds": ["a"], "exclude": [1] * 100_001}, "exclude: 100001 entries are more than the 100000 allowed"),
    ({"crowds": ["a"], "limit": 0}, "limit: 0 must be between 1 and 100000"),
    ({"crowds": ["a"], "limit": 100_001}, "limit: 100001 must be between 1 and 100000"),
    ({"crowds": ["a"], "limit": "9"}, "limit: '9' must be an integer"),
    ({"crowds": ["a"], "fuzzy": "no"}, "fuzzy: 'no' must be true or false"),
    ({"text": "x" * 20_001}, "text: 20001 characters are more than the 20000 allowed"),
    ({"text": 5}, "text: 5 must be a string"),
]


@pytest.mark.parametrize(("change", "sentence"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_order({"id": 1} | change, builtin_taxonomy())
    assert sentence in caught.value.sentence
    assert len(caught.value.sentence) < 400


@pytest.mark.parametrize(
    "nothing",
    [
        {},
        {"keywords": []},
        {"regions": [], "industries": [], "crowds": []},
        {"text": " \n"},
        {"origin": [1, 1]},
        {"near": None},
    ],
)
def test_no_dimension_is_refused(nothing: dict[str, Any]) -> None:
    with pytest.raises(
        NoDimension, match="names no dimension; give keywords, industries, regions, near, crowds or text"
    ):
        parse_order({"id": 1} | nothing, builtin_taxonomy())


def test_every_form_of_a_group() -> None:
    order = parse_order(
        {"id": 1, "keywords": ["Java", ["焊接", "電焊", "焊接"], {"any": ["a"]}, {"any": ["b", "c"], "weight": 15}]},
        builtin_taxonomy(),
    )
    assert order.groups == (
        KeywordGroup(("java",)), KeywordGroup(("焊接", "电焊")), KeywordGroup(("a",)), KeywordGroup(("b", "c"), 15),
    )  # fmt: skip
    assert order.at_least == 4


@pytest.mark.parametrize(("rule", "at_least"), [("all", 3), ("any", 1), ({"at_least": 2}, 2)])
def test_rules(rule: object, at_least: int) -> None:
    order = parse_order({"id": 1, "keywords": ["a", "b", "c"], "keyword_rule": rule}, builtin_taxonomy())
    assert order.at_least == at_least


def test_equal_groups_are_groups_of_their_own() -> None:
    assert parse_order({"id": 1, "keywords": ["a", "a"]}, builtin_taxonomy()).at_least == 2


def test_defaults_and_caps() -> None:
    order = parse_order(
        {"id": 1, "near": {"lat": 90, "lon": -180, "radius_km": 20_038}, "limit": 100_000, "exclude": [5, 2, 5]},
        builtin_taxonomy(),
    )
    assert (order.near, order.limit, order.exclude, order.fuzzy) == (
        Near(90.0, -180.0, 20_038.0),
        100_000,
        (2, 5),
        True,
    )
    assert parse_order({"id": 1, "crowds": ["a"]}, builtin_taxonomy()).limit == 500


def test_a_missing_id_is_refused_unless_the_caller_gives_it() -> None:
    with pytest.raises(InvalidInput, match="id is missing; give an integer from 1 to"):
        parse_order({"crowds": ["a"]}, builtin_taxonomy())
    assert parse_order({"crowds": ["a"]}, builtin_taxonomy(), require_id=False).id == 0


@given(st.integers(0, 2**110))
@settings(STEADY, max_examples=200)
def test_an_order_survives_its_document(number: int) -> None:
    order = parse_order(order_document(number, 7), SMALL_TAXONOMY)
    assert parse_order(order.to_document(), SMALL_TAXONOMY) == order
