"""Users as points of the unit sphere: a chord tells nearly every distance at once, and the contract's formula the rest.

A point is three int32, so a chord between an exact point and a stored one is wrong by less than 2e-9 of the earth's
radius, about a centimetre. Where that could change an answer, which is within MARGIN of a threshold, the distance is
computed by the contract's own formula; so every answer is the formula's.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import math

import numpy as np
import numpy.typing as npt

from matching.geometry import DISTANCE_STEP_KM, EARTH_RADIUS_KM, FARTHEST_STEPS, RADIANS_PER_DEGREE
from matching.geometry import distance_km as plain_distance_km
from matching.index.jit import kernel

FloatArray = npt.NDArray[np.float64]
Points = npt.NDArray[np.int32]
Balls = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

SCALE = float(1 << 30)
MARGIN = 1e-8
"""In radii of the earth: six centimetres, three times what rounding can do."""

NEIGHBOURS = 512
"""Users who stand in a row are mostly of one place: so many share a bound of their distance."""

_CHORDS = 2.0 * np.sin(np.arange(FARTHEST_STEPS + 1) * DISTANCE_STEP_KM / (2.0 * EARTH_RADIUS_KM))
"""Chord of every distance at which one more step is taken from the tie."""

_RADII_A_STEP = EARTH_RADIUS_KM / DISTANCE_STEP_KM

distance_km = kernel(plain_distance_km)


def balls_of(points: Points) -> Balls:
    """For every NEIGHBOURS users in a row a ball that holds them: centre and radius in SCALE, float64 (balls, 4).

    A user without a location is farthest anyway and needs no place in a ball.
    """
    balls = np.zeros(((len(points) + NEIGHBOURS - 1) // NEIGHBOURS, 4), np.float64)
    for i in range(len(balls)):
        users = points[i * NEIGHBOURS : (i + 1) * NEIGHBOURS].astype(np.float64)
        users = users[users.any(axis=1)]
        if len(users):
            balls[i, :3] = (users.min(axis=0) + users.max(axis=0)) / 2
            balls[i, 3] = np.sqrt(((users - balls[i, :3]) ** 2).sum(axis=1).max()) + 1.0
    return balls


def points_of(latitudes: FloatArray, longitudes: FloatArray) -> Points:
    """int32 (users, 3); (0, 0, 0), which is no point of the sphere, for users without a location (NaN)."""
    latitude, longitude = latitudes * RADIANS_PER_DEGREE, longitudes * RADIANS_PER_DEGREE
    across = np.cos(latitude)
    exact = np.stack([across * np.cos(longitude), across * np.sin(longitude), np.sin(latitude)], axis=1)
    return np.rint(np.nan_to_num(exact) * SCALE).astype(np.int32)


@kernel
def set_point(latitude: float, longitude: float, point: FloatArray) -> None:
    """The point of a query's place, in SCALE."""
    across = math.cos(latitude * RADIANS_PER_DEGREE) * SCALE
    point[0] = across * math.cos(longitude * RADIANS_PER_DEGREE)
    point[1] = across * math.sin(longitude * RADIANS_PER_DEGREE)
    point[2] = math.sin(latitude * RADIANS_PER_DEGREE) * SCALE


@kernel
def steps_between(east: int, north: int, up: int, x: float, y: float, z: float) -> int:
    """What the distance from a user's point to a place in SCALE takes from a tie; -1: the formula must decide."""
    if east == 0 and north == 0 and up == 0:
        return np.int64(FARTHEST_STEPS)
    east_gap, north_gap, up_gap = east - x, north - y, up - z
    return _steps_of(math.sqrt(east_gap * east_gap + north_gap * north_gap + up_gap * up_gap) * (1.0 / SCALE))


@kernel
def _steps_of(length: float) -> int:
    """The steps of a chord in radii of the earth, or -1."""
    if length > _CHORDS[FARTHEST_STEPS] + MARGIN:
        return np.int64(FARTHEST_STEPS)
    # The arc is longer than the chord by a thousandth at most, so the step is this one or the next.
    steps = min(np.int64(length * _RADII_A_STEP), np.int64(FARTHEST_STEPS - 1))
    if length >= _CHORDS[steps + 1]:
        steps += 1
    if steps > 0 and length - _CHORDS[steps] < MARGIN:
        return np.int64(-1)
    if steps < FARTHEST_STEPS and _CHORDS[steps + 1] - length < MARGIN:
        return np.int64(-1)
    return steps


@kernel
def exact_steps(latitude: float, longitude: float, from_latitude: float, from_longitude: float) -> int:
    """What a distance takes from a tie, by the contract's formula."""
    kilometres = distance_km(from_latitude, from_longitude, latitude, longitude)
    return np.int64(min(float(FARTHEST_STEPS), math.floor(kilometres / DISTANCE_STEP_KM)))


@kernel
def set_nearest_steps(balls: Balls, point: FloatArray, nearest: Int64Array) -> None:
    """The fewest steps that a user of each neighbourhood can be away from ``point``."""
    for i in range(len(balls)):
        east, north, up = balls[i, 0] - point[0], balls[i, 1] - point[1], balls[i, 2] - point[2]
        gap = (math.sqrt(east * east + north * north + up * up) - balls[i, 3]) * (1.0 / SCALE) - MARGIN
        # The arc is at least as long as the chord.
        nearest[i] = min(np.int64(FARTHEST_STEPS), np.int64(max(0.0, gap) * _RADII_A_STEP))


@kernel
def is_within(east: float, north: float, up: float, within_squared: float, beyond_squared: float) -> int:
    """Whether a difference of two points in SCALE is surely below a bound (1) or above it (0), by its ``squares_of``.

    -1: the formula must decide.
    """
    squared = east * east + north * north + up * up
    if squared <= within_squared:
        return np.int64(1)
    return np.int64(0) if squared >= beyond_squared else np.int64(-1)


@kernel
def squares_of(bound: float) -> tuple[float, float]:
    """Squares of a chord in SCALE: up to the first it is surely below ``bound`` radii of the earth, from the second on
    surely above; NaN of NaN.
    """
    within, beyond = (bound - MARGIN) * SCALE, (bound + MARGIN) * SCALE
    return within * within if within > 0.0 else -1.0, beyond * beyond
