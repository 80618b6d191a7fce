"""Extraction equals a plain reading of the contract's sentences, on any text, after any history of the vocabulary."""

import threading
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.alignment import align
from matching.extraction import MAX_ORDER_KEYWORDS, Extractor
from matching.fields import MAX_TEXT_CHARACTERS
from matching.normalisation import normalise
from matching.query import parse_order, resolve
from matching.synonyms import Synonyms
from matching.taxonomy import builtin_taxonomy
from matching.vocabulary import Vocabulary
from tests.strategies import SMALL_TAXONOMY as SMALL
from tests.strategies import STEADY

PIECES = st.one_of(
    st.text(st.sampled_from("焊电工"), min_size=1, max_size=4),
    st.text(st.sampled_from("ab 焊"), min_size=1, max_size=3).map(normalise).filter(bool),
)
TEXTS = st.text(st.sampled_from("焊电工焊电工ab "), min_size=2, max_size=16)
"""Few letters, so that words overlap and are often there."""
ANY_TEXT = st.text(
    st.one_of(
        st.sampled_from("ＡｂＪ１焊電电工　 \t\n\x00ﬁ①㍿ｶﾞe\u0301İß😀👩\u200d🔧…，。藉沈"),
        st.characters(codec="utf-8"),
    ),
    max_size=40,
)


# The contract, by scanning --------------------------------------------------------------------------------------------


def is_word(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "_")


def occurrences(text: str, word: str) -> list[tuple[int, int]]:
    """Every place where ``word`` stands without a Latin word or a number being cut in two."""
    found = []
    for start in range(len(text) - len(word) + 1):
        end = start + len(word)
        cuts_before = start > 0 and is_word(text[start]) and is_word(text[start - 1])
        cuts_after = end < len(text) and is_word(text[end - 1]) and is_word(text[end])
        if text[start:end] == word and not cuts_before and not cuts_after:
            found.append((start, end))
    return found


def scanned(text: str, words: set[str]) -> dict[str, int]:
    """The longest known words from left to right, and all known words that begin inside one of them; first places."""
    spans = sorted(
        (span for word in words if len(word) >= 2 for span in occurrences(text, word)), key=lambda s: (s[0], -s[1])
    )
    places: dict[str, int] = {}
    end_of_longest = 0
    for start, end in spans:
        end_of_longest = max(end_of_longest, end) if start >= end_of_longest else end_of_longest
        places.setdefault(text[start:end], start)
    return places


def found_by(extractor: Extractor, text: str) -> dict[str, int]:
    return {key.value: key.start for key in extractor.extract(text).keys}


def vocabulary_of(*profiles: set[str]) -> Vocabulary:
    vocabulary = Vocabulary()
    for words in profiles:
        vocabulary.add(words)
    return vocabulary


@given(st.sets(PIECES, max_size=12), TEXTS.map(lambda text: " ".join(text.split())))
@settings(STEADY, max_examples=600)
def test_keywords_equal_a_scan(words: set[str], text: str) -> None:
    assert found_by(Extractor(vocabulary_of(words), SMALL), text) == scanned(text, words)


def test_the_scan_would_notice_a_word_that_is_left_out() -> None:
    """Overlapping words are where a leftmost-longest reading and this one differ."""
    assert scanned("焊电工", {"焊电", "电工"}) == {"焊电": 0, "电工": 1}
    assert scanned("axb", {"ax"}) == {}


# Places, caps, weights ------------------------------------------------------------------------------------------------


@given(st.sets(PIECES, min_size=1, max_size=20), ANY_TEXT)
@settings(STEADY, max_examples=500)
def test_places_are_those_of_the_original_text(words: set[str], text: str) -> None:
    """Whatever width, case, marks or white space stand there, the piece at the place reads as the keyword."""
    for key in Extractor(vocabulary_of(words | {"fi", "1", "ガ", "焊电", "e\u0301"}), SMALL).extract(text).keys:
        assert 0 <= key.start < key.end <= len(text)
        assert key.value in normalise(text[key.start : key.end])


@given(ANY_TEXT)
@settings(STEADY, max_examples=500)
def test_aligned_text_is_the_normal_form_with_ways_back(text: str) -> None:
    aligned = align(text)
    places = [aligned.span(place, place + 1) for place in range(len(aligned.normal))]
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert places == sorted(places)
    assert "  " not in aligned.normal
    if all(unicodedata.combining(c) == 0 and c not in "ﾞﾟ藉沈" for c in text):
        assert aligned.normal.strip(" ") == normalise(text)


@given(st.lists(st.sets(PIECES, max_size=6), min_size=1, max_size=12), TEXTS)
@settings(STEADY, max_examples=300)
def test_an_order_gets_the_eight_heaviest_by_rule_any(profiles: list[set[str]], text: str) -> None:
    vocabulary = vocabulary_of(*profiles)
    extractor = Extractor(vocabulary, SMALL)
    keys = extractor.extract(text).keys
    applied = [key for key in keys if key.applied]
    assert len(applied) == min(len(keys), MAX_ORDER_KEYWORDS)
    assert all(key.weight == vocabulary.weight(key.value) for key in keys)
    assert min((key.weight for key in applied), default=15) >= max((k.weight for k in keys if not k.applied), default=1)
    if applied:
        query = resolve(parse_order({"id": 1, "text": text}, SMALL), vocabulary, SMALL, extractor=extractor)
        assert query.at_least == 1
        assert len(applied) <= len(query.groups) <= MAX_ORDER_KEYWORDS
        heads = [(group.members[0].text, group.weight) for group in query.groups]
        assert heads[: len(applied)] == [(key.value, key.weight) for key in applied]
        held = {text for group in query.groups[: len(applied)] for text in (member.text for member in group.members)}
        more = {member.text for group in query.groups[len(applied) :] for member in group.members}
        assert more <= held, "an occupation called after a word brings in nobody new"


def test_an_order_asks_for_the_words_of_its_text_with_their_variants_and_no_others() -> None:
    vocabulary = vocabulary_of({"电焊"}, {"电焊工"}, {"电焊员", "会计"}, {"会计"})
    order = {"id": 1, "text": "招电焊, 会计"}
    query = resolve(parse_order(order, SMALL), vocabulary, SMALL)
    assert [[member.text for member in group.members] for group in query.groups] == [
        ["电焊", "电焊员", "电焊工"],
        ["会计"],
    ]
    exact = resolve(parse_order({**order, "fuzzy": False}, SMALL), vocabulary, SMALL)
    assert [[member.text for member in group.members] for group in exact.groups] == [["电焊"], ["会计"]]


# Bad input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "电焊工" * (MAX_TEXT_CHARACTERS // 3),
        "a" * MAX_TEXT_CHARACTERS,
        " \t\u3000\n" * 5_000,
        "😀" * MAX_TEXT_CHARACTERS,
        "e" + "\u0301" * (MAX_TEXT_CHARACTERS - 1),
        "Ｊａｖａ電" * 4_000,
        "\ud83d电工\udc00",
        "\x00电工\x00",
        "",
    ],
    ids=["one word", "one letter", "white space", "emoji", "marks", "mixed width", "surrogates", "nul", "empty"],
)
def test_no_text_is_too_strange(text: str) -> None:
    extractor = Extractor(vocabulary_of({"电焊", "焊工", "电工", "java", "java电"}), builtin_taxonomy())
    keys = extractor.extract(text).keys
    assert len({(key.kind, key.value) for key in keys}) == len(keys)
    assert all(0 <= key.start < key.end <= len(text) for key in keys)
    assert ("电工" in text) == any(key.value == "电工" for key in keys)
    assert set(extractor.keywords(text, most=64)) >= {key.value for key in keys if key.kind == "keyword"}


# Histories ------------------------------------------------------------------------------------------------------------


HISTORY = st.lists(st.tuples(st.booleans(), st.sets(PIECES, max_size=4)), max_size=25)


@given(HISTORY, TEXTS)
@settings(STEADY, max_examples=250)
def test_a_vocabulary_that_grew_and_shrank_reads_like_a_new_one(
    history: list[tuple[bool, set[str]]], text: str
) -> None:
    """With sub-terms of compounds, whatever words were numbered on the way and are held by nobody now."""
    synonyms = Synonyms([("焊电", "电焊工")])
    grown = Vocabulary(synonyms)
    follower = Extractor(grown, SMALL)
    held: list[set[str]] = []
    for is_added, words in history:
        if is_added or not held:
            grown.add(words)
            held.append(words)
        else:
            grown.remove(held.pop())
        new = Vocabulary(synonyms)
        for keywords in held:
            new.add(keywords)
        reader = Extractor(new, SMALL)
        assert follower.extract(text) == reader.extract(text)
        assert follower.keywords(text, most=64) == reader.keywords(text, most=64)


@given(st.sets(st.sampled_from(["焊", "焊电", "电", "工", "电焊工", "a", "ab"]), min_size=1), TEXTS)
@settings(STEADY, max_examples=200)
def test_a_crowd_may_have_one_character(crowds: set[str], text: str) -> None:
    """Longest names from left to right, where no keyword is known."""
    found = {key.value: key.start for key in Extractor(Vocabulary(), SMALL, crowds).extract(text).keys}
    expected: dict[str, int] = {}
    place = 0
    while place < len(text):
        spans = [span for name in crowds for span in occurrences(text, name) if span[0] == place]
        end = max((end for _, end in spans), default=place)
        if end > place:
            expected.setdefault(text[place:end], place)
        place = max(place + 1, end)
    assert found == expected


def test_readers_beside_the_writer_never_miss_a_word_that_was_there_before() -> None:
    """New words are learnt while others read; a reader asks for words known at its start."""
    vocabulary = Vocabulary()
    extractor = Extractor(vocabulary, SMALL)
    done = threading.Event()
    missed: list[str] = []

    def read() -> None:
        while not done.is_set():
            # The newest word may have its number and not be held yet: only what is known now must be found.
            word = f"焊{len(vocabulary) - 1}电"
            if vocabulary.holds(word) and not extractor.extract(word).keys:
                missed.append(word)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(3_000):
        vocabulary.add([f"焊{number}电"])
    done.set()
    for reader in readers:
        reader.join(timeout=30)
    assert not missed
