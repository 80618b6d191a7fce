"""Checks of single fields of a profile or an order; each raises InvalidInput with the field, the value and the rule."""

from collections.abc import Collection, Mapping, Sequence

from kit.errors import InvalidInput
from matching.normalisation import keyword, tag, valid_text
from matching.taxonomy import Tree

MAX_ID = 2**53 - 1
MAX_PROFILE_KEYWORDS = 64
MAX_REGIONS = 64
MAX_INDUSTRIES = 32
MAX_CROWDS = 32
MAX_TEXT_CHARACTERS = 20_000
COORDINATE_DIGITS = 6
"""Decimals of a degree that are kept: 1e-6 degree is about 0.1 m."""

Location = tuple[float, float]
"""Latitude and longitude in degrees, WGS-84."""


def known_fields(
    document: object, allowed: Collection[str], where: str, *, path: str | None = None
) -> Mapping[str, object]:
    """Return ``document``, named ``where`` in sentences, if it is an object with no field outside ``allowed``.

    ``path`` is what the fields' names are written after; None: ``where``, "": nothing.
    """
    if not isinstance(document, Mapping):
        raise InvalidInput(where, document, "must be a JSON object")
    before = where if path is None else path
    kind = where if before else f"the {where}"
    for name, value in document.items():
        if name not in allowed:
            raise InvalidInput(
                f"{before}.{name}" if before else str(name),
                value,
                f"is no field of {kind}; known are {', '.join(sorted(allowed))}",
                show_value=False,
            )
    return document


def whole_number(field: str, value: object, low: int, high: int) -> int:
    """Return an integer in [low, high]; true, 1.0 and "1" are not integers."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput(field, value, "must be an integer")
    if not low <= value <= high:
        raise InvalidInput(field, _shown(value), f"must be between {low} and {high}")
    return value


def real_number(field: str, value: object, low: float, high: float) -> float:
    """Return a finite number in [low, high] as a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(field, value, "must be a number")
    if not low <= value <= high:  # false for NaN too
        raise InvalidInput(field, _shown(value), f"must be between {low:g} and {high:g}")
    return float(value)


def switch(field: str, value: object) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise InvalidInput(field, value, "must be true or false")
    return value


def text(field: str, value: object) -> str:
    """Return free text within the cap."""
    if not isinstance(value, str):
        raise InvalidInput(field, value, "must be a string")
    if len(value) > MAX_TEXT_CHARACTERS:
        raise InvalidInput(field, len(value), f"characters are more than the {MAX_TEXT_CHARACTERS} allowed")
    valid_text(field, value)
    return value


def entries(field: str, value: object, most: int) -> Sequence[object]:
    """Return a list of at most ``most`` entries; a string is not a list."""
    if not isinstance(value, list | tuple):
        raise InvalidInput(field, value, "must be a list")
    if len(value) > most:
        raise InvalidInput(field, len(value), f"entries are more than the {most} allowed")
    return value


def keywords(field: str, value: object, most: int) -> tuple[str, ...]:
    """Return normalised keywords, unique and sorted."""
    given = entries(field, value, most)
    return tuple(sorted({keyword(f"{field}[{i}]", entry) for i, entry in enumerate(given)}))


def tags(field: str, value: object) -> tuple[str, ...]:
    """Return crowd tags, unique and sorted."""
    given = entries(field, value, MAX_CROWDS)
    return tuple(sorted({tag(f"{field}[{i}]", entry) for i, entry in enumerate(given)}))


def codes(field: str, value: object, tree: Tree, most: int) -> tuple[str, ...]:
    """Return known codes of ``tree``, unique and sorted."""
    found: set[str] = set()
    for i, entry in enumerate(entries(field, value, most)):
        if not isinstance(entry, str):
            raise InvalidInput(f"{field}[{i}]", entry, "must be a code in quotes; codes are strings")
        if entry not in tree:
            tree.index(entry, f"{field}[{i}]")
        found.add(tree.codes[tree.index(entry)])  # the tree's own string: a million profiles share it
    return tuple(sorted(found))


def location(field: str, value: object) -> Location:
    """Return a [latitude, longitude] pair in degrees, rounded to 1e-6."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise InvalidInput(field, value, "must be [latitude, longitude]")
    return latitude(f"{field}[0]", value[0]), longitude(f"{field}[1]", value[1])


def latitude(field: str, value: object) -> float:
    """Return degrees north, rounded to 1e-6."""
    return round(real_number(field, value, -90, 90), COORDINATE_DIGITS) + 0.0  # + 0.0 turns -0.0 into 0.0


def longitude(field: str, value: object) -> float:
    """Return degrees east, rounded to 1e-6."""
    return round(real_number(field, value, -180, 180), COORDINATE_DIGITS) + 0.0


def identity(field: str, value: object) -> int:
    """Return the id of a user or an order: an integer of 1 to 2^53 - 1, exact in every JSON reader."""
    return whole_number(field, value, 1, MAX_ID)


def own_id(document: Mapping[str, object]) -> int:
    """Return the id that a document names in its field ``id``."""
    if "id" not in document:
        raise InvalidInput("id", None, f"is missing; give an integer from 1 to {MAX_ID}", show_value=False)
    return identity("id", document["id"])


def _shown(value: object) -> object:
    """Keep Python from printing, or refusing to print, an integer of thousands of digits."""
    return "an integer of more than 40 digits" if isinstance(value, int) and abs(value) >= 10**40 else value
