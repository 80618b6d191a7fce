"""Words are numbered for good, counted exactly, and known exactly while somebody holds them."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.errors import QuanwangError
from matching.synonyms import Synonyms, load_synonyms
from matching.vocabulary import Vocabulary
from tests.strategies import STEADY

WORDS = ("a", "b", "c", "d")


@given(st.lists(st.tuples(st.booleans(), st.sets(st.sampled_from(WORDS))), max_size=20))
@settings(STEADY, max_examples=300)
def test_counts_are_those_of_the_profiles_held(history: list[tuple[bool, set[str]]]) -> None:
    vocabulary = Vocabulary(Synonyms([("d", "e")]))
    held: list[set[str]] = []
    numbers: dict[str, int] = {}
    for is_added, words in history:
        before = {word for word in (*WORDS, "e") if vocabulary.holds(word)}
        version = vocabulary.version
        if is_added or not held:
            vocabulary.add(words)
            held.append(words)
        else:
            vocabulary.remove(held.pop(0))
        counts = Counter(word for keywords in held for word in keywords)
        assert vocabulary.profile_count == len(held)
        after = {word for word in (*WORDS, "e") if vocabulary.holds(word)}
        assert after == set(counts) | {"d", "e"}
        assert (vocabulary.version != version) == (before != after)
        for word in WORDS:
            assert vocabulary.frequency(word) == counts[word]
            number = vocabulary.find(word)
            if number is not None:
                assert numbers.setdefault(word, number) == number
                assert vocabulary.text_of(number) == word
    assert list(vocabulary.texts()) == [vocabulary.text_of(i) for i in range(len(vocabulary))]


def test_removing_what_was_not_added_is_an_error() -> None:
    vocabulary = Vocabulary()
    with pytest.raises(ValueError, match="more profiles are removed"):
        vocabulary.remove([])
    vocabulary.add(["a"])
    with pytest.raises(ValueError, match="'b' is removed more often"):
        vocabulary.remove(["b"])


def test_a_number_alone_makes_no_known_word() -> None:
    vocabulary = Vocabulary()
    assert vocabulary.number("a") == 0
    assert not vocabulary.holds("a")
    assert vocabulary.version == 0


def test_rarer_words_weigh_more() -> None:
    vocabulary = Vocabulary(Synonyms([("rare", "common")]))
    for holder in range(40_000):
        shares = {"third": 3, "two hundred": 200, "ten": 4_000, "one": 40_000}
        vocabulary.add(["common", *(word for word, share in shares.items() if holder % share == 0)])
    # 15 * (ln 200 / ln 40,000) ** 1.5 = 5.3, and so on.
    assert vocabulary.weights(["common", *shares]) == [1, 1, 5, 10, 15]
    assert vocabulary.weight("rare") == 1, "a synonym is as common as its equivalents"
    assert vocabulary.weight("unheard") == 15
    assert Vocabulary().weight("x") == 1


def test_a_synonym_file(tmp_path: Path) -> None:
    path = tmp_path / "synonyms.csv"
    path.write_text("\ufeff# welders\n電焊, 焊接 ,\n\npython\tPython3, 3.x\n焊接,烧焊,\n", "utf-8")
    synonyms = load_synonyms(path)
    assert synonyms.of("电焊") == ("焊接",)
    assert synonyms.of("焊接") == ("烧焊", "电焊"), "lines are not joined"
    assert synonyms.of("python") == ("python3, 3.x",)
    assert synonyms.of("none") == ()
    assert synonyms.terms() == ("python", "python3, 3.x", "烧焊", "焊接", "电焊")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a,b\nalone\n", "s.csv:2: 'alone' must have two different terms or more"),
        ("A,a\n", "s.csv:1: 'A,a' must have two different terms or more"),
        ("a," + "x" * 65, "is longer than 64 characters"),
        (",".join(f"t{i}" for i in range(65)), "s.csv:1: 65 terms are more than the 64 that a line may have"),
    ],
)
def test_a_bad_synonym_line_is_refused_with_its_place(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(content, "utf-8")
    with pytest.raises(QuanwangError) as caught:
        load_synonyms(path)
    assert sentence in caught.value.sentence
