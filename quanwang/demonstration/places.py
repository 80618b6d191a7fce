"""Where the drawn people live: a province by the census of 2020, a district in it by a heavy tail."""

import csv
import random
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import accumulate

DISTRICT_TAIL_EXPONENT = 0.8
"""The k-th district of a province weighs 1 / k ** exponent; which district is the k-th is drawn by the seed."""

SPREAD_DEGREES = 0.03
"""How far around a district's seat its people live: a standard deviation of about 3 km."""


@dataclass(frozen=True, slots=True)
class Place:
    """A district with the chain of divisions above it and its seat (WGS-84 degrees)."""

    district: str
    city: str
    province: str
    lat: float
    lon: float


def _read_table(name: str) -> list[dict[str, str]]:
    text = (files("matching") / "tables" / name).read_text(encoding="utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


@cache
def provinces() -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return (codes, cumulative populations) of the 31 provinces of the census."""
    rows = _read_table("census_2020.csv")
    return tuple(row["code"] for row in rows), tuple(accumulate(int(row["population"]) for row in rows))


@cache
def places_by_province() -> dict[str, tuple[Place, ...]]:
    """Return the places that have coordinates, by province code: districts, or cities that have none below them."""
    rows = {row["code"]: row for row in _read_table("regions.csv")}
    parents = {row["parent"] for row in rows.values()}
    found: defaultdict[str, list[Place]] = defaultdict(list)
    for code, row in rows.items():
        if code in parents or not row["lat"] or row["level"] == "province":
            continue
        city = row["parent"] or code
        province = city
        while rows.get(province, {}).get("parent") in rows:
            province = rows[province]["parent"]
        found[province].append(Place(code, city, province, float(row["lat"]), float(row["lon"])))
    return {province: tuple(places) for province, places in found.items()}


class PlaceDraw:
    """Draws places; the order of districts in each province's tail is fixed by the seed at construction."""

    def __init__(self, seed: int) -> None:
        shuffler = random.Random(f"districts {seed}")
        self._tails: dict[str, tuple[tuple[Place, ...], tuple[float, ...]]] = {}
        for province, places in places_by_province().items():
            shuffled = list(places)
            shuffler.shuffle(shuffled)
            tail = tuple(accumulate(1 / rank**DISTRICT_TAIL_EXPONENT for rank in range(1, len(shuffled) + 1)))
            self._tails[province] = (tuple(shuffled), tail)
        codes, cumulative = provinces()
        self._province_codes = [code for code in codes if code in self._tails]
        totals = dict(zip(codes, (b - a for a, b in zip((0, *cumulative), cumulative, strict=False)), strict=True))
        self._province_tail = tuple(accumulate(totals[code] for code in self._province_codes))

    def draw_province(self, randomness: random.Random) -> str:
        """Return a province code, by population."""
        return randomness.choices(self._province_codes, cum_weights=self._province_tail)[0]

    def draw(self, randomness: random.Random) -> Place:
        """Return a district: its province by population, itself by the province's tail."""
        places, tail = self._tails[self.draw_province(randomness)]
        return randomness.choices(places, cum_weights=tail)[0]


def near_seat(place: Place, randomness: random.Random) -> list[float]:
    """Return [lat, lon] of somebody who lives around the district's seat."""
    return [
        round(place.lat + randomness.gauss(0, SPREAD_DEGREES), 6),
        round(place.lon + randomness.gauss(0, SPREAD_DEGREES), 6),
    ]
