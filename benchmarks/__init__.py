"""Measurements of speed, apart from the tests; none is here yet."""
