"""JSON has one meaning here, or a sentence why not."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.problems import MalformedRequest
from api.strict_json import MAX_DEPTH, MAX_SAFE_INTEGER, parse_json
from kit.errors import InvalidInput, QuanwangError

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_plain_comes_back(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert parse_json(text.encode()) == value


@given(st.binary(max_size=200))
def test_anything_else_is_an_expected_error(body: bytes) -> None:
    with contextlib.suppress(QuanwangError):
        parse_json(body)


def test_the_deepest_document_is_taken_and_one_more_level_is_not() -> None:
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(MalformedRequest, match="nested deeper than 16 levels"):
        parse_json(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
    with pytest.raises(MalformedRequest, match="nested deeper"):
        parse_json(b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1))


@pytest.mark.parametrize("number", [MAX_SAFE_INTEGER, -MAX_SAFE_INTEGER])
def test_integers_up_to_the_bound_are_taken_and_no_more(number: int) -> None:
    assert parse_json(str(number).encode()) == number
    with pytest.raises(InvalidInput, match="must be between"):
        parse_json(str(number + (1 if number > 0 else -1)).encode())


def test_a_pair_of_surrogates_is_a_character_and_half_of_one_is_not() -> None:
    assert parse_json(b'"\\ud83d\\ude00"') == "\U0001f600"
    for half in (b'"\\ud83d"', b'"\\ude00\\ud83d"', b'{"\\uD800": 1}'):
        with pytest.raises(MalformedRequest, match="surrogate"):
            parse_json(half)
