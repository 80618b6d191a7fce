"""Finding the known words one slip away from an unknown one, without a scan.

Latin words are found by deletions: two words within Levenshtein distance 1 become equal when at most one letter is
taken out of each. Chinese words are found by sound: a word with one character replaced by its reading.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

import numpy as np
import numpy.typing as npt

MIN_LATIN_LETTERS = 4
MIN_CHINESE_CHARACTERS = 3
MAX_RECENT_WORDS = 32_768
"""Of so many new words at once the keys are settled part by part, which bounds the memory of a first indexing."""
MAX_RECENT_KEYS = 65_536
_LATIN_MARKS = frozenset(" -'’./&+#_")


def is_latin(text: str) -> bool:
    """Say whether ``text`` is made of Latin letters and separators alone; a digit makes it a code, not a word."""
    return all(is_latin_letter(character) or character in _LATIN_MARKS for character in text)


def is_latin_letter(character: str) -> bool:
    """Say whether ``character`` is a letter of the Latin script, accents included."""
    return character.isalpha() and (character < "\u0250" or "\u1e00" <= character < "\u1f00")


def is_chinese(text: str) -> bool:
    """Say whether every character is a Chinese one."""
    return all(is_chinese_character(character) for character in text)


def is_chinese_character(character: str) -> bool:
    """Say whether ``character`` is a Chinese one (unified ideographs, extensions included)."""
    return "\u3400" <= character <= "\u9fff" or "\U00020000" <= character <= "\U000323af" or character == "〇"


def latin_is_correctable(text: str) -> bool:
    """Say whether an unknown ``text`` has the Latin letters that a correction needs."""
    return sum(map(is_latin_letter, text)) >= MIN_LATIN_LETTERS and is_latin(text)


def chinese_is_correctable(text: str) -> bool:
    """Say whether an unknown ``text`` has the Chinese characters that a correction needs."""
    return len(text) >= MIN_CHINESE_CHARACTERS and is_chinese(text)


@lru_cache(maxsize=1 << 15)
def readings(character: str) -> tuple[str, ...]:
    """Return every toneless pinyin of a Chinese character, () if none is known."""
    from pypinyin import Style, pinyin  # its tables cost memory that only corrections need

    found = pinyin(character, style=Style.NORMAL, heteronym=True, errors="ignore")
    return tuple(sorted(set(found[0]))) if found else ()


class CorrectionIndex:
    """Candidates for corrections among a growing list of words.

    The list is shared with its owner and only ever grows; new words are indexed at the next question. A key is kept as
    its 64-bit hash in sorted arrays, 12 bytes instead of 120; those of the newest words wait in a dictionary. Readers
    may run beside each other and beside the one writer; one of them indexes at a time.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._indexed = 0
        self._settled = SortedKeys(np.empty(0, np.int64), np.empty(0, np.int32))
        self._recent: dict[int, list[int]] = {}
        self._lock = Lock()

    def latin(self, text: str) -> set[str]:
        """Return a superset of the Latin words within Levenshtein distance 1 of ``text``."""
        return self._found(_latin_keys(text))

    def chinese(self, text: str) -> set[str]:
        """Return the words that differ from ``text`` in at most one character, by one that sounds the same."""
        keys = _chinese_keys(text)
        # Different keys may have one hash.
        return {word for word in self._found(keys) if not keys.isdisjoint(_keys(word))}

    def _found(self, keys: set[str]) -> set[str]:
        self._catch_up()
        hashes = [hash(key) for key in keys]
        # The recent ones first: keys are among the settled ones before they leave these.
        recent, texts = self._recent, self._texts
        found = {texts[number] for key in hashes for number in recent.get(key, ())}
        found.update([texts[number] for number in self._settled.numbers(hashes)])
        return found

    def _catch_up(self) -> None:
        if self._indexed == len(self._texts):
            return
        with self._lock:
            end = len(self._texts)
            for first in range(self._indexed, end, MAX_RECENT_WORDS):
                last = min(end, first + MAX_RECENT_WORDS)
                self._index(first, last, settle=end - self._indexed > MAX_RECENT_WORDS)
            self._indexed = end

    def _index(self, first: int, last: int, *, settle: bool) -> None:
        recent = self._recent
        for number in range(first, last):
            for key in _keys(self._texts[number]):
                recent.setdefault(hash(key), []).append(number)
        if settle or len(recent) > MAX_RECENT_KEYS:
            self._settled = self._settled.with_more(recent)
            self._recent = {}


@dataclass(frozen=True, slots=True)
class SortedKeys:
    """``hashes`` int64 ascending, and the ``words`` int32 that each stands for; immutable."""

    hashes: npt.NDArray[np.int64]
    words: npt.NDArray[np.int32]

    def numbers(self, asked: Sequence[int]) -> list[int]:
        """Return the words of all asked hashes."""
        found: list[int] = []
        last = len(self.hashes)
        hash_at, word_at = self.hashes.item, self.words.item
        for key, place in zip(asked, self.hashes.searchsorted(asked).tolist(), strict=True):
            while place < last and hash_at(place) == key:
                found.append(word_at(place))
                place += 1
        return found

    def with_more(self, more: Mapping[int, Sequence[int]]) -> "SortedKeys":
        """Return these keys and more, in one linear pass over the old ones."""
        counts = np.fromiter(map(len, more.values()), np.int64, len(more))
        hashes = np.repeat(np.fromiter(more.keys(), np.int64, len(more)), counts)
        words = np.fromiter((number for numbers in more.values() for number in numbers), np.int32, len(hashes))
        order = np.argsort(hashes, kind="stable")
        hashes, words = hashes[order], words[order]
        places = np.searchsorted(self.hashes, hashes, side="right")
        return SortedKeys(np.insert(self.hashes, places, hashes), np.insert(self.words, places, words))


def _keys(text: str) -> set[str]:
    """Return the keys under which a word is found, none when it is no candidate for any correction."""
    if chinese_is_correctable(text):
        return _chinese_keys(text)
    if len(text) >= MIN_LATIN_LETTERS - 1 and is_latin(text):
        return _latin_keys(text)
    return set()


def _latin_keys(text: str) -> set[str]:
    keys = {text[:i] + text[i + 1 :] for i in range(len(text))}
    keys.add(text)
    return keys


def _chinese_keys(text: str) -> set[str]:
    return {f"{text[:i]}|{reading}|{text[i + 1 :]}" for i in range(len(text)) for reading in readings(text[i])}
