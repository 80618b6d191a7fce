"""Finding known names in normalised text by their first characters.

At every two neighbouring characters of a text it is asked whether any name begins so; where one does, its first three
say how long such names are, and only these lengths are looked up. A new word costs two entries, so that nothing is
ever rebuilt while the vocabulary grows, and this is faster in Python than the matches of an automaton are taken over.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import compress
from operator import add
from threading import Lock
from typing import NamedTuple

from matching.vocabulary import Vocabulary


class Span(NamedTuple):
    """A known name at ``[start, end)``; ``outer_*`` is the longest name that it begins in, itself when ``is_outer``.

    It is a keyword of the vocabulary, a fixed name, or both.
    """

    text: str
    start: int
    end: int
    outer_start: int
    outer_end: int
    is_keyword: bool
    is_name: bool

    @property
    def is_outer(self) -> bool:
        """Say whether it begins in no longer name."""
        return self.start == self.outer_start and self.end == self.outer_end

    @property
    def is_across(self) -> bool:
        """Say whether it goes on where the name that it begins in has ended."""
        return self.end > self.outer_end


_new = tuple.__new__
"""Makes a Span of a tuple at half the cost of its constructor, and a text has dozens."""
_PAIR_ALONE = (2,)
_WORD = r"[\d_a-z\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff]"
"""Latin letters in normal form, and digits."""
_INSIDE_A_WORD = re.compile(f"(?<={_WORD})(?={_WORD})")
"""Where a name neither begins nor ends: it would cut a Latin word or a number."""


class Dictionary:
    """Fixed names and the words of a vocabulary, which may change at any time.

    Words that nobody holds any more are left out when found. Readers may run beside each other and beside the
    vocabulary's one writer.
    """

    def __init__(self, names: Iterable[str], vocabulary: Vocabulary, min_word_characters: int) -> None:
        self._vocabulary = vocabulary
        self._min_word_characters = min_word_characters
        self._names = frozenset(filter(None, names))
        self._single = frozenset(name for name in self._names if len(name) == 1)
        self._pairs: set[str] = set()
        """The first two characters of every name and word."""
        self._lengths: dict[str, tuple[int, ...]] = {}
        """By the first three characters: the lengths of names and words, the longest first, and 2."""
        self._seen = 0
        self._learning = Lock()
        for name in self._names - self._single:
            self._learn(name)

    def find(self, text: str) -> list[Span]:
        """Return the longest names from left to right, each followed by the words that begin inside it.

        A word that ends outside the name it begins in counts only if it runs into keywords and unknown text alone:
        a word is never read out of half a place.
        """
        self._catch_up()
        number_of, is_known, names = self._vocabulary.ids().get, self._vocabulary.known, self._names
        lengths_of, shortest, size = self._lengths.get, self._min_word_characters, len(text)
        spans: list[Span] = []
        outers: list[Span] = []
        across: list[tuple[int, int]] = []
        outer_start = outer_end = 0
        inside_words = {place.start() for place in _INSIDE_A_WORD.finditer(text)}
        for start in self._beginnings(text):
            if start in inside_words:
                continue
            lengths = lengths_of(text[start : start + 3], _PAIR_ALONE)
            for length in (*lengths, 1) if self._single else lengths:
                end = start + length
                if end > size or end in inside_words:
                    continue
                name = text[start:end]
                number = number_of(name)
                if number is None or not is_known[number] or length < shortest:
                    if start < outer_end or name not in names:
                        continue
                    number = None
                if start >= outer_end:
                    outer_start, outer_end = start, end
                    span = _new(Span, (name, start, end, start, end, number is not None, name in names))
                    outers.append(span)
                    spans.append(span)
                else:
                    if end > outer_end:
                        across.append((len(spans), len(outers) - 1))
                    spans.append(_new(Span, (name, start, end, outer_start, outer_end, True, False)))
        for position, outer in reversed(across):
            if _runs_into_a_name(outers, outer, spans[position].end):
                del spans[position]
        return spans

    def _beginnings(self, text: str) -> Iterable[int]:
        """Return the places where names or words may begin, ascending."""
        pairs = self._pairs
        if self._single:
            return [
                place for place in range(len(text)) if text[place] in self._single or text[place : place + 2] in pairs
            ]
        return compress(range(len(text)), map(pairs.__contains__, map(add, text, text[1:])))

    def _catch_up(self) -> None:
        """Learn the words that the vocabulary has got since the last time."""
        if self._seen == len(self._vocabulary):
            return
        with self._learning:
            texts = self._vocabulary.texts()
            end = len(texts)
            for word in texts[self._seen : end]:
                if len(word) >= max(2, self._min_word_characters):
                    self._learn(word)
            self._seen = end

    def _learn(self, name: str) -> None:
        if len(name) > 2:
            lengths = self._lengths.get(name[:3], _PAIR_ALONE)
            if len(name) not in lengths:
                self._lengths[name[:3]] = tuple(sorted((*lengths, len(name)), reverse=True))
        self._pairs.add(name[:2])


def _runs_into_a_name(outers: Sequence[Span], first: int, end: int) -> bool:
    """Say whether one of the names from the ``first`` up to ``end`` is more than a keyword."""
    for outer in outers[first:]:
        if outer.start >= end:
            return False
        if outer.is_name:
            return True
    return False
