"""Finding known names in normalised text by Aho-Corasick automata."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Lock

import ahocorasick

from matching.corrections import is_latin_letter
from matching.vocabulary import Vocabulary

MAX_FRESH_WORDS = 64
"""New words wait in an automaton of their own, built again for each, until so many are there; then in the next."""
MAX_RECENT_WORDS = 4_096
"""So many wait in that one until all words are built into the base: the cost of a new word stays bounded."""


@dataclass(frozen=True, slots=True)
class Span:
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
        self._names = frozenset(names)
        self._fixed = _automaton(self._names)
        self._tiers = _Tiers((None, None, None))
        self._building = Lock()
        self._merging = Lock()

    def find(self, text: str) -> list[Span]:
        """Return the longest names from left to right, each followed by the words that begin inside it.

        Inside a name of another kind words must end inside it too: a word is never read out of half a place.
        """
        ordered = self._matches(text)
        outers = self._outers(text, ordered)
        spans: list[Span] = []
        position = 0
        for here, outer in enumerate(outers):
            spans.append(outer)
            # The names that the words beginning in this one may run into.
            while position < len(ordered) and ordered[position][0] < outer.start:
                position += 1
            while position < len(ordered) and ordered[position][0] < outer.end:
                start, negative = ordered[position]
                position += 1
                end = start - negative
                if (start, end) == (outer.start, outer.end):
                    continue
                if end > outer.end and not self._may_cross(outers, here, end):
                    continue
                word = text[start:end]
                if self._is_keyword(word) and _is_whole(text, start, end):
                    spans.append(Span(word, start, end, outer.start, outer.end, True))
        return spans

    def _matches(self, text: str) -> list[tuple[int, int]]:
        """Return (start, minus the length) of all names in the text, by place, the longest first, each once."""
        matches: set[tuple[int, int]] = set()
        for automaton in (self._fixed, *self._caught_up().automata):
            if automaton is not None:
                matches.update([(end + 1 - length, -length) for end, length in automaton.iter(text)])
        return sorted(matches)

    def _outers(self, text: str, ordered: Sequence[tuple[int, int]]) -> list[Span]:
        outers: list[Span] = []
        outer_end = 0
        for start, negative in ordered:
            end = start - negative
            if start < outer_end or not _is_whole(text, start, end):
                continue
            name = text[start:end]
            is_keyword = self._is_keyword(name)
            if is_keyword or name in self._names:
                outers.append(Span(name, start, end, start, end, is_keyword))
                outer_end = end
        return outers

    def _may_cross(self, outers: Sequence[Span], here: int, end: int) -> bool:
        """Say whether all names that reach into a word from the name ``here`` to ``end`` are keywords and nothing else."""
        for outer in outers[here:]:
            if outer.start >= end:
                break
            if outer.text in self._names:
                return False
        return True

    def _is_keyword(self, name: str) -> bool:
        return len(name) >= self._min_word_characters and self._vocabulary.holds(name)

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
        words = self._vocabulary.texts()[first:end]
        return _automaton(word for word in words if len(word) >= self._min_word_characters)


def _automaton(words: Iterable[str]) -> "ahocorasick.Automaton | None":
    """Return an automaton whose values are the lengths of the words, or None without words."""
    automaton = ahocorasick.Automaton(ahocorasick.STORE_LENGTH)
    for word in words:
        automaton.add_word(word)
    if not len(automaton):
        return None
    automaton.make_automaton()
    return automaton


def _is_whole(text: str, start: int, end: int) -> bool:
    """Say whether the name does not cut a Latin word or a number in two."""
    if start > 0 and _is_word(text[start]) and _is_word(text[start - 1]):
        return False
    return not (end < len(text) and _is_word(text[end - 1]) and _is_word(text[end]))


def _is_word(character: str) -> bool:
    return character.isdigit() or character == "_" or is_latin_letter(character)
