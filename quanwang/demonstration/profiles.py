"""Draws the demonstration's people.

Real: the population of the provinces, the districts and their seats, the names and aliases of occupations and how often
titles ask for them. Drawn: who lives where, who does what, service areas, ratings. Invented: the crowd tags.
"""

import random
from collections.abc import Iterator
from itertools import accumulate

from quanwang.demonstration.occupations import Occupation, known_occupations
from quanwang.demonstration.places import Place, PlaceDraw, near_seat

CROWD_TAGS = ("应届生", "学生", "退伍军人", "残疾人", "宝妈", "兼职")
"""Invented: no real source of target-crowd tags exists."""

CROWD_SHARES = (0.05, 0.06, 0.04, 0.02, 0.05, 0.10)
UNAVAILABLE_SHARE = 0.03
SECOND_OCCUPATION_SHARE = 0.15
ROOT_REGION = "100000"


class ProfileDraw:
    """Draws profiles by number: the n-th profile of a seed is always the same, however many are drawn."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._places = PlaceDraw(seed)
        self._occupations = known_occupations()
        self._occupation_tail = tuple(accumulate(occupation.titles for occupation in self._occupations))

    def documents(self, first: int, count: int) -> Iterator[tuple[str, dict[str, object]]]:
        """Yield (external id, profile document) for the numbers first .. first + count - 1 (numbers start at 1)."""
        for number in range(first, first + count):
            yield str(number), self._document(random.Random(f"{self._seed} profile {number}"))

    def _document(self, randomness: random.Random) -> dict[str, object]:
        place = self._places.draw(randomness)
        chosen = randomness.choices(self._occupations, cum_weights=self._occupation_tail)
        if randomness.random() < SECOND_OCCUPATION_SHARE:
            chosen += randomness.choices(self._occupations, cum_weights=self._occupation_tail)
        return {
            "keywords": _keywords(chosen, randomness),
            "industries": sorted({occupation.section for occupation in chosen if occupation.section}),
            "regions": self._service_area(place, randomness),
            "crowds": [tag for tag, share in zip(CROWD_TAGS, CROWD_SHARES, strict=True) if randomness.random() < share],
            "location": near_seat(place, randomness),
            "rating": max(0, min(100, round(randomness.gauss(68, 14)))),
            "available": randomness.random() >= UNAVAILABLE_SHARE,
        }

    def _service_area(self, place: Place, randomness: random.Random) -> list[str]:
        """Half serve their district, the rest their city, their province, several provinces, everywhere."""
        draw = randomness.random()
        if draw < 0.56:
            return [place.district]
        if draw < 0.80:
            return [place.city]
        if draw < 0.93:
            return [place.province]
        if draw < 0.98:
            others = {self._places.draw_province(randomness) for _ in range(randomness.randint(1, 4))}
            return sorted({place.province, *others})
        return [ROOT_REGION]


def _keywords(occupations: list[Occupation], randomness: random.Random) -> list[str]:
    """Return 3 to 12 different keywords of the occupations, heavier ones more often, as far as they have so many."""
    wanted = randomness.randint(3, 12)
    drawn: dict[str, None] = {}
    for occupation in occupations:
        for keyword in randomness.choices(occupation.keywords, cum_weights=occupation.cumulative_weights, k=wanted):
            drawn.setdefault(keyword)
    for occupation in occupations:
        if len(drawn) < 3:
            drawn.update(dict.fromkeys(occupation.keywords[:3]))
    return list(drawn)[:12]


def activity(seed: int, user_id: int) -> float:
    """Return how eager a user is to accept, heavy-tailed: 1 for nearly everybody, above 10 for one in a hundred."""
    return random.Random(f"{seed} activity {user_id}").paretovariate(2.0)
