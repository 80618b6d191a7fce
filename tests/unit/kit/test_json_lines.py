"""A line of JSON has one meaning, or a sentence why not."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import InvalidInput
from kit.json_lines import parse_line

NAMES = st.sampled_from(["a", "b", ":", "a:b", '":', "a\\", ""])
VALUES = st.recursive(
    st.booleans() | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(NAMES, inner), max_size=3).map(tuple),
    max_leaves=8,
)
"""Tuples stand for objects whose names may repeat."""

COLONS = st.sampled_from([":", " :", "\t:", ": ", " : "])


def _text(value: Any, colon: str) -> str:
    if isinstance(value, tuple):
        return "{" + ",".join(f"{json.dumps(name)}{colon}{_text(each, colon)}" for name, each in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_text(each, colon) for each in value) + "]"
    return json.dumps(value)


def _repeats(value: Any) -> bool:
    if isinstance(value, tuple):
        names = [name for name, _ in value]
        return len(set(names)) < len(names) or any(_repeats(each) for _, each in value)
    return isinstance(value, list) and any(map(_repeats, value))


@given(VALUES, COLONS)
def test_a_name_given_twice_is_found_and_nothing_else_is_refused(value: Any, colon: str) -> None:
    text = _text(value, colon)
    if _repeats(value):
        with pytest.raises(InvalidInput, match="is named twice in one object; keep one of them"):
            parse_line(text.encode())
    else:
        assert parse_line(text.encode()) == json.loads(text)


@given(st.binary(max_size=100))
def test_anything_else_is_an_expected_error(content: bytes) -> None:
    with contextlib.suppress(InvalidInput):
        parse_line(content)


@pytest.mark.parametrize("content", [b"[" * 1_000 + b"]" * 1_000, b'{"a":' * 1_000 + b"1" + b"}" * 1_000])
def test_deep_nesting_is_an_expected_error(content: bytes) -> None:
    with contextlib.suppress(InvalidInput):
        parse_line(content)
