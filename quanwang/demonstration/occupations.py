"""What people of an occupation call what they do: weighted keywords out of the classification and out of titles."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

from quanwang.demonstration.titles import read_occupations, split_titles
from quanwang.demonstration.words import discover_words, words_inside

NAME_WEIGHT = 6
ALIAS_WEIGHT = 4
TITLE_WORD_WEIGHT = 4
NAME_WORD_WEIGHT = 3
KEYWORDS_AT_MOST = 40

_SAYING_LITTLE = {
    "招聘", "急招", "诚聘", "直招", "五险", "五险一金", "双休", "高薪", "底薪", "包住", "包吃住", "提成",
    "就近分配", "高级", "资深", "初级", "中级", "专业", "其他", "人员", "无责", "接受小白", "月薪", "年薪",
    "周末双休", "转正", "包吃", "入职", "待遇",
    "经理", "专员", "主管", "助理", "总监", "顾问", "代表", "员工", "负责人", "学徒", "实习生", "合伙人",
    "工程", "工程师", "技术", "技术员", "管理", "管理员", "服务", "服务员", "生产", "业务", "项目", "产品",
    "操作", "操作工",
}  # fmt: skip
"""Words about the offer, and words of rank that half of all people could claim: nobody is found by them."""

INDUSTRY_OF_GROUP = {
    "1-": "S", "2-01": "M", "2-02": "M", "2-03": "A", "2-04": "M", "2-05": "Q", "2-06": "J", "2-06-07": "L",
    "2-07": "L", "2-08": "P", "2-09": "R", "2-10": "R", "3-01": "L", "3-02": "S", "4-01": "F", "4-02": "G",
    "4-03": "H", "4-04": "I", "4-05": "J", "4-06": "K", "4-07": "L", "4-08": "M", "4-09": "N", "4-10": "O",
    "4-11": "D", "4-12": "O", "4-13": "R", "4-14": "Q", "5-": "A", "6-": "C", "6-16": "B", "6-28": "D",
    "6-29": "E", "6-30": "G",
}  # fmt: skip
"""Our own correspondence of the classification's groups to sections of GB/T 4754; the longest prefix counts."""


@dataclass(frozen=True, slots=True)
class Occupation:
    """An occupation as the drawn people see it.

    ``cumulative_weights`` belongs to ``keywords``; ``titles`` counts the real titles labelled with it.
    """

    code: str
    name: str
    keywords: tuple[str, ...]
    cumulative_weights: tuple[int, ...]
    section: str | None
    titles: int


def section_of(code: str) -> str | None:
    """Return the section of GB/T 4754 that an occupation of the classification belongs to, None when it is open."""
    for length in (7, 4, 2):
        if (section := INDUSTRY_OF_GROUP.get(code[:length])) is not None:
            return section
    return None


def _plain(name: str) -> str:
    """Return the name without the classification's own marks (S and L flags at the end)."""
    return name.rstrip("SL/").strip()


@cache
def known_occupations() -> tuple[Occupation, ...]:
    """Return the occupations that at least one profile-side title is labelled with, by their codes."""
    entries = read_occupations()
    _, titles = split_titles()
    names = [text for entry in entries for text in dict.fromkeys(map(_plain, (entry.name, *entry.aliases)))]
    words = discover_words([*names, *(title.text for title in titles)], least_variety=2, least_count=3)
    for word in _SAYING_LITTLE.intersection(words):
        del words[word]
    titles_of: defaultdict[str, list[str]] = defaultdict(list)
    for title in titles:
        titles_of[title.occupation_code].append(title.text)
    occupations = []
    for entry in entries:
        own_titles = titles_of.get(entry.code)
        if not own_titles:
            continue
        weights: Counter[str] = Counter()
        for alias in dict.fromkeys(map(_plain, entry.aliases)):
            weights[alias] += ALIAS_WEIGHT
        weights[_plain(entry.name)] += NAME_WEIGHT
        for text in dict.fromkeys(map(_plain, (entry.name, *entry.aliases))):
            weights.update(dict.fromkeys(words_inside(text, words), NAME_WORD_WEIGHT))
        for text in own_titles:
            weights.update(dict.fromkeys(words_inside(text, words), TITLE_WORD_WEIGHT))
        usable = [(word, weight) for word, weight in weights.most_common(KEYWORDS_AT_MOST) if 2 <= len(word) <= 64]
        occupations.append(
            Occupation(
                code=entry.code,
                name=_plain(entry.name),
                keywords=tuple(word for word, _ in usable),
                cumulative_weights=tuple(accumulate(weight for _, weight in usable)),
                section=section_of(entry.code),
                titles=len(own_titles),
            )
        )
    return tuple(occupations)


@cache
def known_words() -> frozenset[str]:
    """Return every keyword that drawn people may hold, in lower case."""
    return frozenset(word.lower() for occupation in known_occupations() for word in occupation.keywords)
