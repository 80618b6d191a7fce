"""Recognising key information in free text: keywords, regions, industries and crowds, with their places.

The text is read from left to right; at each place the longest known name wins, whatever its kind, so that
上海话 is no place and 和平 in 和平区 no keyword. Words inside a longer keyword or industry name (自动化 and 技术员 in
自动化技术员) are recognised as well, and words that begin inside a keyword (焊工 in 电焊工, where 电焊 is one too).
Latin names count only as whole words.
"""

from collections.abc import Collection, Iterable, Sequence

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
LEAST_SHARE_OF_ONE, LEAST_SHARE_OF_MANY = 0.2, 0.45
"""What a sub-term must make up of a profile's only word, and of its words when they are many: one mention among many
says little.
"""
WHOLE_CONFIDENCE = 90
_WHOLE = (WHOLE_CONFIDENCE, "a known keyword", Why.KNOWN)
_PART = (70, "a known keyword inside a longer one", Why.INSIDE)
_ACROSS = (60, "a known keyword that begins inside another one", Why.ACROSS)
"""The confidence and the reason of a keyword by how it stands in the text."""
_new = tuple.__new__
"""Makes an ExtractedKey of a tuple at half the cost of its constructor, and a text has dozens."""

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
        named, places = self._named([span for span in found if span.is_name], aligned)
        keys = self._keywords(found, places, most_keywords, aligned)
        if named or aligned.starts is not None:  # else they stand in this order already
            keys += named
            keys.sort(key=_by_place)
        return Extraction(tuple(keys))

    def keywords(self, text: str, most: int, without: Collection[str] = ()) -> tuple[str, ...]:
        """Return at most ``most`` keywords that ``text`` names besides those in ``without``.

        First the known ones as they stand there, the heaviest first; then sub-terms of these, known or derived, those
        that make up most of the text first. The more known words the text names, the more a sub-term must make up.
        """
        normal = align(text).normal
        found = self._dictionary.find(normal)
        _, places = self._places([span for span in found if span.is_name], normal)
        named = [span for span in found if span.is_keyword and (span.outer_start, span.outer_end) not in places]
        wholes = list(dict.fromkeys(span.text for span in named if span.is_outer))
        shares = self._shares(named, normal)
        least = LEAST_SHARE_OF_MANY - (LEAST_SHARE_OF_MANY - LEAST_SHARE_OF_ONE) / max(1, len(wholes))
        parts = [part for part, share in shares.items() if share >= least]
        words = (*wholes, *parts)
        weight = dict(zip(words, self._weights(words), strict=True))
        wholes.sort(key=lambda word: (-weight[word], -len(word), word))
        parts.sort(key=lambda word: (-shares[word], -weight[word], word))
        taken = dict.fromkeys(word for word in (*wholes, *parts) if word not in without)
        return tuple(taken)[:most]

    def _weights(self, words: Collection[str]) -> list[int]:
        """Return 1..15 each, heavier for a rarer word; what every advertisement says is light however rare it is."""
        weights = zip(words, self._vocabulary.weights(words), strict=True)
        return [1 if word in ADVERTISING_WORDS else weight for word, weight in weights]

    def _named(self, spans: Sequence[Span], aligned: AlignedText) -> tuple[list[ExtractedKey], set[tuple[int, int]]]:
        """Return the regions, industries and crowds that ``spans`` name, and where no keyword is to be read."""
        if not spans:
            return [], set()
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
        return [_placed(key, aligned.span(key.start, key.end)) for key in _first_of_each(keys)], places

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
        first: dict[str, Span] = {}
        for span in found:
            text, _, _, outer_start, outer_end, is_keyword, _ = span
            if is_keyword and text not in first and not (places and (outer_start, outer_end) in places):
                first[text] = span
        weights = self._weights(first)
        beyond: set[int] = set()
        if len(weights) > most:
            heaviness = [weight << 20 | len(text) for weight, text in zip(weights, first, strict=True)]
            beyond.update(sorted(range(len(weights)), key=heaviness.__getitem__, reverse=True)[most:])
        keys: list[ExtractedKey] = []
        for place, (span, weight) in enumerate(zip(first.values(), weights, strict=True)):
            text, start, end, outer_start, outer_end, _, _ = span
            is_outer = start == outer_start and end == outer_end
            confidence, reason, why = _WHOLE if is_outer else _ACROSS if end > outer_end else _PART
            applied = place not in beyond
            if not applied:
                reason, why = f"{most} rarer keywords are in the text", Why.RARER_TAKEN
            if aligned.starts is not None:
                start, end = aligned.span(start, end)
            keys.append(_new(ExtractedKey, ("keyword", text, start, end, confidence, weight, applied, reason, why)))
        return keys


def _first_of_each(keys: Iterable[ExtractedKey]) -> list[ExtractedKey]:
    first: dict[tuple[str, str], ExtractedKey] = {}
    for key in sorted(keys, key=lambda key: (not key.applied, key.start, -key.end, key.kind, key.value)):
        first.setdefault((key.kind, key.value), key)
    return sorted(first.values(), key=_by_place)


def _by_place(key: ExtractedKey) -> tuple[int, int, str, str]:
    return key.start, -key.end, key.kind, key.value


def _placed(key: ExtractedKey, span: tuple[int, int]) -> ExtractedKey:
    return key._replace(start=span[0], end=span[1])
