"""Rating, availability and location of users whose words stay as they are: written into copies, never in place.

Two states are published at once and a reader may be in either, so an array that a state shows never changes; what is
not written is shared by both.
"""

from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from matching.index.bits import Words, pack_bits
from matching.index.columns import ProfileColumns
from matching.index.geogrid import Grid
from matching.index.segment_arrays import People
from matching.index.sphere import NEIGHBOURS, Balls, Points, points_of

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
Kind = TypeVar("Kind", bound=np.generic)


class Written(NamedTuple):
    """What a segment shows of its users beside their words."""

    people: People
    grid: Grid
    available: Words
    available_flags: BoolArray


def write_columns(before: Written, rows: Int64Array, given: ProfileColumns, places: Int64Array) -> Written:
    """``before`` with user ``rows[i]`` rated, available and located as row ``places[i]`` of ``given`` says.

    Rows must be distinct. Whatever array does not change is the very array of ``before``.
    """
    people, grid, available, flags = before
    ratings = given.ratings[places]
    rated = people.ratings[rows] != ratings
    if rated.any():
        people = people._replace(ratings=_put(people.ratings, rows[rated], ratings[rated]))
    present = given.available[places]
    turned = flags[rows] != present
    if turned.any():
        flags = _put(flags, rows[turned], present[turned])
        available = pack_bits(flags)
    latitudes, longitudes = given.latitudes[places], given.longitudes[places]
    moved = differ(people.latitudes[rows], latitudes) | differ(people.longitudes[rows], longitudes)
    if moved.any():
        people, grid = _move(people, grid, rows[moved], latitudes[moved], longitudes[moved])
    return Written(people, grid, available, flags)


def differ(some: FloatArray, others: FloatArray) -> BoolArray:
    """Where two columns of coordinates differ; two missing locations (NaN) are equal."""
    unequal: BoolArray = (some != others) & ~(np.isnan(some) & np.isnan(others))
    return unequal


def _move(
    people: People, grid: Grid, rows: Int64Array, latitudes: FloatArray, longitudes: FloatArray
) -> tuple[People, Grid]:
    points = points_of(latitudes, longitudes)
    moved = people._replace(
        latitudes=_put(people.latitudes, rows, latitudes),
        longitudes=_put(people.longitudes, rows, longitudes),
        points=_put(people.points, rows, points),
        balls=_widened(people.balls, rows, points),
    )
    return moved, grid._replace(moved=_joined(grid.moved, rows.astype(np.uint32)))


def _put(column: npt.NDArray[Kind], rows: Int64Array, values: npt.NDArray[Kind]) -> npt.NDArray[Kind]:
    written = column.copy()
    written[rows] = values
    return written


def _widened(balls: Balls, rows: Int64Array, points: Points) -> Balls:
    """Balls that hold the new points as well; whoever has no location needs no place in a ball."""
    located = points.any(axis=1)
    if not located.any():
        return balls
    of = rows[located] // NEIGHBOURS
    away = np.sqrt(((points[located].astype(np.float64) - balls[of, :3]) ** 2).sum(axis=1)) + 1.0
    widened = balls.copy()
    np.maximum.at(widened[:, 3], of, away)
    return widened


def _joined(moved: npt.NDArray[np.uint32], rows: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Both, ascending, each once."""
    ascending = np.sort(np.concatenate([moved, rows]))
    fresh = np.ones(len(ascending), np.bool_)
    fresh[1:] = ascending[1:] != ascending[:-1]
    return ascending[fresh]
