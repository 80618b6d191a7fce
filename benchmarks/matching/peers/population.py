"""What all in-process peers share: the users' columns, circles, and the tie-break, all compiled and charged to them.

Ids are rows plus one in every contestant, so nobody pays for translating them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from benchmarks.matching.contest import Int64Array, Ranked
from benchmarks.matching.tokens import Question, RowArray
from matching.geometry import DISTANCE_STEP_KM, EARTH_RADIUS_KM, FARTHEST_STEPS, RADIANS_PER_DEGREE, distance_km
from matching.index.columns import ProfileColumns
from matching.query import Near

CELLS_A_DEGREE = 20
COLUMNS = 360 * CELLS_A_DEGREE + 1
TIE_BITS, TIE_SHIFT = 9, 255
SAFELY_LESS = 0.999999
"""A bound is shortened by this, so that rounding never turns it into a lie."""
WIDER = 1.000001

FloatArray = npt.NDArray[np.float64]

_distance_km = njit(nogil=True, cache=True, error_model="numpy")(distance_km)


@dataclass(frozen=True, slots=True)
class PeerPopulation:
    """Columns by row.

    ``cells`` int32 is a row's cell of the grid (-1: no location), ``by_cell`` the located rows by cell with
    ``sorted_cells`` beside them; ``hidden`` the rows that are not available.
    """

    latitudes: FloatArray
    longitudes: FloatArray
    ratings: npt.NDArray[np.uint8]
    hidden: RowArray
    cells: npt.NDArray[np.int32]
    by_cell: RowArray
    sorted_cells: npt.NDArray[np.int32]

    @classmethod
    def of(cls, columns: ProfileColumns) -> "PeerPopulation":
        """Sort the users by cell. Raises ValueError when ids are not the rows plus one."""
        if len(columns) and not np.array_equal(columns.ids, np.arange(1, len(columns) + 1)):
            raise ValueError("peers need ids that are the rows plus one")
        located = ~np.isnan(columns.latitudes)
        cells = np.full(len(columns), -1, np.int32)
        cells[located] = _cells(columns.latitudes[located], columns.longitudes[located])
        order = np.argsort(cells, kind="stable")[int((~located).sum()) :]
        return cls(
            columns.latitudes,
            columns.longitudes,
            columns.ratings,
            np.flatnonzero(~columns.available).astype(np.uint32),
            cells,
            order.astype(np.uint32),
            cells[order],
        )

    def bytes(self) -> int:
        """Memory of the arrays that a peer needs besides its index."""
        arrays = (self.latitudes, self.longitudes, self.ratings, self.by_cell, self.sorted_cells)
        return sum(array.nbytes for array in arrays)

    def bounds(self, near: Near) -> list[tuple[int, int]]:
        """Runs of ``by_cell`` that hold everybody within a circle, and some outside."""
        first_row, last_row, first_column, last_column = _box(near)
        bases = np.arange(first_row, last_row + 1, dtype=np.int32) * np.int32(COLUMNS)
        starts = np.searchsorted(self.sorted_cells, bases + np.int32(first_column))
        ends = np.searchsorted(self.sorted_cells, bases + np.int32(last_column), side="right")
        return [(start, end) for start, end in zip(starts.tolist(), ends.tolist(), strict=True) if start < end]

    def circle(self, near: Near) -> RowArray:
        """The rows within a circle, ascending."""
        runs = [self.by_cell[start:end] for start, end in self.bounds(near)]
        if not runs:
            return np.zeros(0, np.uint32)
        rows = np.concatenate(runs)
        inside = rows[self.within(rows, near)]
        inside.sort()
        return inside

    def within(self, rows: npt.NDArray[np.integer], near: Near) -> npt.NDArray[np.bool_]:
        """Which of ``rows`` lie within a circle."""
        inside: npt.NDArray[np.bool_] = _within(
            self.latitudes, self.longitudes, rows, near.lat, near.lon, near.radius_km
        )
        return inside

    def best(self, parts: Sequence[tuple[npt.NDArray[np.integer], int]], question: Question) -> Ranked:
        """The best of (rows, score) classes in the order of results, cut at the limit."""
        if not parts:
            return Ranked(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))
        rows = np.concatenate([part[0] for part in parts])
        scores = np.repeat(np.array([part[1] for part in parts], np.int64), [len(part[0]) for part in parts])
        return self.best_scored(rows, scores, question)

    def best_scored(self, rows: npt.NDArray[np.integer], scores: Int64Array, question: Question) -> Ranked:
        """The best of ``rows`` with a score each."""
        latitude, longitude = question.origin or (math.nan, math.nan)
        keys, chosen = _best(
            rows, scores, self.ratings, self.latitudes, self.longitudes, latitude, longitude, question.limit
        )
        order = np.lexsort((chosen, -keys))
        keys, chosen = keys[order], chosen[order]
        return Ranked(chosen + 1, keys >> TIE_BITS, (keys & ((1 << TIE_BITS) - 1)) - TIE_SHIFT)


def cells_of(near: Near, *, inside: bool) -> tuple[int, int, int, int]:
    """First and last row and column of the cells that a circle may touch; with ``inside`` of none outside of it."""
    if not inside:
        return _box(near)
    # The largest square in a circle, shrunk to whole cells.
    half = near.radius_km / math.sqrt(2.0) * SAFELY_LESS**8 / EARTH_RADIUS_KM / RADIANS_PER_DEGREE
    wide = half / max(1e-9, math.cos((abs(near.lat) - half) * RADIANS_PER_DEGREE))
    wide = min(wide, half / max(1e-9, math.cos(max(0.0, abs(near.lat) - half) * RADIANS_PER_DEGREE)))
    first_row = math.ceil((near.lat - half + 90.0) * CELLS_A_DEGREE)
    last_row = math.floor((near.lat + half + 90.0) * CELLS_A_DEGREE) - 1
    first_column = math.ceil((near.lon - wide + 180.0) * CELLS_A_DEGREE)
    last_column = math.floor((near.lon + wide + 180.0) * CELLS_A_DEGREE) - 1
    return first_row, last_row, first_column, last_column


def _cells(latitudes: FloatArray, longitudes: FloatArray) -> npt.NDArray[np.int32]:
    rows = np.floor((latitudes + 90.0) * CELLS_A_DEGREE).astype(np.int32)
    return rows * np.int32(COLUMNS) + np.floor((longitudes + 180.0) * CELLS_A_DEGREE).astype(np.int32)


def _box(near: Near) -> tuple[int, int, int, int]:
    """Rows and columns of the cells around a circle that reaches neither a pole nor the date line."""
    half = near.radius_km * WIDER / EARTH_RADIUS_KM / RADIANS_PER_DEGREE + 1e-9
    wide = half / math.cos((abs(near.lat) + half) * RADIANS_PER_DEGREE)
    if abs(near.lat) + half > 80 or abs(near.lon) + wide > 179:
        raise ValueError("the peers' circles are written for orders in China, far from the poles and the date line")
    return (
        math.floor((near.lat - half + 90.0) * CELLS_A_DEGREE),
        math.floor((near.lat + half + 90.0) * CELLS_A_DEGREE),
        math.floor((near.lon - wide + 180.0) * CELLS_A_DEGREE),
        math.floor((near.lon + wide + 180.0) * CELLS_A_DEGREE),
    )


@njit(nogil=True, cache=True, error_model="numpy")
def _within(latitudes, longitudes, rows, latitude, longitude, radius_km):  # type: ignore[no-untyped-def]
    inside = np.zeros(len(rows), np.bool_)
    for i in range(len(rows)):
        row = rows[i]
        if not math.isnan(latitudes[row]):
            inside[i] = _distance_km(latitude, longitude, latitudes[row], longitudes[row]) <= radius_km
    return inside


@njit(nogil=True, cache=True, error_model="numpy")
def _tie(rating, row_latitude, row_longitude, latitude, longitude):  # type: ignore[no-untyped-def]
    tie = 2 * np.int64(rating) + TIE_SHIFT
    if math.isnan(latitude):
        return tie
    if math.isnan(row_latitude):
        return tie - FARTHEST_STEPS
    kilometres = _distance_km(latitude, longitude, row_latitude, row_longitude)
    return tie - np.int64(min(float(FARTHEST_STEPS), math.floor(kilometres / DISTANCE_STEP_KM)))


@njit(nogil=True, cache=True, error_model="numpy")
def _most(rating, row_latitude, latitude):  # type: ignore[no-untyped-def]
    """No less than ``_tie``, without a sine: nobody is nearer than the difference of latitudes."""
    tie = 2 * np.int64(rating) + TIE_SHIFT
    if math.isnan(latitude):
        return tie
    if math.isnan(row_latitude):
        return tie - FARTHEST_STEPS
    kilometres = abs(row_latitude - latitude) * (EARTH_RADIUS_KM * RADIANS_PER_DEGREE * SAFELY_LESS)
    return tie - np.int64(min(float(FARTHEST_STEPS), math.floor(kilometres / DISTANCE_STEP_KM)))


@njit(nogil=True, cache=True, error_model="numpy")
def _best(rows, scores, ratings, latitudes, longitudes, latitude, longitude, limit):  # type: ignore[no-untyped-def]
    """Keys (score, tie) and rows of the best ``limit``, in no order: a heap with the worst on top."""
    keys = np.empty(min(limit, len(rows)), np.int64)
    kept = np.empty(min(limit, len(rows)), np.int64)
    held = 0
    for i in range(len(rows)):
        row = np.int64(rows[i])
        base = scores[i] << TIE_BITS
        if held == limit:
            most = base | _most(ratings[row], latitudes[row], latitude)
            if most < keys[0] or (most == keys[0] and row > kept[0]):
                continue
        key = base | _tie(ratings[row], latitudes[row], longitudes[row], latitude, longitude)
        if held < limit:
            place = held
            held += 1
            while place > 0:
                above = (place - 1) >> 1
                if keys[above] < key or (keys[above] == key and kept[above] > row):
                    break
                keys[place], kept[place] = keys[above], kept[above]
                place = above
            keys[place], kept[place] = key, row
        elif key > keys[0] or (key == keys[0] and row < kept[0]):
            place = 0
            while True:
                below = 2 * place + 1
                if below >= held:
                    break
                other = below + 1
                if other < held and (
                    keys[other] < keys[below] or (keys[other] == keys[below] and kept[other] > kept[below])
                ):
                    below = other
                if key < keys[below] or (key == keys[below] and row > kept[below]):
                    break
                keys[place], kept[place] = keys[below], kept[below]
                place = below
            keys[place], kept[place] = key, row
    return keys[:held], kept[:held]
