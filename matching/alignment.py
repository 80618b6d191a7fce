"""Free text in the spelling of keywords, with the way back to the places in the original."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from matching.normalisation import changed_by_simplification, fold, to_simplified

_HALF_WIDTH_VOICE_MARKS = "\uff9e\uff9f"
_WHITE_SPACE = "\t\n\v\f\r\u3000"
_ALONE = (
    (0x20, 0x7F), (0xA1, 0x100), (0x2010, 0x2028), (0x2030, 0x205F), (0x2190, 0x2300), (0x2500, 0x2800),
    (0x3001, 0x302A), (0x3400, 0xA000), (0xFF01, 0xFF5F), (0x1F300, 0x1FB00),
)  # fmt: skip
"""Blocks whose characters are folded without regard to neighbours, unless one from elsewhere combines with them."""
_LAST_OF_TABLE = "\uffff"
"""What the expression below looks up in one table; a single character beyond makes it slow for all."""
_MANY = "\n"
"""Stands for a character that one other cannot take the place of."""


@dataclass(frozen=True, slots=True)
class AlignedText:
    """``normal[i]`` stands for ``original[starts[i]:ends[i]]``; without ``starts`` both have the same places."""

    normal: str
    starts: list[int] | None = None
    ends: list[int] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the place in the original of ``normal[start:end]``, which is not empty."""
        if self.starts is None or self.ends is None:
            return start, end
        return self.starts[start], self.ends[end - 1]


def align(text: str) -> AlignedText:
    """Normalise ``text`` like a keyword, but with runs of white space as one space and nothing stripped."""
    changing, replaced = _changing()
    normal = changing.sub(replaced, text)
    return _align_by_cluster(text) if _MANY in normal or "  " in normal else AlignedText(normal)


@lru_cache(maxsize=1)
def _changing() -> tuple[re.Pattern[str], Callable[[re.Match[str]], str]]:
    """Return what finds characters that are not in normal form, and what replaces each by one other or by _MANY."""
    one_by_one = dict.fromkeys(_WHITE_SPACE, " ")
    normal: list[str] = []
    for character in (chr(code) for first, end in _ALONE for code in range(first, end)):
        folded = fold(character)
        if len(folded) == 1 and not {character, folded} & changed_by_simplification():
            one_by_one[character] = folded
            if folded == character <= _LAST_OF_TABLE:
                normal.append(character)
    changing = re.compile(f"[^{re.escape(''.join(normal))}]")
    return changing, lambda found: one_by_one.get(found[0], _MANY)


def _align_by_cluster(text: str) -> AlignedText:
    """Fold each character with its combining marks by itself and note where each came from."""
    pieces: list[str] = []
    spans: list[tuple[int, int]] = []
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and (unicodedata.combining(text[end]) or text[end] in _HALF_WIDTH_VOICE_MARKS):
            end += 1
        pieces.append(fold(text[start:end]))
        spans.append((start, end))
        start = end
    whole = to_simplified("".join(pieces))
    if len(whole) == sum(map(len, pieces)):
        characters = iter(whole)
        pieces = ["".join(next(characters) for _ in piece) for piece in pieces]
    else:
        pieces = [to_simplified(piece) for piece in pieces]
    return _without_wide_space(pieces, spans)


def _without_wide_space(pieces: list[str], spans: list[tuple[int, int]]) -> AlignedText:
    normal: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for piece, (start, end) in zip(pieces, spans, strict=True):
        for character in piece:
            if character.isspace():
                if normal and normal[-1] == " ":
                    ends[-1] = end
                    continue
                character = " "
            normal.append(character)
            starts.append(start)
            ends.append(end)
    return AlignedText("".join(normal), starts, ends)
