"""Cursors come back as they were given, or are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cursors import decode_cursor, decode_number, encode_cursor
from kit.errors import InvalidInput


@given(st.integers(0, 2**53 - 1))
def test_a_position_comes_back(position: int) -> None:
    assert decode_number("inbox", encode_cursor("inbox", position)) == position


@given(st.text(max_size=60))
def test_nothing_else_is_taken(text: str) -> None:
    try:
        position = decode_cursor("inbox", text)
    except InvalidInput:
        return
    assert position is not None
    assert encode_cursor("inbox", position) == text


@pytest.mark.parametrize("position", ["-1", "01", "9007199254740992", "1.5", "x"])
def test_a_number_is_a_plain_one(position: str) -> None:
    with pytest.raises(InvalidInput, match="is no cursor of this list"):
        decode_number("inbox", encode_cursor("inbox", position))


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(InvalidInput):
        decode_number("profiles", encode_cursor("inbox", 7))


def test_no_cursor_is_the_beginning() -> None:
    assert decode_number("inbox", None) is None
