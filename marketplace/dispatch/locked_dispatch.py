"""One dispatch, locked, with its policy: what every use case that changes it begins and ends with."""

from dataclasses import dataclass

from kit.db import Session
from kit.ids import IdAllocator
from kit.work import NewWork, enqueue
from marketplace.dispatch import dispatch_repository
from marketplace.dispatch.apply_decisions import Change, apply_decisions
from marketplace.dispatch.dispatch_repository import DispatchRow, Queue
from marketplace.dispatch.errors import DispatchClosed, DispatchNotFound
from marketplace.dispatch.machine import step
from marketplace.dispatch.policies import Policy
from marketplace.dispatch.states import Decision, Event, Woken
from marketplace.dispatch.submit_orders import DISPATCH_WORK


@dataclass(frozen=True, slots=True)
class LockedDispatch:
    """A dispatch under its exclusive lock, after the machine looked at the time and at the queue."""

    row: DispatchRow
    policy: Policy
    woken: Decision


def lock_dispatch(session: Session, dispatch_id: int, owner: str | None, now_ms: int) -> LockedDispatch:
    """Lock one dispatch. ``owner`` None may touch everybody's. Raises DispatchNotFound."""
    row = dispatch_repository.lock_dispatches(session, [dispatch_id]).get(dispatch_id)
    if row is None or (owner is not None and row.owner != owner):
        raise DispatchNotFound(dispatch_id)
    policy = dispatch_repository.policies_by_id(session, [row.policy_id])[row.policy_id].policy
    queue = dispatch_repository.queues(session, [dispatch_id]).get(dispatch_id, Queue())
    return LockedDispatch(row, policy, step(row.state, policy, Woken(queue.count, queue.since_ms), now_ms))


def require_open(locked: LockedDispatch) -> None:
    """Raise DispatchClosed when the dispatch is over, also when only its timer has not run yet."""
    state = locked.woken.state
    if state.final:
        raise DispatchClosed(locked.row.dispatch_id, state.stage.value)


def decide(
    session: Session,
    ids: IdAllocator,
    locked: LockedDispatch,
    event: Event,
    *,
    actor: str,
    reason: str | None,
    now_ms: int,
) -> DispatchRow:
    """Let the machine decide on ``event``, write it, and set the timer."""
    decision = step(locked.woken.state, locked.policy, event, now_ms)
    instructions = locked.woken.instructions + decision.instructions
    whole = Decision(decision.state, instructions, decision.due_at_ms)
    row = apply_decisions(session, ids, [Change(locked.row, whole, actor, reason)], now_ms)[0]
    if decision.due_at_ms is not None:
        enqueue(session, ids, [NewWork(DISPATCH_WORK, row.dispatch_id, decision.due_at_ms)], now_ms)
    return row
