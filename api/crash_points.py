"""The places at which a web process may die while it answers a request that changes something, in their order."""

from typing import Final

REQUEST_POINTS: Final = (
    "request.begun",
    "request.effected",
    "request.stored",
    "request.committed",
)
