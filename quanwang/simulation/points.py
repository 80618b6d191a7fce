"""Every named place at which a process may die on the way from a request to its receiver."""

from typing import Final

from api.crash_points import REQUEST_POINTS
from marketplace.dispatch.crash_points import (
    ACCEPT_POINTS,
    DELIVERY_POINTS,
    DISPATCH_POINTS,
    LABEL_POINTS,
    SELECT_POINTS,
    SUBMIT_POINTS,
    WITHDRAW_POINTS,
)
from marketplace.inbox.crash_points import REBUILD_POINTS

STORE_POINTS: Final = ("transaction.begins", "transaction.ended", "reading.begins", "redis", "matching", "matched")
"""Doors of the stores and of the matcher: every process passes them, between all the others."""

CRASH_POINTS: Final = (
    *REQUEST_POINTS,
    *SUBMIT_POINTS,
    *DISPATCH_POINTS,
    *DELIVERY_POINTS,
    *LABEL_POINTS,
    *ACCEPT_POINTS,
    *SELECT_POINTS,
    *WITHDRAW_POINTS,
    *REBUILD_POINTS,
    *STORE_POINTS,
)
