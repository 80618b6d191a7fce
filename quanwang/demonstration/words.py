"""Finds the words inside occupation names and titles, without a dictionary.

Chinese is written without spaces, so a word is found by its neighbours: a string that many different characters can
precede and many can follow stands on its own (accessor variety, Feng et al. 2004), while a fragment such as the middle
of 工程技术 is always followed by the same character. A word must also begin one text and end another, which throws out
tails such as 造工 (of 制造工).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

_CHINESE_RUN = re.compile(r"[\u4e00-\u9fff]+")
_LATIN_WORD = re.compile(r"[A-Za-z][A-Za-z0-9+#.]{1,15}")

LONGEST_WORD = 4
EDGE = "|"


def discover_words(texts: Iterable[str], *, least_variety: int = 3, least_count: int = 4) -> dict[str, int]:
    """Return word -> number of occurrences, for words of 2 to 4 characters.

    ``least_variety`` is the number of different neighbours that a word needs on either side; the edge of a run counts
    as a new neighbour each time.
    """
    counts: Counter[str] = Counter()
    before: defaultdict[str, set[str]] = defaultdict(set)
    after: defaultdict[str, set[str]] = defaultdict(set)
    begins: set[str] = set()
    ends: set[str] = set()
    edges = 0
    for text in texts:
        for run in _CHINESE_RUN.findall(text):
            for start in range(len(run)):
                for length in range(2, min(LONGEST_WORD, len(run) - start) + 1):
                    word = run[start : start + length]
                    counts[word] += 1
                    edges += 1
                    end = start + length
                    if start:
                        before[word].add(run[start - 1])
                    else:
                        begins.add(word)
                        before[word].add(f"{EDGE}{edges}")
                    if end < len(run):
                        after[word].add(run[end])
                    else:
                        ends.add(word)
                        after[word].add(f"{EDGE}{edges}")
    return {
        word: counts[word]
        for word in sorted(begins & ends)
        if counts[word] >= least_count and len(before[word]) >= least_variety and len(after[word]) >= least_variety
    }


def words_inside(text: str, known: dict[str, int]) -> list[str]:
    """Return the known words that occur in the text, each once, longest first, and its Latin words in lower case."""
    found: dict[str, None] = {}
    for run in _CHINESE_RUN.findall(text):
        for length in range(LONGEST_WORD, 1, -1):
            for start in range(len(run) - length + 1):
                word = run[start : start + length]
                if word in known:
                    found.setdefault(word)
    for word in _LATIN_WORD.findall(text):
        found.setdefault(word.lower())
    return list(found)
