"""Distances on the sphere, as the contract defines them."""

from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS_KM = 6371.0088


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the great-circle distance of two (latitude, longitude) pairs in degrees: haversine in float64."""
    latitude_one, latitude_other = radians(one[0]), radians(other[0])
    half_latitude = (latitude_other - latitude_one) / 2
    half_longitude = radians(other[1] - one[1]) / 2
    squared = sin(half_latitude) ** 2 + cos(latitude_one) * cos(latitude_other) * sin(half_longitude) ** 2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(squared)))
