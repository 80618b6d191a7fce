"""Makes the demonstration's orders: the text is a real advertisement title, the publisher's place is drawn.

The platform extracts the key information from the text. What the drawn publisher adds is where the work is (its
district, city or province, a circle around it, or anywhere), now and then for which crowd it is, and the industry where
the title names no trade.
"""

import random
from collections.abc import Iterator

from quanwang.demonstration.occupations import known_words, sections
from quanwang.demonstration.places import Place, PlaceDraw, near_seat
from quanwang.demonstration.profiles import CROWD_SHARES, CROWD_TAGS, ROOT_REGION
from quanwang.demonstration.titles import split_titles

RADII_KM = (5, 10, 20)
CROWD_SHARE = 0.18
"""How many orders are for one crowd only; the tags are invented, as those of the profiles."""

POLICY = "demonstration"


def titles_available() -> int:
    """Return how many different real titles there are for orders."""
    return len(split_titles()[0])


class OrderDraw:
    """Draws a batch of orders; ``batch`` numbers the runs on one data folder: a second run brings new orders."""

    def __init__(self, seed: int, batch: int) -> None:
        self._seed = seed
        self._batch = batch
        self._places = PlaceDraw(seed)
        titles = [title.text for title in split_titles()[0]]
        random.Random(f"{seed} order titles {batch}").shuffle(titles)
        self._titles = titles

    def documents(self, count: int) -> Iterator[dict[str, object]]:
        """Yield ``count`` order documents; past the last title the titles come again with other publishers."""
        for number in range(count):
            randomness = random.Random(f"{self._seed} order {self._batch} {number}")
            title = self._titles[number % len(self._titles)]
            place = self._places.draw(randomness)
            origin = near_seat(place, randomness)
            document: dict[str, object] = {
                "id": f"demonstration-{self._batch}-{number + 1}",
                "title": title,
                "text": title,
                "policy": POLICY,
                "origin": origin,
            }
            document.update(_where(place, origin, randomness))
            if not _names_a_trade(title):
                document["industries"] = [randomness.choice(sections())]
            nationwide = document.get("regions") == [ROOT_REGION]
            # An order for the whole country and everybody in it would be an announcement.
            if nationwide or randomness.random() < CROWD_SHARE:
                document["crowds"] = [randomness.choices(CROWD_TAGS, CROWD_SHARES)[0]]
            yield document


def _names_a_trade(title: str) -> bool:
    lowered = title.lower()
    return any(word in lowered for word in known_words())


def _where(place: Place, origin: list[float], randomness: random.Random) -> dict[str, object]:
    draw = randomness.random()
    if draw < 0.40:
        return {"regions": [place.district]}
    if draw < 0.62:
        return {"regions": [place.city]}
    if draw < 0.65:
        return {"regions": [place.province]}
    if draw < 0.995:
        return {"near": {"lat": origin[0], "lon": origin[1], "radius_km": randomness.choice(RADII_KM)}}
    return {"regions": [ROOT_REGION]}
