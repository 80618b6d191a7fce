"""Finding the known words one slip away from an unknown one, without a scan.

Latin words are found by deletions: two words within Levenshtein distance 1 become equal when at most one letter is
taken out of each. Chinese words are found by sound: a word with one character replaced by its reading.
"""

from collections.abc import Sequence
from functools import lru_cache
from threading import Lock

MIN_LATIN_LETTERS = 4
MIN_CHINESE_CHARACTERS = 3
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

    The list is shared with its owner and only ever grows; new words are indexed at the next question.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._indexed = 0
        self._by_key: dict[str, int | list[int]] = {}
        self._lock = Lock()

    def latin(self, text: str) -> set[str]:
        """Return a superset of the Latin words within Levenshtein distance 1 of ``text``."""
        return self._found(_latin_keys(text))

    def chinese(self, text: str) -> set[str]:
        """Return the words that differ from ``text`` in at most one character, by one that sounds the same."""
        return self._found(_chinese_keys(text))

    def _found(self, keys: set[str]) -> set[str]:
        self._catch_up()
        found: set[str] = set()
        for key in keys:
            entry = self._by_key.get(key)
            if entry is None:
                continue
            if isinstance(entry, int):
                found.add(self._texts[entry])
            else:
                found.update(self._texts[number] for number in entry)
        return found

    def _catch_up(self) -> None:
        if self._indexed == len(self._texts):
            return
        with self._lock:
            while self._indexed < len(self._texts):
                self._add(self._indexed)
                self._indexed += 1

    def _add(self, number: int) -> None:
        text = self._texts[number]
        if chinese_is_correctable(text):
            keys = _chinese_keys(text)
        elif len(text) >= MIN_LATIN_LETTERS - 1 and is_latin(text):
            keys = _latin_keys(text)
        else:
            return
        by_key = self._by_key
        for key in keys:
            entry = by_key.get(key)
            if entry is None:
                by_key[key] = number
            elif isinstance(entry, int):
                by_key[key] = [entry, number]
            else:
                entry.append(number)


def _latin_keys(text: str) -> set[str]:
    keys = {text[:i] + text[i + 1 :] for i in range(len(text))}
    keys.add(text)
    return keys


def _chinese_keys(text: str) -> set[str]:
    return {f"{text[:i]}|{reading}|{text[i + 1 :]}" for i in range(len(text)) for reading in readings(text[i])}
