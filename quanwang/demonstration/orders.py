"""Makes the demonstration's orders: the text is a real advertisement title, and the title decides what it asks for.

The platform extracts the key information from the text. The drawn publisher adds only what the title leaves open: where
the work is when it names no place, the industry when nothing in it is recognised, and now and then a crowd.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from matching.extraction import Extractor
from matching.normalisation import normalise
from matching.taxonomy import Taxonomy
from matching.vocabulary import Vocabulary
from quanwang.demonstration.occupations import known_words, section_of
from quanwang.demonstration.places import Place, PlaceDraw, near_seat
from quanwang.demonstration.profiles import CROWD_SHARES, CROWD_TAGS, ROOT_REGION
from quanwang.demonstration.titles import Title, split_titles

RADII_KM = (5, 10, 20)
CROWD_SHARE = 0.18
"""How many orders are for one crowd only; the tags are invented, as those of the profiles."""

POLICY = "demonstration"


@dataclass(frozen=True, slots=True)
class TitleReading:
    """What the platform will recognise in a title.

    ``names_place`` and ``names_work`` (a keyword or an industry): recognised and applied. ``doubtful_region``: the code
    of a place that the title may mean and that the platform reports without applying it (昆山 without 江苏), or None.
    """

    names_place: bool
    names_work: bool
    doubtful_region: str | None


class TitleReader:
    """Reads titles as the platform does, with every word that a drawn person may hold."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        vocabulary = Vocabulary()
        vocabulary.add({normalise(word) for word in known_words()})
        self._extractor = Extractor(vocabulary, taxonomy, CROWD_TAGS)

    def read(self, title: str) -> TitleReading:
        """Return what ``title`` names."""
        found = self._extractor.extract(title)
        # A name of goods or dialects (济南话) is reported too, but nobody would take it for where the work is.
        doubtful = [
            key.value
            for key in found.keys
            if key.kind == "region" and not key.applied and not key.reason.startswith("names something")
        ]
        return TitleReading(
            names_place=bool(found.applied("region")),
            names_work=bool(found.applied("keyword") or found.applied("industry")),
            doubtful_region=doubtful[0] if doubtful else None,
        )


class OrderDraw:
    """Draws a batch of orders; ``batch`` numbers the runs on one data folder: a second run brings new orders."""

    def __init__(self, seed: int, batch: int, taxonomy: Taxonomy) -> None:
        self._seed = seed
        self._batch = batch
        self._places = PlaceDraw(seed)
        self._reader = TitleReader(taxonomy)
        titles = list(split_titles()[0])
        random.Random(f"{seed} order titles {batch}").shuffle(titles)
        self._titles = titles

    def documents(self, count: int) -> Iterator[dict[str, object]]:
        """Yield ``count`` order documents; past the last title the titles come again with other publishers."""
        for number in range(count):
            randomness = random.Random(f"{self._seed} order {self._batch} {number}")
            title = self._titles[number % len(self._titles)]
            document: dict[str, object] = {
                "id": f"demonstration-{self._batch}-{number + 1}",
                "title": title.text,
                "text": title.text,
                "policy": POLICY,
            }
            document.update(self._left_open(title, randomness))
            nationwide = document.get("regions") == [ROOT_REGION]
            # An order for the whole country and everybody in it would be an announcement.
            if nationwide or randomness.random() < CROWD_SHARE:
                document["crowds"] = [randomness.choices(CROWD_TAGS, CROWD_SHARES)[0]]
            yield document

    def _left_open(self, title: Title, randomness: random.Random) -> dict[str, object]:
        """Return what the publisher says besides the title: nothing where the title says it."""
        reading = self._reader.read(title.text)
        added: dict[str, object] = {}
        if reading.doubtful_region is not None and not reading.names_place:
            added["regions"] = [reading.doubtful_region]
        elif not reading.names_place:
            added.update(_where(self._places.draw(randomness), randomness))
        if not (reading.names_place or reading.names_work):
            section = section_of(title.occupation_code)
            if section is not None:
                added["industries"] = [section]
        return added


def _where(place: Place, randomness: random.Random) -> dict[str, object]:
    """Return where the publisher is, and which region or circle around him the order is for."""
    origin = near_seat(place, randomness)
    draw = randomness.random()
    if draw < 0.40:
        return {"origin": origin, "regions": [place.district]}
    if draw < 0.62:
        return {"origin": origin, "regions": [place.city]}
    if draw < 0.65:
        return {"origin": origin, "regions": [place.province]}
    if draw < 0.995:
        circle = {"lat": origin[0], "lon": origin[1], "radius_km": randomness.choice(RADII_KM)}
        return {"origin": origin, "near": circle}
    return {"origin": origin, "regions": [ROOT_REGION]}
