"""Draws anew for each order who of equal score and tie comes first; the matcher's own order of equals is by id.

Exact for a group of equals that ends within the candidates that were asked for: then every one of the group had the
same chance. A group that does not end there is drawn among those of it that came, who have the lowest ids, and the
wave's certificate says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from marketplace.dispatch.ports import Candidates

ROTATION_REACH: Final = 4_096
"""So many candidates are asked for at least when equals rotate."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """What was drawn. ``among``: how many equals stood at the wave's end; ``whole``: these were all there are."""

    candidates: Candidates
    among: int
    whole: bool

    def certificate(self) -> Mapping[str, Any]:
        """Return what a wave's certificate says of it."""
        return {"among": self.among, "whole": self.whole}


def rotate_equals(candidates: Candidates, order_id: int, *, wave_size: int, count: int) -> Rotation:
    """Return ranked candidates with the equals among those that a wave may reach drawn by hash(order, user).

    ``count``: how many candidates there are, of whom these are the best.
    """
    length = len(candidates)
    end = last_start = 0
    places: list[int] = []
    while end < min(wave_size, length):
        last_start, end = end, _end_of_equals(candidates, end)
        group = range(last_start, end)
        places += sorted(group, key=lambda place: _drawn(order_id, candidates.user_ids[place]))
    whole = end < length or length == count
    return Rotation(candidates.pick([*places, *range(end, length)]), end - last_start, whole)


def _end_of_equals(candidates: Candidates, start: int) -> int:
    score, tie = candidates.scores[start], candidates.ties[start]
    end = start + 1
    while end < len(candidates) and candidates.scores[end] == score and candidates.ties[end] == tie:
        end += 1
    return end


def _drawn(order_id: int, user_id: int) -> bytes:
    # A keyed hash of a fixed form: a replay draws the same, on every machine and in every version of Python.
    return blake2b(user_id.to_bytes(8, "little"), digest_size=8, key=order_id.to_bytes(8, "little")).digest()
