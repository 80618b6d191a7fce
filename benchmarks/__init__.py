"""Measurements: run by ``quanwang bench``."""
