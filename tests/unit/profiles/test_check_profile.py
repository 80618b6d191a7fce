"""Lines of an import are checked one by one; every refusal says what is wrong and stops no other line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import InvalidInput
from marketplace.profiles.check_profile import CheckedProfile, RefusedLine, check_lines, check_profile
from marketplace.profiles.documents import decode, encode
from matching.profiles import Profile, parse_profile
from matching.taxonomy import builtin_taxonomy

TAXONOMY = builtin_taxonomy()


def sentence_of(line: bytes) -> str:
    (refused,) = check_lines([line], 1, TAXONOMY, None)
    assert isinstance(refused, RefusedLine)
    return refused.sentence


def test_a_bad_line_stops_no_other() -> None:
    lines = [json.dumps({"id": number, "keywords": ["a"]}).encode() for number in range(1, 11)]
    lines[6] = b'{"id": 7, "keywords": '
    checked = check_lines(lines, 1, TAXONOMY, None)
    assert [item.line for item in checked if isinstance(item, RefusedLine)] == [7]
    assert [item.external_id for item in checked if isinstance(item, CheckedProfile)] == [*"12345689", "10"]


@pytest.mark.parametrize(
    ("line", "part"),
    [
        (b"[1]", "profile: [1] must be a JSON object"),
        (b"null", "profile: null must be a JSON object"),
        (b"\xff\xfe", "is no JSON object"),
        (b'{"keywords": []}', "id is missing"),
        (b'{"id": 0}', "id: 0 must be"),
        (b'{"id": 1, "regions": ["999999"]}', "regions[0]: '999999'"),
        (b'{"id": 1, "location": [91, 0]}', "location[0]: 91 must be between -90 and 90"),
        (b'{"id": 1, "location": [NaN, 0]}', "is no JSON object"),
        (b'{"id": 1, "keywords": ' + json.dumps([str(n) for n in range(300)]).encode() + b"}", "300 entries are more"),
        (b'{"id": 1, "salary": 5}', "salary is no field"),
        (b'{"id": 1, "text": "' + b"x" * 300_000 + b'"}', "bytes are more than the 262144 allowed"),
    ],
)
def test_each_fault_has_its_sentence(line: bytes, part: str) -> None:
    assert part in sentence_of(line)


def test_byte_order_mark_line_ends_and_blank_lines_are_no_fault() -> None:
    lines = [b'\xef\xbb\xbf{"id": 1}\r\n', b"\r\n", b"", b'  {"id": "b"}\n']
    checked = check_lines(lines, 5, TAXONOMY, None)
    assert [(item.line, item.external_id) for item in checked] == [(5, "1"), (8, "b")]


def test_a_refused_line_keeps_its_id_when_it_has_a_sound_one() -> None:
    first, second = check_lines([b'{"id": 5, "rating": 101}', b'{"id": [5]}'], 1, TAXONOMY, None)
    assert (first.external_id, second.external_id) == ("5", None)


def test_the_id_of_the_path_and_of_the_document_must_agree() -> None:
    assert check_profile({"id": "5"}, TAXONOMY, None, external_id=5).external_id == "5"
    with pytest.raises(InvalidInput, match="id: 6 differs from the id '5'"):
        check_profile({"id": 6}, TAXONOMY, None, external_id="5")


PROFILES = st.builds(
    Profile,
    id=st.integers(1, 2**53 - 1),
    keywords=st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20), max_size=5).map(
        lambda words: tuple(sorted(set(words)))
    ),
    industries=st.sampled_from([(), ("C",), ("C", "I65")]),
    regions=st.sampled_from([(), ("100000",), ("310115", "320000")]),
    crowds=st.lists(st.sampled_from(["student", "retired"]), max_size=2).map(lambda tags: tuple(sorted(set(tags)))),
    location=st.none() | st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
    rating=st.integers(0, 100),
    available=st.booleans(),
)


@given(PROFILES)
def test_what_is_stored_comes_back_unchanged(profile: Profile) -> None:
    assert decode(profile.id, encode(profile)) == profile


@given(PROFILES)
def test_what_is_stored_needs_no_second_check(profile: Profile) -> None:
    """A checked profile, stored and read, equals its own check: readers may skip it."""
    document = profile.to_document()
    document["industries"], document["regions"] = ["C"], ["310115"]
    checked = parse_profile(document, TAXONOMY)
    assert parse_profile(decode(checked.id, encode(checked)).to_document(), TAXONOMY) == checked
