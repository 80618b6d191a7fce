"""Every bad profile is refused with a sentence that names the field, the value and the rule."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.errors import InvalidInput
from matching.errors import UnknownCode
from matching.profiles import Profile, parse_profile
from matching.taxonomy import builtin_taxonomy
from tests.strategies import SMALL_TAXONOMY, STEADY, profile_document

BAD: list[tuple[dict[str, Any], str]] = [
    ({"id": 0}, "id: 0 must be between 1 and 9007199254740991"),
    ({"id": -1}, "id: -1 must be between"),
    ({"id": 2**53}, "id: 9007199254740992 must be between"),
    ({"id": 10**5000}, "id: 'an integer of more than 40 digits' must be between"),
    ({"id": True}, "id: true must be an integer"),
    ({"id": 1.0}, "id: 1.0 must be an integer"),
    ({"id": "1"}, "id: '1' must be an integer"),
    ({"id": None}, "id: null must be an integer"),
    ({"name": "Li"}, "name is no field of the profile; known are available, crowds, id,"),
    ({"keywords": "焊接"}, "keywords: '焊接' must be a list"),
    ({"keywords": None}, "keywords: null must be a list"),
    ({"keywords": ["电工"] * 300}, "keywords: 300 entries are more than the 64 allowed"),
    ({"keywords": ["电工", 7]}, "keywords[1]: 7 must be a string"),
    ({"keywords": ["电工", ""]}, "keywords[1]: '' is an empty keyword"),
    ({"keywords": [" \u3000\t"]}, "is an empty keyword"),
    ({"keywords": ["x" * 65]}, "keywords[0]: '" + "x" * 20),
    ({"keywords": ["ﷺ" * 4]}, "is longer than 64 characters"),
    ({"keywords": ["x" * 1_000_000]}, "is longer than 64 characters"),
    ({"keywords": ["\ud800"]}, "is not valid Unicode text"),
    ({"industries": ["ZZ"]}, "industries[0]: 'ZZ' is not a code of the industry tree"),
    ({"industries": ["3300"]}, "industries[0]: '3300' is not a code"),
    ({"industries": [33]}, "industries[0]: 33 must be a code in quotes; codes are strings"),
    ({"industries": ["33"] * 33}, "industries: 33 entries are more than the 32 allowed"),
    ({"regions": ["440399"]}, "regions[0]: '440399' is not a code of the region tree"),
    ({"regions": ["110000"] * 65}, "regions: 65 entries are more than the 64 allowed"),
    ({"crowds": ["a"] * 33}, "crowds: 33 entries are more than the 32 allowed"),
    ({"crowds": [" "]}, "crowds[0]: ' ' is an empty tag"),
    ({"crowds": ["t" * 65]}, "is longer than 64 characters"),
    ({"crowds": [1]}, "crowds[0]: 1 must be a string"),
    ({"location": [91, 0]}, "location[0]: 91 must be between -90 and 90"),
    ({"location": [0, 180.5]}, "location[1]: 180.5 must be between -180 and 180"),
    ({"location": [math.nan, 0]}, "location[0]: NaN must be between -90 and 90"),
    ({"location": [0, math.inf]}, "location[1]: Infinity must be between -180 and 180"),
    ({"location": [True, 0]}, "location[0]: true must be a number"),
    ({"location": ["22", 0]}, "location[0]: '22' must be a number"),
    ({"location": [22.5]}, "location: [22.5] must be [latitude, longitude]"),
    ({"location": {"lat": 1, "lon": 2}}, "must be [latitude, longitude]"),
    ({"rating": 101}, "rating: 101 must be between 0 and 100"),
    ({"rating": 60.0}, "rating: 60.0 must be an integer"),
    ({"rating": None}, "rating: null must be an integer"),
    ({"available": 1}, "available: 1 must be true or false"),
    ({"text": ["a"]}, 'text: ["a"] must be a string'),
    ({"text": "x" * 20_001}, "text: 20001 characters are more than the 20000 allowed"),
    ({"text": "\udfff"}, "is not valid Unicode text"),
]


@pytest.mark.parametrize(("change", "sentence"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_profile({"id": 1} | change, builtin_taxonomy())
    assert sentence in caught.value.sentence
    assert len(caught.value.sentence) < 400


@pytest.mark.parametrize("document", [[], "x", None, 3, True])
def test_what_is_no_object_is_refused(document: Any) -> None:
    with pytest.raises(InvalidInput, match="must be a JSON object"):
        parse_profile(document, builtin_taxonomy())


def test_an_unknown_code_has_its_own_class() -> None:
    with pytest.raises(UnknownCode):
        parse_profile({"id": 1, "regions": ["999999"]}, builtin_taxonomy())


def test_a_missing_id_is_refused_unless_the_caller_gives_it() -> None:
    with pytest.raises(InvalidInput, match="id is missing; give an integer from 1 to"):
        parse_profile({}, builtin_taxonomy())
    assert parse_profile({}, builtin_taxonomy(), require_id=False) == Profile(0)
    with pytest.raises(InvalidInput):
        parse_profile({"id": 0}, builtin_taxonomy(), require_id=False)


def test_missing_fields_have_their_defaults() -> None:
    assert parse_profile({"id": 2**53 - 1}, builtin_taxonomy()) == Profile(2**53 - 1, (), (), (), (), None, 60, True)


def test_caps_themselves_are_allowed() -> None:
    profile = parse_profile(
        {"id": 1, "keywords": [f"k{i:02}" + "x" * 61 for i in range(64)], "text": "x" * 20_000, "crowds": ["y" * 64]},
        builtin_taxonomy(),
    )
    assert len(profile.keywords) == 64
    assert {len(keyword) for keyword in profile.keywords} == {64}


def test_lists_are_sets_and_keywords_are_normalised() -> None:
    profile = parse_profile(
        {
            "id": 1,
            "keywords": ["Ｊａｖａ", "java ", "電焊", "电焊"],
            "crowds": [" Student", "Student", "student"],
            "regions": ["440300", "110000", "440300"],
        },
        builtin_taxonomy(),
    )
    assert profile.keywords == ("java", "电焊")
    assert profile.crowds == ("Student", "student")
    assert profile.regions == ("110000", "440300")


def test_coordinates_are_rounded_to_a_millionth_of_a_degree() -> None:
    profile = parse_profile({"id": 1, "location": [22.12345678, -0.0000001]}, builtin_taxonomy())
    assert profile.location is not None
    assert str(profile.location) == "(22.123457, 0.0)"


@given(st.integers(0, 2**48), st.integers(1, 2**53 - 1))
@settings(STEADY, max_examples=200)
def test_a_profile_survives_its_document(number: int, user_id: int) -> None:
    profile = parse_profile(profile_document(number, user_id), SMALL_TAXONOMY)
    assert parse_profile(profile.to_document(), SMALL_TAXONOMY) == profile
