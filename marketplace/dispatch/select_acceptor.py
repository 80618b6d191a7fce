"""The publisher's choice, and what may still become of it: confirmed, or failed and back to the queue."""

from kit.db import Session
from kit.ids import IdAllocator
from marketplace.dispatch import acceptance_repository, assignment_repository
from marketplace.dispatch.crash_points import Reached, passing_by
from marketplace.dispatch.errors import NotAssigned, NotInQueue, OrderAlreadyAssigned, StaleHold, WrongToken
from marketplace.dispatch.locked_dispatch import LockedDispatch, decide, lock_dispatch, require_open
from marketplace.dispatch.states import Assigned, AssignmentEnded, Confirmed, Ending, Selected
from marketplace.dispatch.views import AssignmentView


def select_acceptor(
    session: Session,
    ids: IdAllocator,
    *,
    dispatch_id: int,
    user_id: int,
    owner: str | None = None,
    actor: str = "publisher",
    now_ms: int,
    reached: Reached = passing_by,
) -> AssignmentView:
    """Assign the order to one who waits in the queue; selecting the same one again answers with the same assignment.

    Raises DispatchNotFound, DispatchClosed, OrderAlreadyAssigned, NotInQueue.
    """
    locked = lock_dispatch(session, dispatch_id, owner, now_ms)
    reached("select.locked")
    assigned = locked.woken.state.assigned
    if assigned is not None:
        if assigned.user_id != user_id:
            raise OrderAlreadyAssigned(dispatch_id)
        return assignment_repository.read_assignment(session, dispatch_id, assigned.token)
    require_open(locked)
    if not acceptance_repository.move_acceptance(
        session, dispatch_id, user_id, from_state="accepted", to_state="selected", now_ms=now_ms
    ):
        raise NotInQueue(dispatch_id, user_id)
    reached("select.moved")
    row = decide(session, ids, locked, Selected(user_id), actor=actor, reason=None, now_ms=now_ms)
    reached("select.decided")
    return assignment_repository.read_assignment(session, dispatch_id, row.state.tokens_given)


def confirm_assignment(
    session: Session,
    ids: IdAllocator,
    *,
    dispatch_id: int,
    token: int,
    owner: str | None = None,
    actor: str = "receiver",
    now_ms: int,
) -> AssignmentView:
    """End the hold: the selected user answered in time, the assignment can no longer lapse.

    Raises DispatchNotFound, NotAssigned, WrongToken, StaleHold (the hold with this token is over).
    """
    locked = lock_dispatch(session, dispatch_id, owner, now_ms)
    _holding(locked, token)
    decide(session, ids, locked, Confirmed(token), actor=actor, reason=None, now_ms=now_ms)
    return assignment_repository.read_assignment(session, dispatch_id, token)


def fail_assignment(
    session: Session,
    ids: IdAllocator,
    *,
    dispatch_id: int,
    token: int,
    reason: str,
    owner: str | None = None,
    actor: str = "engagement",
    now_ms: int,
) -> AssignmentView:
    """Take the order back from the selected user (AssignmentFailed): the queue moves on, or offering resumes.

    Raises DispatchNotFound, NotAssigned, WrongToken, StaleHold.
    """
    locked = lock_dispatch(session, dispatch_id, owner, now_ms)
    _holding(locked, token)
    event = AssignmentEnded(token, Ending.FAILED)
    decide(session, ids, locked, event, actor=actor, reason=reason[:500], now_ms=now_ms)
    return assignment_repository.read_assignment(session, dispatch_id, token)


def _holding(locked: LockedDispatch, token: int) -> Assigned:
    assigned = locked.woken.state.assigned
    if assigned is not None and assigned.token == token:
        return assigned
    if token <= locked.woken.state.tokens_given:
        raise StaleHold(locked.row.dispatch_id, token)
    if assigned is not None:
        raise WrongToken(locked.row.dispatch_id, token)
    raise NotAssigned(locked.row.dispatch_id)
