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

SCALE = float(1 << 30)
MARGIN = 1e-8
"""In radii of the earth: six centimetres, three times what rounding can do."""

_CHORDS = 2.0 * np.sin(np.arange(FARTHEST_STEPS + 1) * DISTANCE_STEP_KM / (2.0 * EARTH_RADIUS_KM))
"""Chord of every distance at which one more step is taken from the tie."""

_RADII_A_STEP = EARTH_RADIUS_KM / DISTANCE_STEP_KM

distance_km = kernel(plain_distance_km)


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
def chord(points: Points, user: int, x: float, y: float, z: float) -> float:
    """Chord between a user (who has a location) and a place in SCALE, in radii of the earth."""
    east, north, up = points[user, 0] - x, points[user, 1] - y, points[user, 2] - z
    return math.sqrt(east * east + north * north + up * up) * (1.0 / SCALE)


@kernel
def steps_away(
    points: Points, latitudes: FloatArray, longitudes: FloatArray, user: int, origin: FloatArray, point: FloatArray
) -> int:
    """What the distance from ``origin`` (degrees; ``point`` the same place in SCALE) takes from a user's tie."""
    if points[user, 0] == 0 and points[user, 1] == 0 and points[user, 2] == 0:
        return np.int64(FARTHEST_STEPS)
    length = chord(points, user, point[0], point[1], point[2])
    if length > _CHORDS[FARTHEST_STEPS] + MARGIN:
        return np.int64(FARTHEST_STEPS)
    # The arc is longer than the chord by a thousandth at most, so the step is this one or the next.
    steps = min(np.int64(length * _RADII_A_STEP), np.int64(FARTHEST_STEPS - 1))
    if length >= _CHORDS[steps + 1]:
        steps += 1
    near_upper = steps < FARTHEST_STEPS and _CHORDS[steps + 1] - length < MARGIN
    if near_upper or (steps > 0 and length - _CHORDS[steps] < MARGIN):
        kilometres = distance_km(origin[0], origin[1], latitudes[user], longitudes[user])
        return np.int64(min(float(FARTHEST_STEPS), math.floor(kilometres / DISTANCE_STEP_KM)))
    return steps


@kernel
def is_within(
    points: Points, latitudes: FloatArray, longitudes: FloatArray, user: int, near: FloatArray, point: FloatArray
) -> bool:
    """Whether a user (who has a location) is within ``near`` (latitude, longitude, km; ``point`` the same in SCALE)."""
    angle = near[2] / (2.0 * EARTH_RADIUS_KM)
    if angle < math.pi / 2.0:
        excess = chord(points, user, point[0], point[1], point[2]) - 2.0 * math.sin(angle)
        if excess > MARGIN or excess < -MARGIN:
            return excess < 0.0
    return distance_km(near[0], near[1], latitudes[user], longitudes[user]) <= near[2]
