"""What was recognised in a text."""

import enum
from dataclasses import dataclass
from typing import Literal, NamedTuple

KeyKind = Literal["keyword", "region", "industry", "crowd"]


class Why(enum.StrEnum):
    """Why a recognised key counts or not, for programs."""

    KNOWN = "known"
    """A known keyword by itself."""
    INSIDE = "inside"
    """A known keyword inside a longer one."""
    ACROSS = "across"
    """A known keyword that begins inside another one."""
    FULL_NAME = "full_name"
    """The full name of the region or industry."""
    SHORT_NAME = "short_name"
    """A short name that is clear by itself."""
    SUPPORTED = "supported"
    """A region that another one of the text, above it, makes sure."""
    NAMED_INDUSTRY = "named_industry"
    """An industry that the text calls one."""
    RARER_TAKEN = "rarer_taken"
    """Does not count: rarer keywords of the text were taken instead."""
    ORDER_NAMES = "order_names"
    """Does not count: the order names keys of this kind itself."""
    CROWD_OF_TEXT = "crowd_of_text"
    """Does not count: a text names no crowd for an order."""
    NARROWED = "narrowed"
    """Does not count: a region inside it is in the text."""
    WHOLE_COUNTRY = "whole_country"
    """Does not count: the whole country restricts nothing."""
    AMBIGUOUS = "ambiguous"
    """Does not count: several regions or industries have this name."""
    OTHER_THING = "other_thing"
    """Does not count: names something after the region."""
    TOO_SHORT = "too_short"
    """Does not count: too short to be meant without more in the text."""


class ExtractedKey(NamedTuple):
    """A key that was recognised in the text.

    ``value`` is the normalised keyword, the code or the tag; its place in the original is ``text[start:end]``;
    ``confidence`` is 0..100; ``weight`` is 1..15 for keywords and 0 otherwise; ``reason`` says why it counts or not,
    and ``why`` says it for programs ("" in queries that were frozen before it was kept).
    """

    kind: KeyKind
    value: str
    start: int
    end: int
    confidence: int
    weight: int
    applied: bool
    reason: str
    why: Why | Literal[""] = ""


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
                key._replace(applied=False, reason=reason, why=Why.ORDER_NAMES)
                if key.kind == kind and key.applied
                else key
                for key in self.keys
            )
        )
