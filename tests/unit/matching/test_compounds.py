"""Sub-terms of compounds: words by the variety of their neighbours, remainders, and what a profile's text adds."""

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from matching.compounds import MIN_VARIETY, Compounds
from matching.extraction import Extractor
from matching.vocabulary import Vocabulary
from tests.strategies import SMALL_TAXONOMY as SMALL
from tests.strategies import STEADY

WORDS = st.text(st.sampled_from("自动化员a1 "), min_size=1, max_size=6).map(str.strip).filter(bool)


def compounds(*words: str) -> Compounds:
    known = Compounds()
    for word in words:
        known.add(word)
    return known


def subterms(compound: str, *known: str) -> list[str]:
    return compounds(*known).subterms(compound, set(known).__contains__)


def test_a_pair_is_a_word_when_its_neighbours_vary() -> None:
    known = compounds("自动化设备", "设备维修", "通信设备安装", "自动化")
    assert known.is_word("设备")
    assert not known.is_word("动化"), "always after 自"
    assert not known.is_word("信设")


def test_known_words_remainders_and_stems() -> None:
    assert subterms("自动化技术员", "自动化", "技术员", "自动化技术员") == ["自动化", "技术员"]
    assert subterms("斫琴师", "斫琴师") == ["斫琴"]
    assert subterms("会计", "会计") == []
    assert subterms("UI设计师/PMC".lower(), "设计") == ["ui", "设计", "pmc"]
    assert subterms("铸造操作工", "操作") == ["铸造操作", "铸造", "操作"]
    assert subterms("仪器仪表装配工") == [], "five characters that nobody knows are no word"


def scanned(words: Iterable[str], pair: str) -> bool:
    """The definition, by looking at every place of the pair; the end of a word is another neighbour each time."""
    before: set[str] = set()
    after: set[str] = set()
    for position, word in enumerate(words):
        text = "".join(c if c > "\u3400" else " " for c in word)
        for run in text.split():
            for place in range(len(run) - 1):
                if run[place : place + 2] == pair:
                    before.add(run[place - 1] if place else f"end {position} {place}")
                    after.add(run[place + 2] if place + 2 < len(run) else f"end {position} {place}")
    return len(before) >= MIN_VARIETY and len(after) >= MIN_VARIETY


@given(st.lists(WORDS, max_size=12, unique=True), st.lists(WORDS, max_size=4, unique=True))
@settings(STEADY, max_examples=300)
def test_counts_after_any_history_are_those_of_the_words_that_are_left(words: list[str], gone: list[str]) -> None:
    known = compounds(*words, *gone)
    for word in gone:
        known.remove(word)
    fresh = compounds(*words)
    assert vars(known) == vars(fresh)
    for pair in ("自动", "动化", "化员", "员自", "自自"):
        assert known.is_word(pair) == scanned(words, pair)


def reader(*words: str) -> Extractor:
    vocabulary = Vocabulary()
    for word in words:
        vocabulary.add([word])
    return Extractor(vocabulary, SMALL)


def test_a_profile_text_adds_the_words_it_names_and_then_their_sub_terms() -> None:
    extractor = reader("自动化技术专员", "自动化", "报检员")
    assert extractor.keywords("自动化技术专员, 报检员", most=9) == (
        "自动化技术专员",
        "报检员",
        "报检",
        "自动化",
    ), "技术 makes up two sevenths of one of two words, which is too little"
    assert "技术" in extractor.keywords("自动化技术专员", most=9), "of the only word it is enough"
    assert reader("报检员", "技术员").keywords("自动化技术员", most=9) == ("技术员", "技术")


def test_one_mention_among_many_words_is_no_sub_term_of_a_profile() -> None:
    words = [f"{first}{second}管理" for first in "甲乙丙丁" for second in "戊己庚辛"]
    extractor = reader("销售", "工程造价销售支持服务", *words)
    many = extractor.keywords(" ".join([*words, "工程造价销售支持服务"]), most=64)
    assert "管理" in many
    assert "销售" not in many
    assert "销售" in extractor.keywords("工程造价销售支持服务", most=64)
