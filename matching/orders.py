"""The key information of an order, checked but not yet looked up in any vocabulary."""

from collections.abc import Mapping
from dataclasses import dataclass

from kit.errors import InvalidInput
from matching import fields
from matching.errors import NoDimension
from matching.fields import Location
from matching.normalisation import keyword
from matching.taxonomy import Taxonomy

FIELDS = frozenset(
    {
        "id", "keywords", "keyword_rule", "industries", "regions", "near", "crowds",
        "origin", "exclude", "limit", "fuzzy", "text",
    }
)  # fmt: skip
MAX_GROUPS = 16
MAX_GROUP_VARIANTS = 64
MAX_GROUP_WEIGHT = 15
MAX_EXCLUDED = 100_000
MAX_LIMIT = 100_000
DEFAULT_LIMIT = 500
MAX_RADIUS_KM = 20_038
"""A little more than half of the earth's circumference: within it lies everything."""


@dataclass(frozen=True, slots=True)
class Near:
    """A circle in degrees and kilometres; its edge belongs to it."""

    lat: float
    lon: float
    radius_km: float


@dataclass(frozen=True, slots=True)
class KeywordGroup:
    """Normalised keywords of which any one hits, in the order given; ``weight`` is 1..15."""

    any: tuple[str, ...]
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Order:
    """Checked key information; ``at_least`` is 0 exactly when there are no groups."""

    id: int
    groups: tuple[KeywordGroup, ...] = ()
    at_least: int = 0
    industries: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    near: Near | None = None
    crowds: tuple[str, ...] = ()
    origin: Location | None = None
    exclude: tuple[int, ...] = ()
    limit: int = DEFAULT_LIMIT
    fuzzy: bool = True
    text: str = ""

    def to_document(self) -> dict[str, object]:
        """Return the JSON object that ``parse_order`` reads back as an equal order."""
        document: dict[str, object] = {"id": self.id, "limit": self.limit, "fuzzy": self.fuzzy}
        if self.groups:
            document["keywords"] = [{"any": list(group.any), "weight": group.weight} for group in self.groups]
            document["keyword_rule"] = {"at_least": self.at_least}
        for name in ("industries", "regions", "crowds", "exclude", "origin"):
            if getattr(self, name):
                document[name] = list(getattr(self, name))
        if self.near:
            document["near"] = {"lat": self.near.lat, "lon": self.near.lon, "radius_km": self.near.radius_km}
        if self.text:
            document["text"] = self.text
        return document


def parse_order(document: Mapping[str, object], taxonomy: Taxonomy, *, require_id: bool = True) -> Order:
    """Check the key information of an order.

    With ``require_id=False`` a missing id becomes 0, for callers that give the id themselves. A text counts as naming
    something; whether anything is recognised in it shows when the order is resolved.
    Raises InvalidInput (UnknownCode, NoDimension) naming the field, the value and the rule.
    """
    document = fields.known_fields(document, FIELDS, "order", path="")
    get = document.get
    groups = _groups(get("keywords", ()))
    given_near, given_origin = get("near"), get("origin")
    order = Order(
        id=fields.own_id(document) if require_id or "id" in document else 0,
        groups=groups,
        at_least=_at_least(get("keyword_rule", "all"), len(groups)),
        industries=fields.codes("industries", get("industries", ()), taxonomy.industries, fields.MAX_INDUSTRIES),
        regions=fields.codes("regions", get("regions", ()), taxonomy.regions, fields.MAX_REGIONS),
        near=None if given_near is None else _near(given_near),
        crowds=fields.tags("crowds", get("crowds", ())),
        origin=None if given_origin is None else fields.location("origin", given_origin),
        exclude=_excluded(get("exclude", ())),
        limit=fields.whole_number("limit", get("limit", DEFAULT_LIMIT), 1, MAX_LIMIT),
        fuzzy=fields.switch("fuzzy", get("fuzzy", True)),
        text=fields.text("text", get("text", "")),
    )
    names_something = order.groups or order.industries or order.regions or order.near or order.crowds
    if not names_something and not order.text.strip():
        raise NoDimension(
            "order",
            None,
            "names no dimension; give keywords, industries, regions, near, crowds or text",
            show_value=False,
        )
    return order


def _groups(value: object) -> tuple[KeywordGroup, ...]:
    given = fields.entries("keywords", value, MAX_GROUPS)
    return tuple(_group(f"keywords[{i}]", entry) for i, entry in enumerate(given))


def _group(field: str, value: object) -> KeywordGroup:
    if isinstance(value, str):
        return KeywordGroup((keyword(field, value),))
    if isinstance(value, Mapping):
        group = fields.known_fields(value, ("any", "weight"), field)
        if "any" not in group:
            raise InvalidInput(field, dict(group), "lacks any, the list of its keywords", show_value=False)
        weight = fields.whole_number(f"{field}.weight", group.get("weight", 1), 1, MAX_GROUP_WEIGHT)
        return KeywordGroup(_variants(f"{field}.any", group["any"]), weight)
    if isinstance(value, list | tuple):
        return KeywordGroup(_variants(field, value))
    raise InvalidInput(field, value, 'must be a keyword, a list of variants or {"any": [...], "weight": 1..15}')


def _variants(field: str, value: object) -> tuple[str, ...]:
    given = fields.entries(field, value, MAX_GROUP_VARIANTS)
    if not given:
        raise InvalidInput(field, list(given), "is a group without a keyword; remove it or name something")
    return tuple(dict.fromkeys(keyword(f"{field}[{i}]", entry) for i, entry in enumerate(given)))


def _at_least(rule: object, groups: int) -> int:
    """Return how many groups must be hit; "all" and "any" are harmless without keywords, a number is not."""
    if rule == "all":
        return groups
    if rule == "any":
        return min(1, groups)
    if isinstance(rule, Mapping) and set(rule) == {"at_least"}:
        wanted = rule["at_least"]
        if groups == 0:
            raise InvalidInput("keyword_rule.at_least", wanted, "counts keyword groups, but the order has no keywords")
        whole = isinstance(wanted, int) and not isinstance(wanted, bool)
        if whole and not 1 <= wanted <= groups:
            rule = f"must be between 1 and {groups}, the number of keyword groups"
            raise InvalidInput(
                "keyword_rule.at_least", wanted, "must be 1: the order has one keyword group" if groups == 1 else rule
            )
        return fields.whole_number("keyword_rule.at_least", wanted, 1, groups)
    raise InvalidInput("keyword_rule", rule, 'must be "all", "any" or {"at_least": n}')


def _near(value: object) -> Near:
    circle = fields.known_fields(value, ("lat", "lon", "radius_km"), "near")
    for name in ("lat", "lon", "radius_km"):
        if name not in circle:
            raise InvalidInput("near", dict(circle), f"lacks {name}", show_value=False)
    radius_km = fields.real_number("near.radius_km", circle["radius_km"], 0, MAX_RADIUS_KM)
    if radius_km == 0:
        raise InvalidInput("near.radius_km", circle["radius_km"], "must be more than 0")
    return Near(fields.latitude("near.lat", circle["lat"]), fields.longitude("near.lon", circle["lon"]), radius_km)


def _excluded(value: object) -> tuple[int, ...]:
    given = fields.entries("exclude", value, MAX_EXCLUDED)
    return tuple(sorted({fields.identity(f"exclude[{i}]", entry) for i, entry in enumerate(given)}))
