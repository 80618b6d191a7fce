"""Takes an order back before anybody has it."""

from kit.db import Session
from kit.ids import IdAllocator
from marketplace.dispatch.errors import OrderAlreadyAssigned
from marketplace.dispatch.locked_dispatch import decide, lock_dispatch, require_open
from marketplace.dispatch.states import Cancelled, Stage
from marketplace.dispatch.tables import MAX_REASON


def cancel_dispatch(
    session: Session,
    ids: IdAllocator,
    *,
    dispatch_id: int,
    owner: str | None = None,
    actor: str = "publisher",
    reason: str | None = None,
    now_ms: int,
) -> None:
    """End the dispatch and release everybody who waits. Cancelled already: nothing happens.

    Raises DispatchNotFound, DispatchClosed (it ended otherwise), OrderAlreadyAssigned.
    """
    locked = lock_dispatch(session, dispatch_id, owner, now_ms)
    if locked.row.state.stage is Stage.CANCELLED:
        return
    if locked.woken.state.assigned is not None:
        raise OrderAlreadyAssigned(dispatch_id)
    require_open(locked)
    why = None if reason is None else reason[:MAX_REASON]
    decide(session, ids, locked, Cancelled(), actor=actor, reason=why, now_ms=now_ms)
