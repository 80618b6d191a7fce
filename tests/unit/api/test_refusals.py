"""What a stranger reads when his input is refused: each kind of refusal, word for word."""

import re
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from fastapi import Request

from api.bodies import RequestModel, read_model
from api.cursors import decode_cursor
from api.health import _paused
from api.problems import problem_of
from api.strict_json import parse_json
from api.v1.acceptances import AcceptanceBatch, Confirmation
from api.v1.dispatches import _orders_of
from api.v1.users import OneUser, _one_of
from engine.wire import MatchingPaused, error_document, raise_error
from kit.config import load_settings
from kit.db import Database
from kit.errors import InvalidInput, shown_value
from marketplace.dispatch.errors import UnknownPolicy
from marketplace.dispatch.policies import Policy
from marketplace.orders import read_order
from marketplace.profiles.check_profile import RefusedLine, check_lines, check_profile
from marketplace.users import external_id_of
from matching.query import parse_order
from matching.taxonomy import builtin_taxonomy

TAXONOMY = builtin_taxonomy()
GOOD: dict[str, Any] = {"keywords": ["电焊工"]}
KNOWN_OF_AN_ORDER = (
    "confirmed_reach, crowds, description, exclude, expires_at_ms, fuzzy, id, industries, keyword_rule, keywords,"
    " limit, near, origin, policy, publisher, regions, text, title"
)
NO_DIMENSION = (
    "order names no dimension; give keywords, industries, regions, near or crowds, or a text to find them in (the title"
    " and the description are for people, nothing is read from them)."
)


def order(**changes: Any) -> Callable[[], object]:
    return lambda: read_order({**GOOD, **changes}, TAXONOMY)


def profile(document: Any, **named: Any) -> Callable[[], object]:
    return lambda: check_profile(document, TAXONOMY, None, **named)


def body(text: str, model: type[RequestModel]) -> Callable[[], object]:
    return lambda: read_model(text.encode(), model)


REFUSALS: list[tuple[Callable[[], object], str, str]] = [
    # What is asked, the field, the whole sentence.
    (order(wave_size=5), "wave_size", f"wave_size is no field of the order; known are {KNOWN_OF_AN_ORDER}"),
    (order(near={"lat": 1, "lon": 2, "unit": "km"}), "near.unit", "near.unit is no field of near; known are lat, lon,"),
    (order(near={"lat": 1, "lon": 2}), "near", "near lacks radius_km"),
    (order(near=[1, 2]), "near", "near: [1, 2] must be a JSON object"),
    (order(keywords=[{"weight": 2}]), "keywords[0]", "keywords[0] lacks any, the list of its keywords"),
    (order(keywords=None), "keywords", "keywords: null must be a list"),
    (order(keyword_rule={"at_least": True}), "keyword_rule.at_least", "keyword_rule.at_least: true must be an integer"),
    (order(keyword_rule={"most": 1}), "keyword_rule", 'keyword_rule: {"most": 1} must be "all", "any" or {"at_least":'),
    (order(title=5), "title", "title: 5 must be text."),
    (order(id=""), "id", "id: '' must be an integer or 1 to 128 printable characters."),
    (order(policy=7), "policy", "policy: 7 must be the name of a policy, or name and version"),
    (order(expires_at_ms="soon"), "expires_at_ms", "expires_at_ms: 'soon' must be a whole number from 1 to"),
    (order(confirmed_reach=0), "confirmed_reach", "confirmed_reach: 0 must be a whole number from 1 to 100,000."),
    (order(exclude=[False]), "exclude[0]", "exclude[0]: false must be an integer"),
    (order(origin=[1]), "origin", "origin: [1] must be [latitude, longitude]"),
    (lambda: read_order({"title": "x"}, TAXONOMY), "order", NO_DIMENSION),
    (lambda: read_order({"title": "x", "text": " \n"}, TAXONOMY), "order", NO_DIMENSION),
    (lambda: read_order({"keywords": []}, TAXONOMY), "order", NO_DIMENSION),
    (lambda: read_order([GOOD], TAXONOMY), "order", 'order: [{"keywords": ["电焊工"]}] must be a JSON object'),
    (lambda: parse_order(GOOD, TAXONOMY), "id", "id is missing; give an integer from 1 to 9007199254740991"),
    (profile(None), "profile", "profile: null must be a JSON object"),
    (profile({}), "id", "id is missing: give every profile your own id of the user"),
    (profile({"id": 6}, external_id="5"), "id", "id: 6 differs from the id '5' that the request names"),
    (profile({"id": 1, "surname": "王"}), "surname", "surname is no field of the profile; known are available, crowds"),
    (profile({"id": 1, "location": {"lat": 1}}), "location", 'location: {"lat": 1} must be [latitude, longitude]'),
    (profile({"id": 1, "rating": None}), "rating", "rating: null must be an integer"),
    (lambda: external_id_of(None), "id", "id: null must be a string or an integer from 1 up"),
    (lambda: external_id_of(True), "id", "id: true must be a string or an integer from 1 up"),
    (lambda: Policy("x", wave_size=0), "wave_size", "wave_size: 0 must be a whole number from 1 to 99,999."),
    (
        lambda: Policy.from_json('{"colour":null}'),
        "colour",
        "colour is no field of a policy; known are",
    ),
    (lambda: _one_of(None, None), "external_id", "external_id or user_id must be given, to name the user"),
    (
        lambda: _one_of("8841", 7),
        "external_id",
        "external_id and user_id are both given; name the user by one of them",
    ),
    (lambda: _orders_of([]), "body", 'body: [] must be one order or {"orders": [...]}'),
    (
        lambda: _orders_of({"orders": [GOOD], "more": 1}),
        "more",
        "more is no field beside orders; known are orders, policy",
    ),
    (lambda: _orders_of({"orders": {}}), "orders", "orders: {} must be a list of at least one order"),
    (lambda: _orders_of({"orders": [1], "policy": None, "x": 1}), "x", "x is no field beside orders; known are"),
    (lambda: _orders_of({"orders": [1], "policy": False}), "policy", "policy: false must be the name of a policy"),
    (body("{}", Confirmation), "token", "token is missing"),
    (body('{"token": null}', Confirmation), "token", "token: null must be a whole number"),
    (body('{"token": 1, "colour": 2}', Confirmation), "colour", "colour is no field here; known are token"),
    (
        body('{"external_ids": {"a": null}}', AcceptanceBatch),
        "external_ids",
        'external_ids: {"a": null} must be a list',
    ),
    (body('{"user_id": 0}', OneUser), "user_id", "user_id: 0 must be greater than or equal to 1"),
    (lambda: decode_cursor("profiles", "!!"), "cursor", "cursor: '!!' is no cursor of this list; pass next_cursor"),
    (lambda: parse_json(b'{"limit": 1e999}'), "limit", "limit: '1e999' is too large for a floating point number"),
    (lambda: load_settings(shards=0), "QUANWANG_SHARDS", "QUANWANG_SHARDS: 0 must be greater than or equal to 1"),
    (lambda: load_settings(http_port="x"), "QUANWANG_HTTP_PORT", "QUANWANG_HTTP_PORT: 'x' must be a valid integer"),
    (lambda: Database("nonsense"), "QUANWANG_DATABASE_URL", "QUANWANG_DATABASE_URL: '(not shown)' is no database URL"),
]


@pytest.mark.parametrize(("ask", "field", "sentence"), REFUSALS, ids=[sentence[:50] for _, _, sentence in REFUSALS])
def test_a_refusal_word_for_word(ask: Callable[[], object], field: str, sentence: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        ask()
    error = caught.value
    assert error.sentence.startswith(sentence)
    assert error.field == field
    assert error.rule in error.sentence
    outside_of_quotes = re.sub(r"'[^']*'|\"[^\"]*\"", "", error.sentence)
    assert not re.search(r"\b(None|True|False|dict|list\[|Mapping|nan|inf)\b", outside_of_quotes), error.sentence


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b'{"id": "broken", ', '\'{"id": "broken",\' is no JSON object: '),
        (b"x" * 300_000, "300000 bytes are more than the 262144 allowed"),
        (b"null", "profile: null must be a JSON object"),
    ],
)
def test_a_line_is_not_named_twice(line: bytes, sentence: str) -> None:
    (refused,) = check_lines([line], 7, TAXONOMY, None)
    assert isinstance(refused, RefusedLine)
    assert refused.sentence.startswith(sentence)


def test_a_problem_document_carries_field_value_and_rule() -> None:
    request = Request({"type": "http", "app": _App(), "headers": [], "quanwang.request_id": "r"})
    refused = problem_of(request, UnknownPolicy("nope", ["default", "whole_tier"]))
    document = orjson.loads(bytes(refused.body))
    assert refused.status_code == 422
    assert (document["field"], document["value"]) == ("policy", "nope")
    assert document["rule"] == "is not a known policy; choose one of default, whole_tier."
    assert document["detail"] == "policy: 'nope' is not a known policy; choose one of default, whole_tier."
    nested = problem_of(request, InvalidInput("near", {"lat": None}, "lacks lon", show_value=False))
    assert orjson.loads(bytes(nested.body))["value"] == '{"lat": null}'


class _State:
    services = None


class _App:
    state = _State()


def test_refusals_cross_the_internal_socket_unchanged() -> None:
    for error in (
        InvalidInput("near", {"lat": 1}, "lacks lon", show_value=False),
        InvalidInput("regions[0]", "9", "is not a code of the region tree"),
    ):
        with pytest.raises(InvalidInput) as caught:
            raise_error(error_document(error))
        assert caught.value.sentence == error.sentence


def test_paused_matching_is_said_once() -> None:
    assert _paused(MatchingPaused().sentence) == (
        "matching paused: the dispatcher does not answer; submitted orders are kept and go out when it is back, ask"
        " again in 5 seconds"
    )


def test_long_and_strange_values_are_cut_and_never_break_a_sentence() -> None:
    assert len(InvalidInput("x" * 500, None, "is no field", show_value=False).sentence) < 100
    assert "\n" not in InvalidInput("a\nb", None, "is no field", show_value=False).sentence
    place = f"/srv/{'long' * 50}/tree.csv:7"
    assert InvalidInput(place, "c\nd" * 100, "is wrong").sentence.startswith(f"{place}: 'c\\nd")
    assert len(InvalidInput("a", "y" * 500, "is wrong").sentence) < 100
    assert shown_value(object()) == "a value that cannot be shown"
    assert shown_value({"词": [None, True, 1.5]}) == '{"词": [null, true, 1.5]}'
    assert shown_value(10**5000) == "a value that cannot be shown"
