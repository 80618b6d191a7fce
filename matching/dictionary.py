"""Finding known names in normalised text by Aho-Corasick automata."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

import ahocorasick

from matching.corrections import is_latin_letter
from matching.vocabulary import Vocabulary

MAX_FRESH_WORDS = 64
"""New words wait in an automaton of their own, built again for each, until so many are there; then in the next."""
MAX_RECENT_WORDS = 4_096
"""So many wait in that one until all words are built into the base: the cost of a new word stays bounded."""


_LENGTH_BITS = 20
_LENGTH_MASK = (1 << _LENGTH_BITS) - 1
"""No text is longer: 20,000 characters, of which none has more than 18 in its normal form."""


class Span(NamedTuple):
    """A known name at ``[start, end)``; ``outer_*`` is the longest name that it begins in, itself when ``is_outer``."""

    text: str
    start: int
    end: int
    outer_start: int
    outer_end: int
    is_keyword: bool

    @property
    def is_outer(self) -> bool:
        """Say whether it begins in no longer name."""
        return self.start == self.outer_start and self.end == self.outer_end

    @property
    def is_across(self) -> bool:
        """Say whether it goes on where the name that it begins in has ended."""
        return self.end > self.outer_end


@dataclass(frozen=True, slots=True)
class _Tiers:
    """Automata of the first ``seen`` words, and of how many the base and the recent one are; replaced as a whole."""

    automata: tuple["ahocorasick.Automaton | None", "ahocorasick.Automaton | None", "ahocorasick.Automaton | None"]
    in_base: int = 0
    in_recent: int = 0
    seen: int = 0


class Dictionary:
    """Fixed names and the words of a vocabulary, which may change at any time.

    The automata are not rebuilt when words go: those that nobody holds any more are left out when found. New ones pass
    through two small automata into the base. Readers may run beside each other and beside the vocabulary's one writer;
    one of them builds at a time, and only the small automaton of fresh words is waited for.
    """

    def __init__(self, names: Iterable[str], vocabulary: Vocabulary, min_word_characters: int) -> None:
        self._vocabulary = vocabulary
        self._min_word_characters = min_word_characters
        self._names = frozenset(name for name in names if len(name) <= _LENGTH_MASK)
        self._fixed = _automaton((name, len(name)) for name in self._names)
        self._tiers = _Tiers((None, None, None))
        self._building = Lock()
        self._merging = Lock()

    def find(self, text: str) -> list[Span]:
        """Return the longest names from left to right, each followed by the words that begin inside it.

        A word that ends outside the name it begins in counts only if it runs into keywords and unknown text alone:
        a word is never read out of half a place.
        """
        spans: list[Span] = []
        outers: list[Span] = []
        across: list[tuple[int, int]] = []
        outer_start = outer_end = 0
        matches = self._matches(text)
        for place in sorted(matches):
            start = place >> _LENGTH_BITS
            end = start + _LENGTH_MASK - (place & _LENGTH_MASK)
            is_keyword = matches[place]
            if start < outer_end and not is_keyword:
                continue
            name = text[start:end]
            # Nearly all names begin and end with a Chinese character, which cannot be cut.
            if not ("\u3400" <= name[0] <= "\u9fff" and "\u3400" <= name[-1] <= "\u9fff") and _is_cut(text, start, end):
                continue
            if start >= outer_end:
                outer_start, outer_end = start, end
                outers.append(Span(name, start, end, start, end, is_keyword))
                spans.append(outers[-1])
            else:
                if end > outer_end:
                    across.append((len(spans), len(outers) - 1))
                spans.append(Span(name, start, end, outer_start, outer_end, True))
        for position, outer in reversed(across):
            if self._runs_into_a_name(outers, outer, spans[position].end):
                del spans[position]
        return spans

    def _matches(self, text: str) -> dict[int, bool]:
        """Return where names are and whether each is a keyword.

        A place is one number, so that places sort quickly: the start, then what the length lacks to the longest.
        """
        is_known, texts = self._vocabulary.known, self._vocabulary.texts()
        found: dict[int, bool] = {}
        if self._fixed is not None:
            for last, length in self._fixed.iter(text):
                found[(last + 1 - length << _LENGTH_BITS) + _LENGTH_MASK - length] = False
        for automaton in self._caught_up().automata:
            if automaton is not None:
                for last, number in automaton.iter(text):
                    if is_known[number]:
                        length = len(texts[number])
                        found[(last + 1 - length << _LENGTH_BITS) + _LENGTH_MASK - length] = True
        return found

    def _runs_into_a_name(self, outers: Sequence[Span], first: int, end: int) -> bool:
        """Say whether one of the names from the ``first`` up to ``end`` is more than a keyword."""
        for outer in outers[first:]:
            if outer.start >= end:
                return False
            if outer.text in self._names:
                return True
        return False

    def _caught_up(self) -> _Tiers:
        """Return the automata with the words that the vocabulary has got since the last time."""
        tiers = self._tiers
        if tiers.seen == len(self._vocabulary):
            return tiers
        with self._building:
            tiers = self._with_fresh(self._tiers)
            self._tiers = tiers
        if tiers.seen - tiers.in_base > MAX_RECENT_WORDS and self._merging.acquire(blocking=False):
            try:
                base = self._automaton_of(0, tiers.seen)
                with self._building:
                    merged = _Tiers((base, None, None), tiers.seen, tiers.seen, tiers.seen)
                    tiers = self._tiers = self._with_fresh(merged)
            finally:
                self._merging.release()
        return tiers

    def _with_fresh(self, tiers: _Tiers) -> _Tiers:
        count = len(self._vocabulary)
        base, recent, _ = tiers.automata
        if not tiers.seen:
            return _Tiers((self._automaton_of(0, count), None, None), count, count, count)
        if count - tiers.in_recent <= MAX_FRESH_WORDS:
            fresh = self._automaton_of(tiers.in_recent, count)
            return _Tiers((base, recent, fresh), tiers.in_base, tiers.in_recent, count)
        recent = self._automaton_of(tiers.in_base, count)
        return _Tiers((base, recent, None), tiers.in_base, count, count)

    def _automaton_of(self, first: int, end: int) -> "ahocorasick.Automaton | None":
        words = enumerate(self._vocabulary.texts()[first:end], start=first)
        return _automaton((word, number) for number, word in words if len(word) >= self._min_word_characters)


def _automaton(entries: Iterable[tuple[str, int]]) -> "ahocorasick.Automaton | None":
    """Return an automaton of words with their numbers, or None without words."""
    automaton = ahocorasick.Automaton(ahocorasick.STORE_INTS)
    for word, value in entries:
        automaton.add_word(word, value)
    if not len(automaton):
        return None
    automaton.make_automaton()
    return automaton


def _is_cut(text: str, start: int, end: int) -> bool:
    """Say whether the name is a part of a longer Latin word or number."""
    if start > 0 and _is_word(text[start]) and _is_word(text[start - 1]):
        return True
    return end < len(text) and _is_word(text[end - 1]) and _is_word(text[end])


def _is_word(character: str) -> bool:
    return character.isdigit() or character == "_" or is_latin_letter(character)
