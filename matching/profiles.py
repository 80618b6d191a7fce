"""What a user can do and where: the side of a match that waits for orders."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matching import fields
from matching.taxonomy import Taxonomy

if TYPE_CHECKING:
    from matching.extraction import Extractor

FIELDS = frozenset({"id", "keywords", "industries", "regions", "crowds", "location", "rating", "available", "text"})
DEFAULT_RATING = 60


@dataclass(frozen=True, slots=True)
class Profile:
    """A checked profile; every tuple is unique and sorted, keywords are normalised, codes are of the trees.

    ``location`` is latitude and longitude in degrees, WGS-84, or None; ``rating`` is 0..100; a user who is not
    ``available`` is in no result.
    """

    id: int
    keywords: tuple[str, ...] = ()
    industries: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    crowds: tuple[str, ...] = ()
    location: tuple[float, float] | None = None
    rating: int = DEFAULT_RATING
    available: bool = True

    def to_document(self) -> dict[str, object]:
        """Return the JSON object that ``parse_profile`` reads back as an equal profile."""
        return {
            "id": self.id,
            "keywords": list(self.keywords),
            "industries": list(self.industries),
            "regions": list(self.regions),
            "crowds": list(self.crowds),
            "location": None if self.location is None else list(self.location),
            "rating": self.rating,
            "available": self.available,
        }


def parse_profile(
    document: Mapping[str, object],
    taxonomy: Taxonomy,
    *,
    extractor: "Extractor | None" = None,
    require_id: bool = True,
) -> Profile:
    """Check a profile document and return it as a profile.

    ``text`` adds the keywords that ``extractor`` finds in it, up to the cap of keywords; without an extractor it is
    only checked. With ``require_id=False`` a missing id becomes 0, for callers that give the id themselves.
    Raises InvalidInput (UnknownCode for codes) naming the field, the value and the rule.
    """
    document = fields.known_fields(document, FIELDS, "profile", path="")
    get = document.get
    keywords = fields.keywords("keywords", get("keywords", ()), fields.MAX_PROFILE_KEYWORDS)
    text = fields.text("text", get("text", ""))
    if text and extractor is not None:
        room = fields.MAX_PROFILE_KEYWORDS - len(keywords)
        keywords = tuple(sorted({*keywords, *extractor.keywords(text, most=room, without=keywords)}))
    given_location = get("location")
    return Profile(
        id=fields.own_id(document) if require_id or "id" in document else 0,
        keywords=keywords,
        industries=fields.codes("industries", get("industries", ()), taxonomy.industries, fields.MAX_INDUSTRIES),
        regions=fields.codes("regions", get("regions", ()), taxonomy.regions, fields.MAX_REGIONS),
        crowds=fields.tags("crowds", get("crowds", ())),
        location=None if given_location is None else fields.location("location", given_location),
        rating=fields.whole_number("rating", get("rating", DEFAULT_RATING), 0, 100),
        available=fields.switch("available", get("available", True)),
    )
