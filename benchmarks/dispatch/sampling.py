"""Which orders are sent, and when: sizes of answers by a distribution, arrivals by a Poisson process."""

import math
import random
from bisect import bisect_left
from collections.abc import Sequence

from benchmarks.dispatch.settings import LARGE_PART, LARGEST_WAVE_USERS, MEDIAN_RECIPIENTS, SPREAD


def draw_size(dice: random.Random) -> int:
    """How many users one order shall reach: median 50, log-normal, one in a thousand 5,000."""
    if dice.randrange(LARGE_PART) == 0:
        return LARGEST_WAVE_USERS
    return max(1, min(LARGEST_WAVE_USERS, round(MEDIAN_RECIPIENTS * math.exp(SPREAD * dice.gauss(0, 1)))))


def nearest(sizes: Sequence[int], wanted: int) -> int:
    """The place in ``sizes`` (ascending, all above 0) that is nearest to ``wanted`` by ratio."""
    place = bisect_left(sizes, wanted)
    if place == 0:
        return 0
    if place == len(sizes):
        return place - 1
    return place if sizes[place] * sizes[place - 1] <= wanted * wanted else place - 1


def arrivals(dice: random.Random, rate: float, seconds: float) -> list[float]:
    """When orders come, in seconds from the start: exponential pauses, whatever became of the orders before."""
    times, moment = [], dice.expovariate(rate)
    while moment < seconds:
        times.append(moment)
        moment += dice.expovariate(rate)
    return times
