"""One spelling for keywords, and the way back from a normalised text to the original."""

import unicodedata

import opencc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kit.errors import InvalidInput
from matching.alignment import align
from matching.normalisation import keyword, normalise, tag, to_simplified
from tests.strategies import STEADY

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TRICKY = st.text(
    st.sampled_from("aA Ａé\u0301\u3000\t\n ｶﾞ㌔ﬁİßΣς電软體臺乾發髮葉著㈱①½ﷺ한\u1100\u1161\u200b\u00a0\u2028\x85\x1c焊"),
    max_size=12,
)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("  Java  ", "java"),
        ("ＪＡＶＡ", "java"),
        ("C++", "c++"),
        ("Straße", "strasse"),
        ("ﬁtter", "fitter"),
        ("電焊工", "电焊工"),
        ("軟體開發", "软体开发"),
        ("機器　學習\t工程師", "机器 学习 工程师"),
        ("e\u0301cole", "école"),
        ("①号", "1号"),
        ("㌔", "キロ"),
        (" \u3000\t", ""),
        ("", ""),
        ("\x1fA\x1cB", "a b"),
    ],
)
def test_known_spellings(text: str, normal: str) -> None:
    assert normalise(text) == normal


@given(TEXTS | TRICKY)
@settings(STEADY, max_examples=500)
@example("ΐ")
@example("ᾳ\u0313")
def test_is_the_contract_word_for_word(text: str) -> None:
    """NFKC, case fold, NFKC, traditional to simplified, white space collapsed; also where a shorter way is taken."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    assert normalise(text) == " ".join(opencc.OpenCC("t2s").convert(folded).split())


@given(TEXTS | TRICKY)
@settings(STEADY, max_examples=500)
def test_places_of_a_normalised_text_lead_back(text: str) -> None:
    aligned = align(text)
    previous = (0, 0)
    for place in range(len(aligned.normal)):
        start, end = aligned.span(place, place + 1)
        assert 0 <= start < end <= len(text)
        assert start >= previous[0]
        assert end >= previous[1]
        previous = (start, end)
    if aligned.normal:
        start, end = aligned.span(0, len(aligned.normal))
        assert (start, end) == (0, len(text))


@given(st.text(st.sampled_from("aAbＡ電焊工 软體臺é\u3000e\u0301ｶﾞﬁß"), max_size=15))
@settings(STEADY, max_examples=500)
def test_an_aligned_text_reads_like_its_normal_form(text: str) -> None:
    assert align(text).normal.strip() == normalise(text)


def test_a_key_after_characters_of_other_lengths_keeps_its_place() -> None:
    text = "ﬁ①㌔  電焊工"
    aligned = align(text)
    start = aligned.normal.index("电焊工")
    assert text[slice(*aligned.span(start, start + 3))] == "電焊工"


# What the short cut around OpenCC must not change ---------------------------------------------------------------------

CONVERTER = opencc.OpenCC("t2s")


@pytest.mark.parametrize(
    "text", ["沈默", "沈先生", "明瞭", "藉口", "批覆", "打坏", "海哩", "衹是", "乾坤", "幹部", "著手", "电工"]
)
def test_simplifying_equals_opencc_where_a_phrase_decides(text: str) -> None:
    assert to_simplified(text) == CONVERTER.convert(text)


@given(
    st.text(
        st.characters(min_codepoint=0x3400, max_codepoint=0x9FFF) | st.sampled_from("沈藉覆坏瞭哩衹甦默口明"),
        max_size=12,
    )
)
@settings(STEADY, max_examples=500)
def test_simplifying_equals_opencc(text: str) -> None:
    assert to_simplified(text) == CONVERTER.convert(text)


@pytest.mark.parametrize("value", ["", " ", "\u3000\n", "\u200b", "\u200b\u200d \ufeff", "\u2060"])
def test_what_cannot_be_seen_is_empty(value: str) -> None:
    for check in (keyword, tag):
        with pytest.raises(InvalidInput, match="is an empty"):
            check("field", value)


@pytest.mark.parametrize("value", ["电\x00工", "\x00", "a\x1b", "\x7f", "a\x9f"])
def test_control_characters_are_refused(value: str) -> None:
    for check in (keyword, tag):
        with pytest.raises(InvalidInput, match=r"holds the control character U\+00[0-9A-F]{2}; remove it"):
            check("field", value)


def test_characters_of_no_width_inside_a_word_stay_as_they_are() -> None:
    assert keyword("field", "می\u200cخواهم") == "می\u200cخواهم"
    assert keyword("field", "a\tb\x85c") == "a b c"
