"""Variants equal a plain scan of the vocabulary, written from the contract."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypinyin import Style, pinyin
from rapidfuzz import fuzz

from matching import corrections
from matching.corrections import CorrectionIndex
from matching.members import Member
from matching.synonyms import Synonyms
from matching.variants import variants
from matching.vocabulary import Vocabulary
from tests.strategies import STEADY

SYNONYMS = Synonyms([("焊接", "电焊"), ("焊接", "烧焊"), ("java", "jvm")])


def vocabulary(*words: str, synonyms: Synonyms | None = None) -> Vocabulary:
    known = Vocabulary(synonyms)
    known.add(words)
    return known


def texts(word: str, *known: str) -> list[str]:
    return [member.text for member in variants(word, vocabulary(*known))]


# The contract, by scanning ------------------------------------------------------------------------------------------


def edit_distance(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        previous, row[0] = row[0], i
        for j, b in enumerate(other, start=1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


def sounds(character: str) -> set[str]:
    return set(pinyin(character, style=Style.NORMAL, heteronym=True, errors="ignore")[0])


def is_letters(text: str) -> bool:
    return all(character.isascii() and (character.isalpha() or character in " -+#") for character in text)


def is_han(text: str) -> bool:
    return all("一" <= character <= "鿿" for character in text)


def scanned(word: str, known: Vocabulary) -> list[Member]:
    words = [text for text in known.texts() if known.holds(text)]
    found = [Member(other, "synonym", 100, word) for other in known.synonyms.of(word)]
    for suffix in ("工", "员", "师", "手", "人员"):
        found += [
            Member(other, "suffix", 90, word) for other in words if other == word + suffix or word == other + suffix
        ]
    if word not in words:
        for other in words:
            if sum(map(str.isalpha, word)) >= 4 and is_letters(word) and is_letters(other):
                ratio = fuzz.ratio(word, other)
                if edit_distance(word, other) == 1 and ratio >= 80:
                    found.append(Member(other, "correction", min(89, int(ratio)), word))
            elif len(word) >= 3 and is_han(word) and is_han(other) and len(word) == len(other):
                differing = [(a, b) for a, b in zip(word, other, strict=True) if a != b]
                if len(differing) == 1 and sounds(differing[0][0]) & sounds(differing[0][1]):
                    found.append(Member(other, "correction", 100 * (len(word) - 1) // len(word), word))
    kinds = ("synonym", "suffix", "correction")
    found.sort(key=lambda member: kinds.index(member.kind))
    best: dict[str, Member] = {}
    for member in found:
        best.setdefault(member.text, member)
    return sorted(best.values(), key=lambda m: (-m.similarity, kinds.index(m.kind), m.text))[:16]


LATIN = st.text(st.sampled_from("javn +"), min_size=1, max_size=7).map(lambda text: " ".join(text.split())).filter(bool)
HAN = st.text(st.sampled_from("焊汉电店工公员行航师"), min_size=1, max_size=4)
WORDS = LATIN | HAN | st.sampled_from(["java", "焊接", "电焊", "烧焊", "jvm", "java8", "a工b"])


@given(st.lists(WORDS, max_size=30), st.lists(WORDS, max_size=5), WORDS)
@settings(STEADY, max_examples=800)
def test_equals_a_scan(words: list[str], gone: list[str], word: str) -> None:
    known = Vocabulary(SYNONYMS)
    known.add(set(gone))
    assert variants(word, known) == scanned(word, known)
    known.add(set(words))
    known.remove(set(gone))
    assert variants(word, known) == scanned(word, known)
    assert all(member.text != word and member.of == word for member in variants(word, known))


# What people expect ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "found"),
    [("电焊", ["电焊工"]), ("电焊工", ["电焊"]), ("技术人员", ["技术", "技术人"]), ("电焊员", ["电焊"]), ("工", [])],
)
def test_suffixes_are_added_or_dropped_but_never_exchanged(word: str, found: list[str]) -> None:
    assert texts(word, "电焊", "电焊工", "技术", "技术人") == sorted(set(found) - {word})


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("pythn", ["python"]),
        ("pythonn", ["python"]),
        ("pyton", ["python"]),
        ("python", []),  # known
        ("javas", ["java"]),
        ("javascrip", ["javascript"]),
        ("jova", []),  # ratio 75
        ("jav", []),  # three letters
        ("python3", []),  # a digit makes it a code
        ("电汗工", ["电焊工"]),
        ("点焊公", []),  # two slips
        ("垫焊工", ["电焊工"]),
        ("电", []),
        ("店焊", []),  # two characters
    ],
)
def test_corrections(word: str, found: list[str]) -> None:
    assert texts(word, "python", "java", "javascript", "电焊工", "焊工", "电焊") == found


def test_a_known_word_is_never_corrected() -> None:
    assert texts("软件开发", "软件开发", "硬件开发") == []
    assert texts("javas", "javas", "java") == []


def test_a_word_of_the_synonym_file_is_known() -> None:
    known = vocabulary("javas", synonyms=Synonyms([("javaz", "kaffee")]))
    assert variants("javaz", known) == [Member("kaffee", "synonym", 100, "javaz")]


def test_never_chained() -> None:
    known = vocabulary("焊接工", "python工", synonyms=Synonyms([("电焊", "焊接"), ("焊接", "烧焊"), ("python", "py")]))
    assert [member.text for member in variants("电焊", known)] == ["焊接"]
    assert [member.text for member in variants("pythn", known)] == ["python"]


def test_at_most_sixteen_and_the_better_kind_of_two() -> None:
    known = vocabulary(*(f"kafka{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"))
    assert [m.text for m in variants("kafka", known)] == [f"kafka{letter}" for letter in "abcdefghijklmnop"]
    both = vocabulary("焊接工", synonyms=Synonyms([("焊接", "焊接工")]))
    assert variants("焊接", both) == [Member("焊接工", "synonym", 100, "焊接")]


def test_words_that_nobody_holds_any_more_are_no_variants() -> None:
    known = vocabulary("python", "电焊工")
    known.remove(["python", "电焊工"])
    assert variants("pythn", known) == variants("电焊", known) == variants("电汗工", known) == []
    known.add(["python"])
    assert [member.text for member in variants("pythn", known)] == ["python"]


@given(st.lists(st.lists(WORDS, max_size=4), max_size=8), st.lists(WORDS, min_size=1, max_size=4))
@settings(STEADY, max_examples=200)
def test_an_index_that_grew_finds_what_a_new_one_finds(growth: list[list[str]], asked: list[str]) -> None:
    """Keys pass from the recent ones to the settled ones, a few at a time and many at once."""
    texts: list[str] = []
    grown = CorrectionIndex(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corrections, "MAX_RECENT_WORDS", 3)
        patch.setattr(corrections, "MAX_RECENT_KEYS", 6)
        for words in growth:
            texts.extend(words)
            fresh = CorrectionIndex(list(texts))
            for word in asked:
                assert grown.latin(word) == fresh.latin(word)
                assert grown.chinese(word) == fresh.chinese(word)


def test_different_keys_of_one_hash_bring_no_wrong_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corrections, "hash", lambda _: 7, raising=False)
    known = vocabulary("电焊工", "python", "会计师", "java")
    assert [member.text for member in variants("电汗工", known)] == ["电焊工"]
    assert [member.text for member in variants("pythn", known)] == ["python"]
