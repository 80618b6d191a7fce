"""The form of a preview: what a person typed becomes an order document, or a sentence beside the field."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from api.pages.names import code_name
from api.pages.words import mark
from matching.taxonomy import Taxonomy, Tree

SEPARATORS: Final = "，、;；\n"
SUFFIXES: Final = "省市区县"

RULES: Final[Mapping[str, str]] = {
    "text": mark("At most 20,000 characters."),
    "keywords": mark("At most 16 lines, in each at most 64 words of at most 64 characters, with / between them."),
    "keyword_rule": mark("A whole number from 1 to the number of lines above."),
    "industries": mark("At most 32 names or codes of GB/T 4754, with commas between them."),
    "regions": mark("At most 64 names or codes of GB/T 2260, with commas between them."),
    "near": mark("Latitude, longitude and radius: all three as numbers, or none of them; at most 20,038 km."),
    "crowds": mark("At most 32 tags of at most 64 characters, with commas between them."),
    "order": mark("Name something: keywords, an industry, a region, a place or a crowd, or a text that names them."),
}
"""What each field takes, said beside it when it was something else."""

UNKNOWN_NAME: Final = mark("Nothing is known by the name %(name)s; enter its full name or its code.")
SEVERAL_NAMES: Final = mark("Several are called %(name)s: enter one of the codes %(codes)s.")
NOTHING_KNOWN: Final = mark("Nothing in the text is known; name keywords, an industry or a region too.")


@dataclass(frozen=True, slots=True)
class PreviewForm:
    """What was typed, as it was typed."""

    text: str = ""
    keywords: str = ""
    keyword_rule: str = "all"
    at_least: str = ""
    industries: str = ""
    regions: str = ""
    lat: str = ""
    lon: str = ""
    radius_km: str = ""
    crowds: str = ""
    fuzzy: bool = True
    policy: str = "default"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a field: a message of the catalogues with its parameters."""

    message: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ReadForm:
    """The order document, which means something only if there are no problems; these by field."""

    document: Mapping[str, Any]
    problems: Mapping[str, Problem]


def read_form(form: PreviewForm, taxonomy: Taxonomy) -> ReadForm:
    """Make an order document of what was typed. Bounds are checked where orders are."""
    problems: dict[str, Problem] = {}
    document: dict[str, Any] = {"fuzzy": form.fuzzy}
    if form.text.strip():
        document["text"] = form.text
    groups = [[word.strip() for word in line.split("/") if word.strip()] for line in form.keywords.splitlines()]
    if keywords := [group for group in groups if group]:
        document["keywords"] = keywords
        document["keyword_rule"] = form.keyword_rule
        if form.keyword_rule == "at_least":
            number = form.at_least.strip()
            if number.isascii() and number.isdecimal() and len(number) <= 3:
                document["keyword_rule"] = {"at_least": int(number)}
            else:
                problems["keyword_rule"] = rule_of("keyword_rule")
    for field, tree, typed in (
        ("industries", taxonomy.industries, form.industries),
        ("regions", taxonomy.regions, form.regions),
    ):
        codes, problem = _codes(tree, typed)
        if problem is not None:
            problems[field] = problem
        elif codes:
            document[field] = codes
    if crowds := _parts(form.crowds):
        document["crowds"] = crowds
    if any(value.strip() for value in (form.lat, form.lon, form.radius_km)):
        try:
            document["near"] = {name: float(getattr(form, name)) for name in ("lat", "lon", "radius_km")}
        except ValueError:
            problems["near"] = rule_of("near")
    return ReadForm(document, problems)


def rule_of(field: str) -> Problem:
    """Return what a field takes, for one that was refused by its path in the order, such as keywords[3].any[0]."""
    name = field.partition("[")[0].partition(".")[0]
    return Problem(RULES.get(name, RULES["order"]), {})


def place_of(field: str) -> str:
    """Return beside which field a refusal is shown; "order" is the whole form."""
    name = field.partition("[")[0].partition(".")[0]
    return name if name in RULES else "order"


def _parts(typed: str) -> list[str]:
    for separator in SEPARATORS:
        typed = typed.replace(separator, ",")
    return list(dict.fromkeys(part.strip() for part in typed.split(",") if part.strip()))


def _codes(tree: Tree, typed: str) -> tuple[list[str], Problem | None]:
    """Return the codes of names and codes; the problem of the first that means nothing or too much."""
    codes: list[str] = []
    for part in _parts(typed):
        found = [part] if part in tree else _named(tree, part)
        if not found:
            return [], Problem(UNKNOWN_NAME, {"name": part[:60]})
        if len(found) > 1:
            return [], Problem(SEVERAL_NAMES, {"name": part[:60], "codes": ", ".join(found[:6])})
        codes.append(found[0])
    return codes, None


def _named(tree: Tree, name: str) -> list[str]:
    """Return the codes of a name; of nodes inside each other the outermost."""
    nodes = _names(tree).get(_folded(name), ())
    return [tree.codes[node] for node in nodes if not set(nodes) & set(tree.ancestors(node))]


@lru_cache(maxsize=4)
def _names(tree: Tree) -> Mapping[str, tuple[int, ...]]:
    """Return the nodes by every name that a person might type: full, with the city before it, English, short."""
    full: dict[str, list[int]] = {}
    short: dict[str, list[int]] = {}
    for node, code in enumerate(tree.codes):
        chinese, english = tree.names_zh[node], tree.names_en[node]
        for name in {_folded(name) for name in (chinese, english, code_name(tree, code, "zh-CN")) if name}:
            full.setdefault(name, []).append(node)
        if tree.kind == "region" and len(chinese) > 2 and chinese[-1] in SUFFIXES:
            short.setdefault(_folded(chinese[:-1]), []).append(node)
    return {name: tuple(nodes) for name, nodes in (short | full).items()}


def _folded(name: str) -> str:
    return "".join(name.casefold().split())
