"""Where benchmark users and orders are: the census for provinces, a heavy tail for the districts of each."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.tables import province_populations
from matching.taxonomy import ROOT_REGION, Tree

DISTRICT_TAIL_EXPONENT = 0.8
"""The k-th district of a province weighs 1 / k ** exponent; which district is the k-th is drawn by the seed."""
SPREAD_DEGREES = 0.03
"""How far around a district's seat its people live: a standard deviation of about 3 km."""

Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Places:
    """Districts with coordinates, or cities that have none below them; row p is one place.

    districts, cities, provinces: nodes of the region tree (int32); latitudes and longitudes of the seats in degrees;
    reach: cumulative share of users up to each place. ``all_provinces`` and ``province_reach`` likewise by province;
    ``districts_in_order`` ascending.
    """

    districts: npt.NDArray[np.int32]
    cities: npt.NDArray[np.int32]
    provinces: npt.NDArray[np.int32]
    latitudes: FloatArray
    longitudes: FloatArray
    reach: FloatArray
    all_provinces: npt.NDArray[np.int32]
    province_reach: FloatArray
    root: int
    districts_in_order: npt.NDArray[np.int32]

    @classmethod
    def of(cls, tree: Tree, seed: int) -> "Places":
        """The places of a region tree; raises ValueError when it knows no province of the census."""
        random = np.random.default_rng([seed, 0x9ACE])
        rows: list[tuple[int, int, int, float, float, float]] = []
        populations = {code: people for code, people in province_populations().items() if code in tree}
        for code, people in populations.items():
            province = tree.index(code)
            below = [node for node in range(province + 1, tree.end[province]) if _is_place(tree, node)]
            random.shuffle(below)
            weights = 1.0 / np.arange(1, len(below) + 1) ** DISTRICT_TAIL_EXPONENT
            for node, weight in zip(below, weights / max(weights.sum(), 1e-9), strict=True):
                parent = tree.parents[node]
                latitude, longitude = tree.locations[node] or (np.nan, np.nan)
                city = parent if parent != province else node
                rows.append((node, city, province, latitude, longitude, people * weight))
        if not rows:
            raise ValueError("the region tree has no place with coordinates below a province of the census")
        table = np.array(rows, np.float64)
        totals = np.array(list(populations.values()), np.float64)
        return cls(
            table[:, 0].astype(np.int32),
            table[:, 1].astype(np.int32),
            table[:, 2].astype(np.int32),
            np.ascontiguousarray(table[:, 3]),
            np.ascontiguousarray(table[:, 4]),
            np.cumsum(table[:, 5] / table[:, 5].sum()),
            np.array([tree.index(code) for code in populations], np.int32),
            np.cumsum(totals / totals.sum()),
            tree.index(ROOT_REGION),
            np.sort(table[:, 0]).astype(np.int32),
        )

    def draw(self, random: np.random.Generator, size: int) -> Int64Array:
        """Rows of places, by population."""
        drawn = np.searchsorted(self.reach, random.random(size), side="right")
        return np.minimum(drawn, len(self.reach) - 1).astype(np.int64)

    def draw_provinces(self, random: np.random.Generator, size: tuple[int, int]) -> npt.NDArray[np.int32]:
        """Nodes of provinces, by population."""
        drawn = np.searchsorted(self.province_reach, random.random(size), side="right")
        return self.all_provinces[np.minimum(drawn, len(self.all_provinces) - 1)]

    def around(self, random: np.random.Generator, places: Int64Array) -> tuple[FloatArray, FloatArray]:
        """Latitudes and longitudes of people who live around the seats of ``places``, rounded as at intake."""
        latitudes = self.latitudes[places] + random.normal(0.0, SPREAD_DEGREES, len(places))
        longitudes = self.longitudes[places] + random.normal(0.0, SPREAD_DEGREES, len(places))
        return np.round(latitudes, 6), np.round(longitudes, 6)


def _is_place(tree: Tree, node: int) -> bool:
    return tree.end[node] == node + 1 and tree.locations[node] is not None
