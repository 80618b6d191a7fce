"""Great-circle distance: one formula, one order of operations, for the oracle and for the compiled kernels.

The kernels compile this very function, so both give the same float64 bit for bit (no fused or reordered arithmetic).
"""

import math

EARTH_RADIUS_KM = 6371.0088
RADIANS_PER_DEGREE = math.pi / 180.0
DISTANCE_STEP_KM = 4.0
FARTHEST_STEPS = 255


def distance_km(latitude_a: float, longitude_a: float, latitude_b: float, longitude_b: float) -> float:
    """Haversine distance in kilometres between two points in degrees (WGS-84 taken as a sphere)."""
    half_latitude = math.sin((latitude_b - latitude_a) * RADIANS_PER_DEGREE / 2.0)
    half_longitude = math.sin((longitude_b - longitude_a) * RADIANS_PER_DEGREE / 2.0)
    cosines = math.cos(latitude_a * RADIANS_PER_DEGREE) * math.cos(latitude_b * RADIANS_PER_DEGREE)
    chord = half_latitude * half_latitude + cosines * (half_longitude * half_longitude)
    return 2.0 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))
