"""Recognising key information in free text: keywords, regions, industries and crowds, with their places.

The text is read from left to right; at each place the longest known name wins, whatever its kind, so that
上海话 is no place and 和平 in 和平区 no keyword. Words inside a longer keyword or industry name (自动化 and 技术员 in
自动化技术员) are recognised as well. Latin names count only as whole words.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace

from matching.alignment import align
from matching.dictionary import Dictionary, Span
from matching.extracted import ExtractedKey, Extraction, Why
from matching.industry_names import IndustryNames
from matching.normalisation import normalise
from matching.region_names import RegionNames
from matching.taxonomy import Taxonomy
from matching.vocabulary import Vocabulary

__all__ = ["ExtractedKey", "Extraction", "Extractor"]

MAX_ORDER_KEYWORDS = 8
MIN_KEYWORD_CHARACTERS = 2
WHOLE_CONFIDENCE = 90
PART_CONFIDENCE = 70
"""Of a word inside a longer known one."""


class Extractor:
    """Recognises names in texts; follows the vocabulary as it grows and shrinks without being rebuilt.

    ``crowds`` are the tags that any profile carries; they are reported, never applied.
    """

    def __init__(self, vocabulary: Vocabulary, taxonomy: Taxonomy, crowds: Iterable[str] = ()) -> None:
        self._vocabulary = vocabulary
        self._regions = RegionNames(taxonomy.regions)
        self._industries = IndustryNames(taxonomy.industries)
        self._crowds: dict[str, list[str]] = {}
        for tag in sorted(set(crowds)):
            if normal := normalise(tag):
                self._crowds.setdefault(normal, []).append(tag)
        self._dictionary = Dictionary(
            {*self._regions.names(), *self._industries.names(), *self._crowds}, vocabulary, MIN_KEYWORD_CHARACTERS
        )

    def extract(self, text: str, most_keywords: int = MAX_ORDER_KEYWORDS) -> Extraction:
        """Return what ``text`` names; ``most_keywords`` of the keywords are applied, the heaviest."""
        aligned = align(text)
        found = self._dictionary.find(aligned.normal)
        spans = [span for span in found if span.is_outer]
        keys = self._regions.keys([span for span in spans if span.text in self._regions], aligned.normal)
        places = {(key.start, key.end) for key in keys if key.applied or key.why == Why.NARROWED}
        keys += [key for span in spans if span.text in self._industries for key in self._industries.keys(span)]
        keys += [
            ExtractedKey(
                "crowd",
                tag,
                span.start,
                span.end,
                WHOLE_CONFIDENCE,
                0,
                False,
                "a text names no crowd for an order",
                Why.CROWD_OF_TEXT,
            )
            for span in spans
            for tag in self._crowds.get(span.text, ())
        ]
        keys += self._keywords(found, places, most_keywords)
        return Extraction(tuple(_placed(key, aligned.span(key.start, key.end)) for key in _first_of_each(keys)))

    def keywords(self, text: str, most: int, without: Collection[str] = ()) -> tuple[str, ...]:
        """Return at most ``most`` keywords that ``text`` names besides those in ``without``, the heaviest first."""
        keys = [key for key in self.extract(text).keys if key.kind == "keyword" and key.value not in without]
        return tuple(key.value for key in sorted(keys, key=_heaviest_first)[:most])

    def _keywords(self, found: Collection[Span], places: Collection[tuple[int, int]], most: int) -> list[ExtractedKey]:
        """Return the keywords among ``found`` outside ``places``, the heaviest ``most`` of them applied."""
        keys: dict[str, ExtractedKey] = {}
        for span in found:
            if span.text in keys or not span.is_keyword or (span.outer_start, span.outer_end) in places:
                continue
            confidence = WHOLE_CONFIDENCE if span.is_outer else PART_CONFIDENCE
            weight = self._vocabulary.weight(span.text)
            reason = "a known keyword" if span.is_outer else "a known keyword inside a longer one"
            why = Why.KNOWN if span.is_outer else Why.INSIDE
            keys[span.text] = ExtractedKey(
                "keyword", span.text, span.start, span.end, confidence, weight, True, reason, why
            )
        ranked = sorted(keys.values(), key=_heaviest_first)
        return ranked[:most] + [
            replace(key, applied=False, reason=f"{most} rarer keywords are in the text", why=Why.RARER_TAKEN)
            for key in ranked[most:]
        ]


def _heaviest_first(key: ExtractedKey) -> tuple[int, int, int, str]:
    return -key.weight, -len(key.value), key.start, key.value


def _first_of_each(keys: Iterable[ExtractedKey]) -> list[ExtractedKey]:
    first: dict[tuple[str, str], ExtractedKey] = {}
    for key in sorted(keys, key=lambda key: (not key.applied, key.start, -key.end, key.kind, key.value)):
        first.setdefault((key.kind, key.value), key)
    return sorted(first.values(), key=lambda key: (key.start, -key.end, key.kind, key.value))


def _placed(key: ExtractedKey, span: tuple[int, int]) -> ExtractedKey:
    return replace(key, start=span[0], end=span[1])
