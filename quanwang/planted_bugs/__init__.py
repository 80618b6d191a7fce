"""Bugs that are planted on purpose: each takes one guarantee's guard away, so that drills show that they would notice.

A drill that can find nothing proves nothing. No production module knows of this package: a planted bug replaces
functions and constants of the real code from outside, in processes that were told to by ``QUANWANG_PLANTED_BUG``.
"""

from quanwang.planted_bugs.catalogue import PLANTED_BUGS
from quanwang.planted_bugs.planting import Patch, PlantedBug, UnknownPlantedBug, plant_wanted, planted

__all__ = ["PLANTED_BUGS", "Patch", "PlantedBug", "UnknownPlantedBug", "plant_wanted", "planted"]
