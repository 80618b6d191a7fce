"""Small, dense cases of matching for Hypothesis: few words, small trees, many ties, radii that end exactly on a user.

Every case is decoded from one integer, so that drawing is fast and shrinking leads to the plainest case.
"""

import math
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from matching.geometry import distance_km
from matching.profiles import Profile, parse_profile
from matching.query import Query, parse_order, resolve
from matching.taxonomy import ROOT_REGION, Node, Taxonomy, Tree
from matching.vocabulary import Vocabulary

STEADY = settings(derandomize=True, deadline=None, database=None)
"""The same cases in every run: a red test stays red until it is mended."""

Document = dict[str, Any]

WORDS = ("焊接", "电工", "翻译", "english", "氩弧焊", "java", "水管")
UNHELD_WORD = "潜水"
CROWDS = ("veteran", "student", "pilot")
RATINGS = (60, 60, 92, 0, 100)
IDS = (*range(1, 61), 2**40, 2**40 + 1, 2**53 - 1)
REGIONS = {
    ROOT_REGION: "", "110000": ROOT_REGION, "110101": "110000", "110102": "110000", "440000": ROOT_REGION,
    "440300": "440000", "440303": "440300", "440305": "440300", "441900": "440000", "650000": ROOT_REGION,
}  # fmt: skip
INDUSTRIES = {
    "C": "", "33": "C", "331": "33", "3311": "331", "3312": "331", "332": "33", "34": "C", "L": "", "72": "L", "P": "",
}  # fmt: skip
PLACES: tuple[tuple[float, float] | None, ...] = (
    (22.54, 114.05), None, (22.54, 114.05), (22.53, 113.93), (22.55, 114.06), (23.13, 113.26), (39.9, 116.4),
    (90.0, 0.0), (0.0, 180.0), (0.0, -180.0),
)  # fmt: skip


def _tree(kind: Any, parents: dict[str, str]) -> Tree:
    return Tree(kind, [Node(code, parent) for code, parent in parents.items()])


SMALL_TAXONOMY = Taxonomy(_tree("region", REGIONS), _tree("industry", INDUSTRIES))


class Dice:
    """Reads choices off one integer, the smallest choice first when it runs out."""

    def __init__(self, number: int) -> None:
        self._number = number

    def below(self, sides: int) -> int:
        self._number, chosen = divmod(self._number, sides)
        return chosen

    def one(self, choices: Any) -> Any:
        return choices[self.below(len(choices))]

    def some(self, choices: Any, most: int) -> list[Any]:
        """Up to ``most`` choices, repetitions included."""
        return [self.one(choices) for _ in range(self.below(most + 1))]


def profile_document(number: int, user_id: int) -> Document:
    dice = Dice(number)
    return {
        "id": user_id,
        "keywords": dice.some(WORDS, 4),
        "regions": dice.some(tuple(REGIONS), 2),
        "industries": dice.some(tuple(INDUSTRIES), 2),
        "crowds": dice.some(CROWDS, 2),
        "location": dice.one(PLACES),
        "rating": dice.one(RATINGS),
        "available": dice.below(10) != 9,
    }


def order_document(number: int, order_id: int) -> Document:
    """One order that names at least one dimension."""
    dice = Dice(number)
    document: Document = {"id": order_id, "fuzzy": dice.below(4) == 3, "limit": dice.one((500, 1, 2, 3, 7, 100_000))}
    named = 1 + dice.below(15)
    if named & 1:
        groups = [_group(dice) for _ in range(1 + dice.below(4))]
        document["keywords"] = groups
        document["keyword_rule"] = dice.one(("all", "any", {"at_least": 1 + dice.below(len(groups))}))
    if named & 2:
        which = dice.below(3)
        if which != 1:
            document["regions"] = [dice.one(tuple(REGIONS)), *dice.some(tuple(REGIONS), 2)]
        if which != 0:
            document["near"] = _near(dice)
    if named & 4:
        document["industries"] = [dice.one(tuple(INDUSTRIES)), *dice.some(tuple(INDUSTRIES), 2)]
    if named & 8:
        document["crowds"] = [dice.one(CROWDS), *dice.some(CROWDS, 1)]
    document["exclude"] = dice.some(IDS, 5)
    origin = dice.one(PLACES)
    if origin is not None:
        document["origin"] = origin
    return document


def _group(dice: Dice) -> object:
    words = (*WORDS, UNHELD_WORD)
    form = dice.below(3)
    if form == 0:
        return dice.one(words)
    variants = [dice.one(words), *dice.some(words, 2)]
    return variants if form == 1 else {"any": variants, "weight": 1 + dice.below(15)}


def _near(dice: Dice) -> Document:
    """A circle whose edge goes through a user's place exactly, just inside of it, or anywhere."""
    centre = dice.one(tuple(place for place in PLACES if place is not None))
    edge = dice.one(tuple(place for place in PLACES if place is not None))
    radius_km = distance_km(*centre, *edge) or 0.5
    radius_km = dice.one((radius_km, math.nextafter(radius_km, 0.0), 5.0, 20_038))
    return {"lat": centre[0], "lon": centre[1], "radius_km": radius_km}


@st.composite
def populations(draw: st.DrawFn, most: int = 40) -> list[Profile]:
    """Profiles with distinct ids in no order."""
    size = draw(st.integers(0, most))
    numbers = draw(st.lists(st.integers(0, 2**48), min_size=size, max_size=size))
    ids = draw(st.permutations(IDS)) if draw(st.booleans()) else IDS
    return [
        parse_profile(profile_document(number, user_id), SMALL_TAXONOMY)
        for number, user_id in zip(numbers, ids, strict=False)
    ]


@st.composite
def order_documents(draw: st.DrawFn, most: int = 8) -> list[Document]:
    """Orders with ids from 1 up."""
    size = draw(st.integers(1, most))
    numbers = draw(st.lists(st.integers(0, 2**110), min_size=size, max_size=size))
    return [order_document(number, order_id) for order_id, number in enumerate(numbers, start=1)]


def vocabulary_of(profiles: list[Profile]) -> Vocabulary:
    vocabulary = Vocabulary()
    for profile in profiles:
        vocabulary.add(profile.keywords)
    return vocabulary


def frozen(documents: list[Document], vocabulary: Vocabulary) -> list[Query]:
    """The queries of ``documents`` over SMALL_TAXONOMY."""
    return [resolve(parse_order(document, SMALL_TAXONOMY), vocabulary, SMALL_TAXONOMY) for document in documents]


@st.composite
def cases(draw: st.DrawFn, most_profiles: int = 40, most_orders: int = 8) -> tuple[list[Profile], list[Query]]:
    """A population and queries frozen against its vocabulary, over SMALL_TAXONOMY."""
    profiles = draw(populations(most_profiles))
    return profiles, frozen(draw(order_documents(most_orders)), vocabulary_of(profiles))
