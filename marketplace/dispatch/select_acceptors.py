"""Many publishers' choices in one transaction: the same rules as one, with few statements."""

from collections.abc import Sequence
from typing import Final

from kit.db import Session
from kit.errors import QuanwangError
from kit.ids import IdAllocator
from kit.work import NewWork, enqueue
from marketplace.dispatch import acceptance_repository, dispatch_repository
from marketplace.dispatch.acceptance_repository import StoredAcceptance
from marketplace.dispatch.apply_decisions import Change, apply_decisions
from marketplace.dispatch.dispatch_repository import DispatchRow, Queue
from marketplace.dispatch.errors import DispatchNotFound, NotInQueue, OrderAlreadyAssigned, TooManyAnswers
from marketplace.dispatch.locked_dispatch import LockedDispatch, require_open
from marketplace.dispatch.machine import step
from marketplace.dispatch.states import Decision, Selected, Woken
from marketplace.dispatch.submit_orders import DISPATCH_WORK
from marketplace.dispatch.views import SelectAnswer

MAX_CHOICES: Final = 1_000

Choice = tuple[int, int]
"""Dispatch and user."""


def select_acceptors(
    session: Session,
    ids: IdAllocator,
    *,
    choices: Sequence[Choice],
    owner: str | None = None,
    actor: str = "publisher",
    now_ms: int,
) -> list[SelectAnswer]:
    """Assign up to 1,000 orders, each to one who waits in its queue; an answer for each, in order.

    A dispatch named twice is assigned by its first choice. Raises TooManyAnswers.
    """
    if len(choices) > MAX_CHOICES:
        raise TooManyAnswers(len(choices), MAX_CHOICES)
    if not choices:
        return []
    dispatch_ids = sorted({dispatch_id for dispatch_id, _ in choices})
    rows = dispatch_repository.lock_dispatches(session, dispatch_ids)
    policies = dispatch_repository.policies_by_id(session, sorted({row.policy_id for row in rows.values()}))
    queues = dispatch_repository.queues(session, dispatch_ids)
    standing = acceptance_repository.read_acceptances(session, list(dict.fromkeys(choices)))
    taken: dict[int, int] = {}
    changes: list[Change] = []
    answers: list[SelectAnswer] = []
    for dispatch_id, user_id in choices:
        try:
            row = _own(rows.get(dispatch_id), owner, dispatch_id)
            policy = policies[row.policy_id].policy
            queue = queues.get(dispatch_id, Queue())
            locked = LockedDispatch(row, policy, step(row.state, policy, Woken(queue.count, queue.since_ms), now_ms))
            if not _stands(locked, taken, standing, dispatch_id, user_id):
                decision = step(locked.woken.state, policy, Selected(user_id), now_ms)
                instructions = locked.woken.instructions + decision.instructions
                changes.append(Change(row, Decision(decision.state, instructions, decision.due_at_ms), actor))
                taken[dispatch_id] = user_id
            answers.append(SelectAnswer(dispatch_id, user_id, "assigned"))
        except QuanwangError as error:
            answers.append(SelectAnswer(dispatch_id, user_id, "error", error.sentence))
    _write(session, ids, changes, [standing[choice].acceptance_id for choice in taken.items()], now_ms)
    return answers


def _own(row: DispatchRow | None, owner: str | None, dispatch_id: int) -> DispatchRow:
    if row is None or (owner is not None and row.owner != owner):
        raise DispatchNotFound(dispatch_id)
    return row


def _stands(
    locked: LockedDispatch,
    taken: dict[int, int],
    standing: dict[Choice, StoredAcceptance],
    dispatch_id: int,
    user_id: int,
) -> bool:
    """Whether this very choice is in force already. Raises when it cannot be made."""
    assigned = locked.woken.state.assigned
    chosen = taken.get(dispatch_id, None if assigned is None else assigned.user_id)
    if chosen is not None:
        if chosen != user_id:
            raise OrderAlreadyAssigned(dispatch_id)
        return True
    require_open(locked)
    acceptance = standing.get((dispatch_id, user_id))
    if acceptance is None or acceptance.state != "accepted":
        raise NotInQueue(dispatch_id, user_id)
    return False


def _write(
    session: Session, ids: IdAllocator, changes: Sequence[Change], acceptance_ids: Sequence[int], now_ms: int
) -> None:
    if not changes:
        return
    acceptance_repository.select_acceptances(session, acceptance_ids, now_ms)
    apply_decisions(session, ids, changes, now_ms)
    timers = [
        NewWork(DISPATCH_WORK, change.row.dispatch_id, change.decision.due_at_ms)
        for change in changes
        if change.decision.due_at_ms is not None
    ]
    if timers:
        enqueue(session, ids, timers, now_ms)
