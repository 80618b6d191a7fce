"""Reading a submitted order, without a database."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import InvalidInput
from marketplace.orders import read_order, read_orders
from matching.orders import parse_order
from matching.taxonomy import builtin_taxonomy

GOOD = {"keywords": ["电焊工"], "regions": ["310000"]}
TAXONOMY = builtin_taxonomy()


def test_integers_and_their_digits_are_the_same_id() -> None:
    assert read_order({**GOOD, "id": 7}, TAXONOMY).external_id == "7"
    assert read_order({**GOOD, "id": "7"}, TAXONOMY).external_id == "7"
    assert read_order(GOOD, TAXONOMY).external_id is None


@pytest.mark.parametrize("number", [0, -1, 2**53, 10**50, "0", "-1"])
@pytest.mark.parametrize("field", ["id", "publisher"])
def test_ids_that_are_numbers_begin_at_one(field: str, number: int | str) -> None:
    with pytest.raises(InvalidInput, match=rf"^{field}: .* must be (between 1 and|from 1 up when it is a number)"):
        read_order({**GOOD, field: number}, TAXONOMY)


@pytest.mark.parametrize("field", ["title", "description", "text"])
def test_control_characters_are_refused_and_line_ends_are_not(field: str) -> None:
    read_order({**GOOD, field: "一\n二\t三\r\n"}, TAXONOMY)
    with pytest.raises(InvalidInput, match=rf"^{field}: .* holds the control character U\+0000; remove it"):
        read_order({**GOOD, field: "一\0"}, TAXONOMY)


def test_a_stray_control_character_is_refused_in_a_title_and_passed_over_in_a_long_text() -> None:
    """Descriptions out of documents are full of them: U+0002 for the hyphen at the end of a line."""
    read_order({**GOOD, "description": "non\x02exclusive", "text": "non\x02exclusive"}, TAXONOMY)
    with pytest.raises(InvalidInput, match=r"^title: .* holds the control character U\+0002; remove it"):
        read_order({**GOOD, "title": "non\x02exclusive"}, TAXONOMY)


def test_the_hash_tells_content_not_the_order_of_fields() -> None:
    first = read_order({"keywords": ["电焊工"], "title": "x"}, TAXONOMY)
    assert first.body_hash == read_order({"title": "x", "keywords": ["电焊工"]}, TAXONOMY).body_hash
    assert first.body_hash != read_order({"title": "y", "keywords": ["电焊工"]}, TAXONOMY).body_hash


def test_own_dimensions_are_not_mixed_with_the_title() -> None:
    assert read_order({**GOOD, "title": "浦东 木工"}, TAXONOMY).key_information.text == ""


def test_the_stored_document_reads_back_as_the_same_key_information() -> None:
    order = read_order({**GOOD, "near": {"lat": 31.2, "lon": 121.5, "radius_km": 3}, "limit": 9}, TAXONOMY)
    again = parse_order(orjson.loads(order.document_json(77)), TAXONOMY)
    assert again.id == 77
    assert (again.groups, again.near, again.regions) == (
        order.key_information.groups,
        order.key_information.near,
        order.key_information.regions,
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
names = (
    "id title description publisher policy expires_at_ms confirmed_reach keywords regions industries crowds near"
    " origin exclude limit text fuzzy keyword_rule other"
)
fields = st.sampled_from(names.split())


@given(st.lists(json_values | st.dictionaries(fields, json_values, max_size=6), max_size=5))
def test_any_json_is_read_or_refused_with_a_sentence(documents: list[object]) -> None:
    for answer in read_orders(documents, TAXONOMY):
        if isinstance(answer, InvalidInput):
            assert answer.sentence


def test_names_that_are_not_text_are_refused() -> None:
    with pytest.raises(InvalidInput, match="text"):
        read_order({1: 2}, TAXONOMY)
