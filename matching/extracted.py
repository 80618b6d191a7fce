"""What was recognised in a text."""

from dataclasses import dataclass, replace
from typing import Literal

KeyKind = Literal["keyword", "region", "industry", "crowd"]


@dataclass(frozen=True, slots=True)
class ExtractedKey:
    """A key that was recognised in the text.

    ``value`` is the normalised keyword, the code or the tag; its place in the original is ``text[start:end]``;
    ``confidence`` is 0..100; ``weight`` is 1..15 for keywords and 0 otherwise; ``reason`` says why it counts or not.
    """

    kind: KeyKind
    value: str
    start: int
    end: int
    confidence: int
    weight: int
    applied: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Extraction:
    """All recognised keys by place; each value of a kind once, at its first place."""

    keys: tuple[ExtractedKey, ...]

    def applied(self, kind: KeyKind) -> tuple[ExtractedKey, ...]:
        """Return the keys of ``kind`` that count."""
        return tuple(key for key in self.keys if key.kind == kind and key.applied)

    def without(self, kind: KeyKind, reason: str) -> "Extraction":
        """Return the same keys with none of ``kind`` applied, for the given reason."""
        return Extraction(
            tuple(
                replace(key, applied=False, reason=reason) if key.kind == kind and key.applied else key
                for key in self.keys
            )
        )
