"""The places at which a process may die while it fills an empty Redis, in the order of their passing."""

from typing import Final

REBUILD_POINTS: Final = (
    "rebuild.claimed",
    "rebuild.begun",
    "rebuild.chunks_read",
    "rebuild.chunks_written",
    "rebuild.finished",
)
