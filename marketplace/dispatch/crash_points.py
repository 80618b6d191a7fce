"""The places at which a process may die between an accepted order and its receiver, in the order of their passing."""

from typing import Final

from kit.crash_points import Reached, passing_by

__all__ = [
    "ACCEPT_POINTS",
    "DELIVERY_POINTS",
    "DISPATCH_POINTS",
    "LABEL_POINTS",
    "SELECT_POINTS",
    "SUBMIT_POINTS",
    "WITHDRAW_POINTS",
    "Reached",
    "passing_by",
]

SUBMIT_POINTS: Final = (
    "submit.orders_recorded",
    "submit.dispatches_opened",
    "submit.work_enqueued",
)
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
LABEL_POINTS: Final = (
    "label.read",
    "label.shown",
    "label.ended",
    "label.committed",
)
ACCEPT_POINTS: Final = (
    "accept.dispatches_shared",
    "accept.queued",
    "accept.woken",
)
SELECT_POINTS: Final = (
    "select.locked",
    "select.moved",
    "select.decided",
)
WITHDRAW_POINTS: Final = (
    "withdraw.locked",
    "withdraw.decided",
)
