"""Sub-terms of compounds: 自动化 and 技术员 in 自动化技术员, without a dictionary of the language.

Two neighbouring characters count as a word when known words surround them in different ways: at least two different
neighbours on either side, where the end of a word is a neighbour of its own each time (accessor variety: Feng, Chen,
Deng, Zheng, "Accessor Variety Criteria for Chinese Word Extraction", Computational Linguistics 30, 2004). So 设备 is
one and 动化, always after 自, is none. What lies between such words, known words and occupational endings is a word
as well.
"""

import re
from collections.abc import Callable

MIN_VARIETY = 2
MAX_SUBTERM_CHARACTERS = 6
MAX_REMAINDER_CHARACTERS = 4

OCCUPATIONAL_ENDINGS = (
    "工程技术人员", "专业人员", "技术人员", "服务人员", "管理人员", "工程师", "人员", "专员", "经理", "主管",
    "助理", "总监", "技师", "顾问", "代表", "学徒", "工", "员", "师", "手",
)  # fmt: skip
"""Longest first."""

_ENDING = re.compile(f"(?:{'|'.join(OCCUPATIONAL_ENDINGS)})$")
_RUN = re.compile("[a-z0-9+#.]+|[\u3400-\u9fff]+")


class Compounds:
    """How varied the neighbours of two characters are among the known words.

    Adding or removing a word of n characters costs about n look-ups; nothing is ever rebuilt. One writer at a time;
    readers may run beside it.
    """

    def __init__(self) -> None:
        self._triples: dict[str, int] = {}
        self._before: dict[str, int] = {}
        self._after: dict[str, int] = {}

    def add(self, word: str) -> None:
        """Take in a word that has become known."""
        self._count(word, 1)

    def remove(self, word: str) -> None:
        """Take back a word that is known no more."""
        self._count(word, -1)

    def is_word(self, pair: str) -> bool:
        """Say whether two characters stand together in varied company."""
        return self._before.get(pair, 0) >= MIN_VARIETY and self._after.get(pair, 0) >= MIN_VARIETY

    def subterms(self, compound: str, is_known: Callable[[str], bool]) -> list[str]:
        """Return the words inside ``compound``, without itself, in order of their place."""
        if len(compound) <= 2:
            return []
        found: dict[str, None] = {}
        for run in _RUN.finditer(compound):
            text = run.group()
            if text.isascii():
                if len(text) >= 2:
                    found[text] = None
            else:
                found.update(dict.fromkeys(self._inside(text, is_known)))
        found.pop(compound, None)
        return list(found)

    def _inside(self, text: str, is_known: Callable[[str], bool]) -> list[str]:
        length = len(text)
        if length <= 2:
            return []
        before, after = self._before.get, self._after.get
        spans: list[tuple[int, int]] = []
        for start in range(length - 1):
            pair = text[start : start + 2]
            if (before(pair, 0) >= MIN_VARIETY and after(pair, 0) >= MIN_VARIETY) or is_known(pair):
                spans.append((start, start + 2))
            last = min(length, start + MAX_SUBTERM_CHARACTERS)
            spans += [
                (start, end) for end in range(start + 3, last + 1) if is_known(text[start:end]) and end - start < length
            ]
        ending = _ENDING.search(text)
        stem = ending.start() if ending else length
        covered = [False] * stem + [True] * (length - stem)
        for start, end in spans:
            covered[start:end] = [True] * (end - start)
        remainders = [*(() if all(covered) else _gaps(covered)), *([(0, stem)] if ending else [])]
        spans += [(start, end) for start, end in remainders if 2 <= end - start <= MAX_REMAINDER_CHARACTERS]
        return [text[start:end] for start, end in sorted(spans, key=lambda span: (span[0], -span[1]))]

    def _count(self, word: str, change: int) -> None:
        for run in _RUN.finditer(word):
            text = run.group()
            if text.isascii() or len(text) < 2:
                continue
            _change(self._before, text[:2], change)
            _change(self._after, text[-2:], change)
            for start in range(len(text) - 2):
                triple = text[start : start + 3]
                held = _change(self._triples, triple, change)
                if held == (change > 0):  # it has just appeared, or just gone
                    _change(self._before, triple[1:], change)
                    _change(self._after, triple[:2], change)


def _change(counts: dict[str, int], key: str, change: int) -> int:
    count = counts.get(key, 0) + change
    if count:
        counts[key] = count
    else:
        del counts[key]
    return count


def _gaps(covered: list[bool]) -> list[tuple[int, int]]:
    """Return the runs of places that are not covered."""
    gaps: list[tuple[int, int]] = []
    start = 0
    for place, is_covered in enumerate([*covered, True]):
        if is_covered:
            if place > start:
                gaps.append((start, place))
            start = place + 1
    return gaps
