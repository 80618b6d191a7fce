"""The order of users inside a segment: neighbours share cache lines and a bound of their distance.

No result depends on it.
"""

import numpy as np
import numpy.typing as npt

from matching.index.columns import ProfileColumns

COARSE_DEGREES = 2.0
"""Users of one region are ordered by squares of this size: for a district it is one place, for a country many."""

Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]


def locality_order(columns: ProfileColumns, region_parents: Int32Array) -> Int64Array:
    """Rows sorted by the smallest region that holds all regions of a user, then first region, coarse place, industry.

    ``region_parents`` int32: the parent of every node in preorder, -1 for a root. So whoever stays within a city stands
    within the city's stretch, however many of its districts he serves, and what a region's lists have elsewhere is in
    the few stretches of the regions above it.
    """
    latitudes, longitudes = np.nan_to_num(columns.latitudes, nan=90.0), np.nan_to_num(columns.longitudes, nan=180.0)
    places = np.floor(latitudes / COARSE_DEGREES).astype(np.int32) * 360 + np.floor(longitudes / COARSE_DEGREES).astype(
        np.int32
    )
    return np.lexsort(
        (
            _first(columns.industry_starts, columns.industries),
            places,
            _first(columns.region_starts, columns.regions),
            _common_region(columns, region_parents),
        )
    )


def _first(starts: Int64Array, flat: Int32Array) -> Int32Array:
    firsts = np.full(len(starts) - 1, -1, np.int32)
    some = starts[1:] > starts[:-1]
    firsts[some] = flat[starts[:-1][some]]
    return firsts


def _common_region(columns: ProfileColumns, parents: Int32Array) -> Int32Array:
    """The lowest node above all regions of each user, or one of them; -1 of nobody's.

    In preorder the regions in between lie below whatever is above the first and the last of them.
    """
    common = np.full(len(columns), -1, np.int32)
    some = columns.region_starts[1:] > columns.region_starts[:-1]
    if not some.any():
        return common
    starts = columns.region_starts[:-1][some]
    first, last = np.minimum.reduceat(columns.regions, starts), np.maximum.reduceat(columns.regions, starts)
    # Climbing from the later of two nodes never passes the node that is above both: parents have lower numbers.
    while (different := first != last).any():
        later, earlier = np.maximum(first, last), np.minimum(first, last)
        above = parents[later]
        first = np.where(different, earlier, first)
        last = np.where(different, np.where(above >= 0, above, earlier), last)
    common[some] = first
    return common
