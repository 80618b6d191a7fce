"""Recognising key information in free text: keywords, regions, industries and crowds, with their places.

The text is read from left to right; at each place the longest known name wins, whatever its kind, so that
上海话 is no place and 和平 in 和平区 no keyword. Words inside a longer keyword or industry name (自动化 and 技术员 in
自动化技术员) are recognised as well, and words that begin inside a keyword (焊工 in 电焊工, where 电焊 is one too).
Latin names count only as whole words.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from matching.alignment import AlignedText, align
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
LEAST_SHARE_OF_ONE, LEAST_SHARE_OF_MANY = 0.2, 0.5
"""What a sub-term must make up of a profile's only word, and of its words when they are many: one mention among many
says little.
"""
WHOLE_CONFIDENCE = 90
PART_CONFIDENCE = 70
"""Of a word inside a longer known one."""
ACROSS_CONFIDENCE = 60
"""Of a word that begins inside a known one and ends after it."""

ADVERTISING_WORDS = frozenset(
    [
        "招聘", "急招", "诚聘", "直聘", "急聘", "聘请", "高薪", "双休", "单休", "五险", "一金", "五险一金", "包吃",
        "包住", "食宿", "包吃住", "包食宿", "应届", "应届生", "经验", "公司", "有限公司", "集团", "底薪", "无责",
        "周末", "月入", "补贴", "奖金", "提成", "小白", "兼职", "全职", "日结", "实习", "优先", "福利", "月薪",
    ]
)  # fmt: skip
"""What advertisements of every trade say; rare among keywords, and yet the lightest."""


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
        keys, places = self._places(spans, aligned.normal)
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
        named = [_placed(key, aligned.span(key.start, key.end)) for key in _first_of_each(keys)]
        named += self._keywords(found, places, most_keywords, aligned)
        named.sort(key=lambda key: (key.start, -key.end, key.kind, key.value))
        return Extraction(tuple(named))

    def keywords(self, text: str, most: int, without: Collection[str] = ()) -> tuple[str, ...]:
        """Return at most ``most`` keywords that ``text`` names besides those in ``without``.

        First the known ones as they stand there, the heaviest first; then sub-terms of these, known or derived, those
        that make up most of the text first. The more known words the text names, the more a sub-term must make up.
        """
        normal = align(text).normal
        found = self._dictionary.find(normal)
        _, places = self._places([span for span in found if span.is_outer], normal)
        named = [span for span in found if span.is_keyword and (span.outer_start, span.outer_end) not in places]
        wholes = list(dict.fromkeys(span.text for span in named if span.is_outer))
        shares = self._shares(named, normal)
        least = LEAST_SHARE_OF_MANY - (LEAST_SHARE_OF_MANY - LEAST_SHARE_OF_ONE) / max(1, len(wholes))
        parts = [part for part, share in shares.items() if share >= least]
        weight = self.weight
        wholes.sort(key=lambda word: (-weight(word), -len(word), word))
        parts.sort(key=lambda word: (-shares[word], -weight(word), word))
        taken = dict.fromkeys(word for word in (*wholes, *parts) if word not in without)
        return tuple(taken)[:most]

    def weight(self, word: str) -> int:
        """Return 1..15, heavier for a rarer word; what every advertisement says is light however rare it is."""
        return 1 if word in ADVERTISING_WORDS else self._vocabulary.weight(word)

    def _places(self, spans: Sequence[Span], text: str) -> tuple[list[ExtractedKey], set[tuple[int, int]]]:
        """Return the regions named by outer spans, and where no keyword is to be read because a place stands there."""
        keys = self._regions.keys([span for span in spans if span.text in self._regions], text)
        return keys, {(key.start, key.end) for key in keys if key.applied or key.why == Why.NARROWED}

    def _shares(self, named: Iterable[Span], text: str) -> dict[str, float]:
        """Return for every sub-term what it makes up of the words it is in, added up over different words."""
        parts_of: dict[str, set[str]] = {}
        for span in named:
            parts = parts_of.setdefault(text[span.outer_start : span.outer_end], set())
            if span.is_outer:
                parts.update(self._vocabulary.compounds.subterms(span.text, self._vocabulary.holds))
            else:
                parts.add(span.text)
        shares: dict[str, float] = {}
        for whole, parts in parts_of.items():
            for part in parts:
                shares[part] = shares.get(part, 0.0) + len(part) / len(whole)
        return shares

    def _keywords(
        self, found: Iterable[Span], places: Collection[tuple[int, int]], most: int, aligned: AlignedText
    ) -> list[ExtractedKey]:
        """Return the keywords among ``found`` outside ``places``, each once, the heaviest ``most`` of them applied."""
        first: dict[str, tuple[int, int, int, str, Span]] = {}
        weight = self.weight
        for span in found:
            text = span.text
            if span.is_keyword and text not in first and (span.outer_start, span.outer_end) not in places:
                first[text] = (-weight(text), -len(text), span.start, text, span)
        keys: list[ExtractedKey] = []
        for rank, (lightness, _, _, text, span) in enumerate(sorted(first.values())):
            confidence, reason, why = _standing(span)
            if rank >= most:
                reason, why = f"{most} rarer keywords are in the text", Why.RARER_TAKEN
            start, end = aligned.span(span.start, span.end)
            keys.append(ExtractedKey("keyword", text, start, end, confidence, -lightness, rank < most, reason, why))
        return keys


def _standing(span: Span) -> tuple[int, str, Why]:
    """Return the confidence and the reason of a keyword by how it stands in the text."""
    if span.is_outer:
        return WHOLE_CONFIDENCE, "a known keyword", Why.KNOWN
    if span.is_across:
        return ACROSS_CONFIDENCE, "a known keyword that begins inside another one", Why.ACROSS
    return PART_CONFIDENCE, "a known keyword inside a longer one", Why.INSIDE


def _first_of_each(keys: Iterable[ExtractedKey]) -> list[ExtractedKey]:
    first: dict[tuple[str, str], ExtractedKey] = {}
    for key in sorted(keys, key=lambda key: (not key.applied, key.start, -key.end, key.kind, key.value)):
        first.setdefault((key.kind, key.value), key)
    return sorted(first.values(), key=lambda key: (key.start, -key.end, key.kind, key.value))


def _placed(key: ExtractedKey, span: tuple[int, int]) -> ExtractedKey:
    return replace(key, start=span[0], end=span[1])
