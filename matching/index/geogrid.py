"""Users by cells of a 0.05 degree grid, so that a circle looks only at the cells that it may touch."""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matching.geometry import EARTH_RADIUS_KM, RADIANS_PER_DEGREE
from matching.index.jit import kernel
from matching.index.segment_arrays import People
from matching.index.sphere import SCALE, distance_km, is_within, set_point, squares_of

Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]

CELLS_A_DEGREE = 20
COLUMNS = 360 * CELLS_A_DEGREE + 1
ROWS = 180 * CELLS_A_DEGREE + 1
_CELL_WORTH_ASKING = 16
"""So many users of a cell are worth a look at the cell as a whole."""
_HALF_DIAGONAL = math.sqrt(0.5) / CELLS_A_DEGREE * RADIANS_PER_DEGREE + 1e-6
"""Of a cell, in radii of the earth, and six metres more than rounding needs."""
_SLACK = 1.000001
"""Boxes are drawn this much wider than the circle, so that rounding never loses a user on the edge."""


class Grid(NamedTuple):
    """Occupied cells ascending (row * COLUMNS + column); users of cell i: ``users[starts[i] : starts[i + 1]]``.

    ``moved`` users, ascending, have gone to another place since, whatever cell they are in: they are tested one by one.
    """

    cells: npt.NDArray[np.int32]
    starts: Int64Array
    users: npt.NDArray[np.uint32]
    moved: npt.NDArray[np.uint32]


def build_grid(latitudes: FloatArray, longitudes: FloatArray) -> Grid:
    """Sort the located users (NaN: not located) by cell; nobody has moved yet."""
    located = np.flatnonzero(~np.isnan(latitudes))
    rows = np.floor((latitudes[located] + 90.0) * CELLS_A_DEGREE).astype(np.int32)
    columns = np.floor((longitudes[located] + 180.0) * CELLS_A_DEGREE).astype(np.int32)
    cells = rows * np.int32(COLUMNS) + columns
    order = np.argsort(cells, kind="stable")
    sorted_cells = cells[order]
    first = np.ones(len(order), np.bool_)
    first[1:] = sorted_cells[1:] != sorted_cells[:-1]
    starts = np.append(np.flatnonzero(first), len(order)).astype(np.int64)
    users = located[order].astype(np.uint32)
    return Grid(np.ascontiguousarray(sorted_cells[first]), starts, users, np.zeros(0, np.uint32))


@kernel
def mark_circle(grid: Grid, people: People, near: FloatArray, shift: int, words: Words) -> tuple[int, int]:
    """Set the bits of the users within ``near`` = (latitude, longitude, radius in km), the edge included; ``words`` is
    empty before.

    Returns their number and their blocks (matching.index.lookup).
    """
    point = np.empty(3, np.float64)
    set_point(near[0], near[1], point)
    users, blocks = _mark_cells(grid, people, near, point, shift, words)
    if len(grid.moved) > 0:
        more, beyond = _mark_moved(grid.moved, people, near, point, shift, words)
        users += more
        blocks |= beyond
    return users, blocks


@kernel
def count_near_cells(grid: Grid, near: FloatArray, enough: int) -> int:
    """How many users live in the cells that a circle may touch, or moved; counting ends at ``enough``."""
    first_row, last_row, left, right = _box(near)
    if left <= -180.0 or right >= 180.0:
        return enough
    first_column = np.int64(math.floor((left + 180.0) * CELLS_A_DEGREE))
    last_column = np.int64(math.floor((right + 180.0) * CELLS_A_DEGREE))
    users = np.int64(len(grid.moved))
    for row in range(first_row, last_row + 1):
        first = _first_cell(grid.cells, np.int64(0), row * COLUMNS + first_column)
        end = _first_cell(grid.cells, first, row * COLUMNS + last_column + 1)
        users += grid.starts[end] - grid.starts[first]
        if users >= enough:
            return enough
    return users


@kernel
def keep_near(people: People, near: FloatArray, users: npt.NDArray[np.uint32], number: int) -> int:
    """Keep of users[:number] who live within ``near``, the edge included; returns their number."""
    points, latitudes, longitudes = people.points, people.latitudes, people.longitudes
    point = np.empty(3, np.float64)
    set_point(near[0], near[1], point)
    within_squared, beyond_squared = squares_of(_chord(near[2]))
    kept = np.int64(0)
    for i in range(number):
        user = np.uint64(users[np.uint64(i)])
        within = np.int64(0)
        if points[user, 0] != 0 or points[user, 1] != 0 or points[user, 2] != 0:
            east, north, up = points[user, 0] - point[0], points[user, 1] - point[1], points[user, 2] - point[2]
            within = is_within(east, north, up, within_squared, beyond_squared)
            if within < 0:
                within = np.int64(distance_km(near[0], near[1], latitudes[user], longitudes[user]) <= near[2])
        users[np.uint64(kept)] = users[np.uint64(i)]
        kept += within
    return kept


@kernel
def _mark_cells(
    grid: Grid, people: People, near: FloatArray, point: FloatArray, shift: int, words: Words
) -> tuple[int, int]:
    """Whom the cells hold, though some of them may have moved."""
    first_row, last_row, left, right = _box(near)
    if right - left >= 360.0:
        return _mark_rows(
            grid, people, near, point, first_row, last_row, np.int64(0), np.int64(COLUMNS - 1), shift, words
        )
    first_column = max(0, math.floor((left + 180.0) * CELLS_A_DEGREE))
    last_column = min(COLUMNS - 1, math.floor((right + 180.0) * CELLS_A_DEGREE))
    users, blocks = _mark_rows(grid, people, near, point, first_row, last_row, first_column, last_column, shift, words)
    # The circle may reach over the date line, and +180 and -180 are one meridian in two columns.
    if left <= -180.0:
        first_column = math.floor((left + 540.0) * CELLS_A_DEGREE)
        more, beyond = _mark_rows(
            grid, people, near, point, first_row, last_row, first_column, np.int64(COLUMNS - 1), shift, words
        )
        users += more
        blocks |= beyond
    if right >= 180.0:
        last_column = math.floor((right - 180.0) * CELLS_A_DEGREE)
        more, beyond = _mark_rows(
            grid, people, near, point, first_row, last_row, np.int64(0), last_column, shift, words
        )
        users += more
        blocks |= beyond
    return users, blocks


@kernel
def _box(near: FloatArray) -> tuple[int, int, float, float]:
    """First and last row of the grid, leftmost and rightmost longitude (360 degrees apart: all of them) of a circle."""
    reach = near[2] / EARTH_RADIUS_KM * _SLACK + 1e-9
    degrees = reach / RADIANS_PER_DEGREE
    low, high = near[0] - degrees, near[0] + degrees
    first_row = max(0, math.floor((low + 90.0) * CELLS_A_DEGREE))
    last_row = min(ROWS - 1, math.floor((high + 90.0) * CELLS_A_DEGREE))
    width = 360.0
    if low > -90.0 and high < 90.0:
        sine = math.sin(reach) / math.cos(near[0] * RADIANS_PER_DEGREE)
        if reach < math.pi / 2 and sine < 1.0:
            width = math.asin(sine) / RADIANS_PER_DEGREE * _SLACK + 1e-9
    return first_row, last_row, near[1] - min(width, 180.0), near[1] + min(width, 180.0)


@kernel
def _mark_rows(
    grid: Grid,
    people: People,
    near: FloatArray,
    point: FloatArray,
    first_row: int,
    last_row: int,
    first_column: int,
    last_column: int,
    shift: int,
    words: Words,
) -> tuple[int, int]:
    marked, blocks = np.int64(0), np.uint64(0)
    points, latitudes, longitudes = people.points, people.latitudes, people.longitudes
    bound = _chord(near[2])
    within_squared, beyond_squared = squares_of(bound)
    x, y, z = point[0], point[1], point[2]
    cell = _first_cell(grid.cells, np.int64(0), first_row * COLUMNS + first_column)
    while cell < len(grid.cells):
        row, column = grid.cells[cell] // COLUMNS, grid.cells[cell] % COLUMNS
        if row > last_row:
            break
        if column < first_column:
            cell = _first_cell(grid.cells, cell, row * COLUMNS + first_column)
            continue
        if column > last_column:
            cell = _first_cell(grid.cells, cell, (row + 1) * COLUMNS + first_column)
            continue
        first, end = grid.starts[cell], grid.starts[cell + 1]
        cell += 1
        inside = np.int64(0)
        if end - first >= _CELL_WORTH_ASKING and bound == bound:
            inside = _cell_within(row, column, x, y, z, bound)
            if inside < 0:
                continue
        for i in range(first, end):
            user = np.int64(grid.users[i])
            within = np.int64(1)
            if inside == 0:
                east, north, up = points[user, 0] - x, points[user, 1] - y, points[user, 2] - z
                within = is_within(east, north, up, within_squared, beyond_squared)
                if within < 0:
                    within = np.int64(distance_km(near[0], near[1], latitudes[user], longitudes[user]) <= near[2])
            if within:
                words[user >> 6] |= np.uint64(1) << np.uint64(user & 63)
                blocks |= np.uint64(1) << np.uint64(user >> shift)
                marked += 1
    return marked, np.int64(blocks)


@kernel
def _mark_moved(
    moved: npt.NDArray[np.uint32], people: People, near: FloatArray, point: FloatArray, shift: int, words: Words
) -> tuple[int, int]:
    """Set or clear the bits of the users who moved; returns how many more are set, and the blocks of those set."""
    added, blocks = np.int64(0), np.uint64(0)
    points, latitudes, longitudes = people.points, people.latitudes, people.longitudes
    within_squared, beyond_squared = squares_of(_chord(near[2]))
    for i in range(len(moved)):
        user = np.int64(moved[i])
        within = np.int64(0)
        if points[user, 0] != 0 or points[user, 1] != 0 or points[user, 2] != 0:
            east, north, up = points[user, 0] - point[0], points[user, 1] - point[1], points[user, 2] - point[2]
            within = is_within(east, north, up, within_squared, beyond_squared)
            if within < 0:
                within = np.int64(distance_km(near[0], near[1], latitudes[user], longitudes[user]) <= near[2])
        word, bit = user >> 6, np.uint64(user & 63)
        added += within - np.int64((words[word] >> bit) & np.uint64(1))
        words[word] = (words[word] & ~(np.uint64(1) << bit)) | (np.uint64(within) << bit)
        if within:
            blocks |= np.uint64(1) << np.uint64(user >> shift)
    return added, np.int64(blocks)


@kernel
def _chord(radius_km: float) -> float:
    """The chord of a circle's radius in radii of the earth; NaN beyond a half circle, where a longer arc has no longer
    chord.
    """
    half_angle = radius_km / (2.0 * EARTH_RADIUS_KM)
    return 2.0 * math.sin(half_angle) if half_angle < math.pi / 2.0 else math.nan


@kernel
def _first_cell(cells: npt.NDArray[np.int32], low: int, wanted: int) -> int:
    """The place of the first cell from ``low`` on that is not below ``wanted``."""
    high = len(cells)
    while low < high:
        middle = (low + high) >> 1
        if cells[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _cell_within(row: int, column: int, x: float, y: float, z: float, bound: float) -> int:
    """Whether all of a cell lies within ``bound`` radii of the earth of a place in SCALE (1), or nothing of it (-1).

    0: some may, some may not. By the chord to the middle of the cell, which is never farther from its corners than
    half a diagonal at the equator.
    """
    latitude = ((row + 0.5) / CELLS_A_DEGREE - 90.0) * RADIANS_PER_DEGREE
    longitude = ((column + 0.5) / CELLS_A_DEGREE - 180.0) * RADIANS_PER_DEGREE
    across = math.cos(latitude) * SCALE
    east, north = across * math.cos(longitude) - x, across * math.sin(longitude) - y
    up = math.sin(latitude) * SCALE - z
    chord = math.sqrt(east * east + north * north + up * up) * (1.0 / SCALE)
    if chord + _HALF_DIAGONAL < bound:
        return np.int64(1)
    return np.int64(-1) if chord - _HALF_DIAGONAL > bound else np.int64(0)
