"""The order of users inside a segment: neighbours share cache lines and a bound of their distance.

No result depends on it.
"""

import numpy as np
import numpy.typing as npt

from matching.index.columns import ProfileColumns

COARSE_DEGREES = 2.0
"""Users of one region are ordered by squares of this size: for a district it is one place, for a country many."""

Int64Array = npt.NDArray[np.int64]


def locality_order(columns: ProfileColumns) -> Int64Array:
    """Rows sorted by first region, then coarse place, then first industry."""
    latitudes, longitudes = np.nan_to_num(columns.latitudes, nan=90.0), np.nan_to_num(columns.longitudes, nan=180.0)
    places = np.floor(latitudes / COARSE_DEGREES).astype(np.int32) * 360 + np.floor(longitudes / COARSE_DEGREES).astype(
        np.int32
    )
    return np.lexsort(
        (
            _first(columns.industry_starts, columns.industries),
            places,
            _first(columns.region_starts, columns.regions),
        )
    )


def _first(starts: Int64Array, flat: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    firsts = np.full(len(starts) - 1, -1, np.int32)
    some = starts[1:] > starts[:-1]
    firsts[some] = flat[starts[:-1][some]]
    return firsts
