"""The frozen question that an order asks of all profiles, and how an order becomes one.

``parse_order`` checks the document alone; ``resolve`` adds what depends on the vocabulary at this moment (variants,
extraction) and freezes it, so that every wave of an order asks exactly the same.
"""

from dataclasses import dataclass
from typing import Literal, Self

import orjson

from matching.errors import NoDimension
from matching.extracted import ExtractedKey, Extraction
from matching.extraction import Extractor
from matching.fields import MAX_INDUSTRIES, MAX_REGIONS, Location
from matching.members import Group, Member
from matching.orders import KeywordGroup, Near, Order, parse_order
from matching.taxonomy import Taxonomy
from matching.variants import variants
from matching.vocabulary import Vocabulary

__all__ = [
    "DEFAULT_WEIGHTS",
    "ExtractedKey",
    "Group",
    "KeywordGroup",
    "Member",
    "Near",
    "Order",
    "Query",
    "Weights",
    "parse_order",
    "resolve",
]


@dataclass(frozen=True, slots=True)
class Weights:
    """The impact of a satisfied dimension on the score; all subset sums must be distinct, so a score can be read."""

    keywords: int = 4100
    industry: int = 3000
    region: int = 2400
    crowd: int = 1500

    def __post_init__(self) -> None:
        sums = {0}
        for weight in (self.keywords, self.industry, self.region, self.crowd):
            if not 1 <= weight <= 1_000_000:
                raise ValueError(f"{weight} is not between 1 and 1000000")
            sums |= {weight + lower for lower in sums}
        if len(sums) != 16:
            raise ValueError("two choices of dimensions have the same sum, so a score could not be read")


DEFAULT_WEIGHTS = Weights()


@dataclass(frozen=True, slots=True)
class Query:
    """A frozen query; codes, tags and ids are unique and sorted.

    Keywords are satisfied when at least ``at_least`` of ``groups`` are hit (0 when there are no groups). ``regions``
    and ``near`` are one dimension. ``limit`` cuts lists, never counts.
    """

    id: int
    groups: tuple[Group, ...] = ()
    at_least: int = 0
    industries: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    near: Near | None = None
    crowds: tuple[str, ...] = ()
    origin: Location | None = None
    exclude: tuple[int, ...] = ()
    limit: int = 500
    extracted: tuple[ExtractedKey, ...] = ()

    def dimensions(self) -> tuple[str, ...]:
        """Return the named dimensions, of keywords, industry, region, crowd, in this order."""
        named = {
            "keywords": bool(self.groups),
            "industry": bool(self.industries),
            "region": bool(self.regions) or self.near is not None,
            "crowd": bool(self.crowds),
        }
        return tuple(dimension for dimension, is_named in named.items() if is_named)

    def to_json(self) -> str:
        """Return one line of JSON that ``from_json`` reads back as an equal query."""
        return orjson.dumps(self, default=ExtractedKey._asdict).decode()

    @classmethod
    def from_json(cls, line: str) -> Self:
        """Read what ``to_json`` wrote; it is trusted, not checked again."""
        stored = orjson.loads(line)
        return cls(
            id=stored["id"],
            groups=tuple(
                Group(tuple(Member(**member) for member in group["members"]), group["weight"])
                for group in stored["groups"]
            ),
            at_least=stored["at_least"],
            industries=tuple(stored["industries"]),
            regions=tuple(stored["regions"]),
            near=None if stored["near"] is None else Near(**stored["near"]),
            crowds=tuple(stored["crowds"]),
            origin=None if stored["origin"] is None else (stored["origin"][0], stored["origin"][1]),
            exclude=tuple(stored["exclude"]),
            limit=stored["limit"],
            extracted=tuple(ExtractedKey(**key) for key in stored["extracted"]),
        )


def resolve(order: Order, vocabulary: Vocabulary, taxonomy: Taxonomy, *, extractor: Extractor | None = None) -> Query:
    """Freeze an order against the vocabulary of this moment.

    The text fills only dimensions that the order does not name: up to 8 keywords by rule any, regions (unless ``near``
    is given), industries. Without an ``extractor`` a text costs the building of one. Raises NoDimension when the order
    names nothing itself and nothing usable is in its text.
    """
    extraction = Extraction(())
    groups, at_least = order.groups, order.at_least
    industries, regions = order.industries, order.regions
    if order.text:
        extraction = (extractor or Extractor(vocabulary, taxonomy)).extract(order.text)
        if groups:
            extraction = extraction.without("keyword", "the order names keywords itself")
        if industries:
            extraction = extraction.without("industry", "the order names industries itself")
        if regions or order.near:
            extraction = extraction.without("region", "the order names a region itself")
        keywords = extraction.applied("keyword")
        if keywords:
            groups, at_least = tuple(KeywordGroup((key.value,), key.weight) for key in keywords), 1
        industries = industries or _values(extraction, "industry")
        regions = regions or _values(extraction, "region")
    query = Query(
        id=order.id,
        groups=tuple(_group(group, vocabulary, fuzzy=order.fuzzy) for group in groups),
        at_least=at_least,
        industries=industries,
        regions=regions,
        near=order.near,
        crowds=order.crowds,
        origin=order.origin,
        exclude=order.exclude,
        limit=order.limit,
        extracted=extraction.keys,
    )
    if not query.dimensions():
        raise NoDimension("text", order.text, "names no known keyword, region or industry; name some in the order")
    return query


def _values(extraction: Extraction, kind: Literal["industry", "region"]) -> tuple[str, ...]:
    most = {"industry": MAX_INDUSTRIES, "region": MAX_REGIONS}[kind]
    return tuple(sorted(key.value for key in extraction.applied(kind)[:most]))


def _group(group: KeywordGroup, vocabulary: Vocabulary, *, fuzzy: bool) -> Group:
    """Return the words of the order first, then their variants, best first; each word once."""
    members = {text: Member(text, of=text) for text in group.any}
    if fuzzy:
        found = [variant for text in group.any for variant in variants(text, vocabulary)]
        for variant in sorted(found, key=lambda member: -member.similarity):
            members.setdefault(variant.text, variant)
    return Group(tuple(members.values()), group.weight)
