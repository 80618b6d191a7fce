"""Finding known names in normalised text by Aho-Corasick automata."""

from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

import ahocorasick

from matching.corrections import is_latin_letter
from matching.vocabulary import Vocabulary

MAX_RECENT_WORDS = 2_048
"""New words wait in a small automaton of their own until so many are there; then all are built into one."""


@dataclass(frozen=True, slots=True)
class Span:
    """A known name at ``[start, end)``; ``outer_*`` is the longest name around it, itself when ``is_outer``."""

    text: str
    start: int
    end: int
    outer_start: int
    outer_end: int
    is_keyword: bool

    @property
    def is_outer(self) -> bool:
        """Say whether no longer name is around it."""
        return self.start == self.outer_start and self.end == self.outer_end


class Dictionary:
    """Fixed names and the words of a vocabulary, which may change at any time.

    The automaton of the words is not rebuilt when words come and go: words that nobody holds any more are left out when
    found, and new ones are looked for by a second, small automaton.
    """

    def __init__(self, names: Iterable[str], vocabulary: Vocabulary, min_word_characters: int) -> None:
        self._vocabulary = vocabulary
        self._min_word_characters = min_word_characters
        self._names = frozenset(names)
        self._base_words = 0
        self._seen_words = 0
        self._lock = Lock()
        self._fixed = _automaton(self._names)
        self._base: ahocorasick.Automaton | None = None
        self._recent: ahocorasick.Automaton | None = None

    def find(self, text: str) -> list[Span]:
        """Return the longest names from left to right, each followed by the words inside it in the same manner."""
        self._catch_up()
        matches: set[tuple[int, int]] = set()
        for automaton in (self._fixed, self._base, self._recent):
            if automaton is not None:
                matches.update((-length, end + 1 - length) for end, length in automaton.iter(text))
        # By place, longest first; the same place in two automata counts once.
        ordered = sorted((start, negative) for negative, start in matches)
        spans: list[Span] = []
        outer_end = 0
        inner_end = 0
        outer_start = 0
        for start, negative in ordered:
            end = start - negative
            name = text[start:end]
            if not _is_whole(text, start, end):
                continue
            is_keyword = len(name) >= self._min_word_characters and self._vocabulary.holds(name)
            if start >= outer_end:
                if is_keyword or name in self._names:
                    spans.append(Span(name, start, end, start, end, is_keyword))
                    outer_start, outer_end, inner_end = start, end, start
            elif is_keyword and start >= inner_end and end <= outer_end:
                spans.append(Span(name, start, end, outer_start, outer_end, True))
                inner_end = end
        return spans

    def _catch_up(self) -> None:
        """Take in the words that the vocabulary has got since the last time."""
        if self._seen_words == len(self._vocabulary):
            return
        with self._lock:
            texts = self._vocabulary.texts()
            count = len(self._vocabulary)
            if self._base is None or count - self._base_words > MAX_RECENT_WORDS:
                self._base, self._recent = _automaton(self._long_enough(texts[:count])), None
                self._base_words = count
            else:
                self._recent = _automaton(self._long_enough(texts[self._base_words : count]))
            self._seen_words = count

    def _long_enough(self, words: Iterable[str]) -> Iterable[str]:
        return (word for word in words if len(word) >= self._min_word_characters)


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
