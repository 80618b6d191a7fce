"""The baseline: BM25 over character bigrams (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009)."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import log

SATURATION = 1.5
LENGTH_SHARE = 0.75


class Bm25:
    """An index of documents that are lists of terms."""

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        self._postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for number, document in enumerate(documents):
            for term, times in Counter(document).items():
                self._postings[term].append((number, times))
        mean = sum(map(len, documents)) / len(documents)
        self._lengths = [1 - LENGTH_SHARE + LENGTH_SHARE * len(document) / mean for document in documents]

    def best(self, query: Iterable[str], most: int) -> list[int]:
        """Return at most ``most`` numbers of documents, the best first, ties by number."""
        scores: dict[int, float] = defaultdict(float)
        for term in query:
            postings = self._postings.get(term, ())
            rarity = log(1 + (len(self._lengths) - len(postings) + 0.5) / (len(postings) + 0.5))
            for number, times in postings:
                scores[number] += rarity * times * (SATURATION + 1) / (times + SATURATION * self._lengths[number])
        return sorted(scores, key=lambda number: (-scores[number], number))[:most]


def bigrams(text: str) -> list[str]:
    """Return the pairs of neighbouring characters, the text itself if it is one character."""
    return [text[place : place + 2] for place in range(len(text) - 1)] or [text]
