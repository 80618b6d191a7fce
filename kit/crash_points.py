"""Places at which a process may die: code tells that it passes one; drills die there and look whether anything is lost.

A feature names its own in its ``crash_points.py``; what lies between two of them is one step to everybody else.
"""

from collections.abc import Callable

Reached = Callable[[str], None]
"""Is told the name of every crash point that is passed; a drill raises there."""


def passing_by(_point: str) -> None:
    """Do nothing: what happens at a crash point in production."""
