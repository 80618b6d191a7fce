"""The places at which a dispatcher may die; tests die at each of them and look whether anything is lost or doubled."""

from collections.abc import Callable
from typing import Final

Reached = Callable[[str], None]
"""Is told the name of every crash point that is passed; a test raises there."""

DISPATCH_POINTS: Final = (
    "dispatch.claims_read",
    "dispatch.candidates_found",
    "dispatch.rows_locked",
    "dispatch.decisions_written",
    "dispatch.waves_written",
    "dispatch.work_ended",
    "dispatch.committed",
)
DELIVERY_POINTS: Final = (
    "delivery.chunks_read",
    "delivery.delivered",
    "delivery.marked",
    "delivery.committed",
)


def passing_by(_point: str) -> None:
    """Do nothing: what happens at a crash point in production."""
