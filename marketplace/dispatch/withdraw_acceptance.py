"""Takes a yes back: from the queue, or from the front of it as long as the hold is not confirmed."""

from kit.db import Session
from kit.ids import IdAllocator
from marketplace.dispatch import acceptance_repository
from marketplace.dispatch.crash_points import Reached, passing_by
from marketplace.dispatch.errors import NotInQueue, OrderAlreadyAssigned
from marketplace.dispatch.locked_dispatch import decide, lock_dispatch, require_open
from marketplace.dispatch.outgoing_events import announce_withdrawal
from marketplace.dispatch.states import AssignmentEnded, Ending, Withdrawn


def withdraw_acceptance(
    session: Session,
    ids: IdAllocator,
    *,
    dispatch_id: int,
    user_id: int,
    owner: str | None = None,
    actor: str | None = None,
    reason: str | None = None,
    now_ms: int,
    reached: Reached = passing_by,
) -> None:
    """Take an acceptance back; an empty queue resumes offering where it stopped. Withdrawn already: nothing happens.

    Raises DispatchNotFound, DispatchClosed, NotInQueue, OrderAlreadyAssigned (confirmed: that is the engagement's).
    """
    locked = lock_dispatch(session, dispatch_id, owner, now_ms)
    reached("withdraw.locked")
    accepted = acceptance_repository.lock_acceptance(session, dispatch_id, user_id)
    if accepted is not None and accepted.state == "withdrawn":
        return
    require_open(locked)
    who = actor or f"user {user_id}"
    state = locked.woken.state
    if state.assigned is not None and state.assigned.user_id == user_id:
        if state.assigned.hold_until_ms is None:
            raise OrderAlreadyAssigned(dispatch_id)
        ended = AssignmentEnded(state.assigned.token, Ending.WITHDRAWN)
        decide(session, ids, locked, ended, actor=who, reason=reason, now_ms=now_ms)
        reached("withdraw.decided")
        return
    if accepted is None or accepted.state != "accepted":
        raise NotInQueue(dispatch_id, user_id)
    acceptance_repository.move_acceptance(
        session, dispatch_id, user_id, from_state="accepted", to_state="withdrawn", now_ms=now_ms
    )
    announce_withdrawal(session, ids, locked.row, user_id, reason, now_ms)
    event = Withdrawn(state.queued - 1)
    decide(session, ids, locked, event, actor=who, reason=reason, now_ms=now_ms)
    reached("withdraw.decided")
