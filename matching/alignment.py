"""Free text in the spelling of keywords, with the way back to the places in the original."""

import unicodedata
from dataclasses import dataclass

from matching.normalisation import fold, to_simplified

_HALF_WIDTH_VOICE_MARKS = "\uff9e\uff9f"
_NARROW = str.maketrans({0x3000: " ", **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}})
"""Wide forms of ASCII, which NFKC replaces one by one: nearly all that real texts have to be composed for."""


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
    narrow = text if text.isascii() else text.translate(_NARROW)
    folded = narrow.casefold()
    # Folding never shortens a character, so an equal length means that every place is kept.
    if len(folded) == len(narrow) and _is_composed(narrow) and _is_composed(folded):
        normal = folded if folded.isascii() else to_simplified(folded)
        if len(normal) == len(folded) and not _has_wide_space(normal):
            return AlignedText(normal)
    return _align_by_cluster(text)


def _is_composed(text: str) -> bool:
    return text.isascii() or unicodedata.is_normalized("NFKC", text)


def _has_wide_space(text: str) -> bool:
    return "  " in text or any(space in text for space in "\t\n\r\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029\u1680")


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
