"""One spelling for keywords that mean the same: width, case, traditional characters and white space."""

import re
import sys
import unicodedata
from functools import lru_cache

import opencc

from kit.errors import InvalidInput

MAX_KEYWORD_CHARACTERS = 64
MAX_TAG_CHARACTERS = 64
_MAX_RAW_CHARACTERS = 1_024
_IDEOGRAPHS = ((0x2E80, 0xA000), (0xF900, 0xFB00), (0x20000, 0x323B0))
_CHANGED_IN_PHRASES = "哩坏沈甦瞭藉衹覆"
"""Characters that OpenCC 1.4 replaces in some of its phrases alone, as in 沈默."""
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
"""Control characters that are no white space."""


@lru_cache(maxsize=1)
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


@lru_cache(maxsize=1)
def changed_by_simplification() -> frozenset[str]:
    """Return every character that OpenCC may replace; a text without any is simplified already."""
    every = [chr(code) for first, end in _IDEOGRAPHS for code in range(first, end)]
    simplified = _converter().convert("\n".join(every)).split("\n")
    changed = {character for character, simple in zip(every, simplified, strict=True) if character != simple}
    return frozenset(changed.union(_CHANGED_IN_PHRASES))


def to_simplified(text: str) -> str:
    """Return ``text`` with traditional Chinese characters replaced by simplified ones (OpenCC t2s)."""
    return text if changed_by_simplification().isdisjoint(text) else str(_converter().convert(text))


def fold(text: str) -> str:
    """Return NFKC, case folded, NFKC again: folding can undo the composition of the first pass."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


@lru_cache(maxsize=1 << 17)
def normalise(text: str) -> str:
    """Return the normal form of a keyword, "" when nothing is left: fold, simplify, collapse white space."""
    if text.isascii():  # every step but these two is the identity on ASCII
        return " ".join(text.lower().split())
    return " ".join(to_simplified(fold(text)).split())


def keyword(field: str, value: object) -> str:
    """Return the normal form of a keyword given in ``field``; raises InvalidInput."""
    if not isinstance(value, str):
        raise InvalidInput(field, value, "must be a string")
    if len(value) > _MAX_RAW_CHARACTERS:
        raise InvalidInput(field, value, f"is longer than {MAX_KEYWORD_CHARACTERS} characters")
    valid_characters(field, value)
    normal = normalise(value)
    if _is_blank(normal):
        raise InvalidInput(field, value, "is an empty keyword; remove it or name something")
    if len(normal) > MAX_KEYWORD_CHARACTERS:
        raise InvalidInput(field, value, f"is longer than {MAX_KEYWORD_CHARACTERS} characters")
    return normal


def tag(field: str, value: object) -> str:
    """Return a crowd tag: taken literally, stripped; raises InvalidInput."""
    if not isinstance(value, str):
        raise InvalidInput(field, value, "must be a string")
    stripped = value.strip()
    if _is_blank(stripped):
        raise InvalidInput(field, value, "is an empty tag; remove it or name a crowd")
    if len(stripped) > MAX_TAG_CHARACTERS:
        raise InvalidInput(field, value, f"is longer than {MAX_TAG_CHARACTERS} characters")
    valid_characters(field, stripped)
    return sys.intern(stripped)


def valid_characters(field: str, value: str) -> None:
    """Refuse control characters but white space, and lone surrogates: nothing can store or print them all."""
    if value.isprintable():
        return
    if control := _CONTROL.search(value):
        raise InvalidInput(field, value, f"holds the control character U+{ord(control[0]):04X}; remove it")
    _encodable(field, value)


def _encodable(field: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidInput(field, ascii(value), "is not valid Unicode text") from None


def valid_text(field: str, value: str) -> None:
    """Refuse NUL and lone surrogates in free text; other stray control characters are in many a real one."""
    if "\0" in value:
        raise InvalidInput(field, value, "holds the control character U+0000; remove it")
    _encodable(field, value)


def _is_blank(text: str) -> bool:
    """Whether nothing would be seen of it: no characters, or only such as a space of no width."""
    if not text or text.isspace():
        return True
    return not text.isprintable() and all(unicodedata.category(character) in ("Cf", "Zs") for character in text)
