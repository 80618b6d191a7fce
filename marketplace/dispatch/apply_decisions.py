"""Writes what the machine decided, for a whole batch: everything but the waves themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from kit.db import Session
from kit.ids import IdAllocator
from kit.work import NewWork, enqueue
from marketplace.dispatch import acceptance_repository, dispatch_repository
from marketplace.dispatch.acceptance_repository import NewAssignment
from marketplace.dispatch.dispatch_repository import DispatchRow, NewEvent
from marketplace.dispatch.outgoing_events import announce_decisions
from marketplace.dispatch.states import (
    Assign,
    Confirm,
    Decision,
    EndAssignment,
    Instruction,
    MoveTo,
    ReleaseAcceptors,
    RemindPublisher,
    SendWave,
    Stage,
)

LABEL_WORK: Final = "dispatch_label"
SYSTEM: Final = "system"


@dataclass(frozen=True, slots=True)
class Change:
    """One dispatch, what was decided for it, who caused it and why.

    ``full_left``: users of the full tier whom an answer found and this decision leaves for later; None: no answer.
    """

    row: DispatchRow
    decision: Decision
    actor: str = SYSTEM
    reason: str | None = None
    full_left: int | None = None


def apply_decisions(session: Session, ids: IdAllocator, changes: Sequence[Change], now_ms: int) -> list[DispatchRow]:
    """Write the new states, answers, assignments and timeline lines; return the rows as they stand now.

    The caller holds the exclusive locks of the dispatches, writes the waves, and sets the timers.
    """
    rows = [_changed(change, now_ms) for change in changes]
    dispatch_repository.save_dispatches(
        session, [row for row, change in zip(rows, changes, strict=True) if row is not change.row]
    )
    _release(session, changes, now_ms)
    _settle_assignments(session, ids, changes, now_ms)
    events = [event for change in changes for event in _events(change, now_ms)]
    if events:
        event_ids = ids.take(len(events))
        dispatch_repository.insert_events(session, list(zip(event_ids, events, strict=True)))
    announce_decisions(session, ids, ((change.row, change.decision, change.reason) for change in changes), now_ms)
    relabelled = [row for row, change in zip(rows, changes, strict=True) if row.label != change.row.label]
    shown = [NewWork(LABEL_WORK, row.dispatch_id, now_ms) for row in relabelled if row.state.waves]
    if shown:
        enqueue(session, ids, shown, now_ms)
    return rows


def _changed(change: Change, now_ms: int) -> DispatchRow:
    row, decision = change.row, change.decision
    full_left = row.full_left if change.full_left is None else change.full_left
    if decision.state == row.state and decision.due_at_ms == row.due_at_ms and full_left == row.full_left:
        return row
    entered = {instruction.stage for instruction in decision.instructions if isinstance(instruction, MoveTo)}
    waved = any(isinstance(instruction, SendWave) for instruction in decision.instructions)
    closes = decision.state.final
    return replace(
        row,
        version=row.version + 1,
        state=decision.state,
        due_at_ms=decision.due_at_ms,
        changed_at_ms=now_ms,
        first_wave_at_ms=now_ms if waved and row.first_wave_at_ms is None else row.first_wave_at_ms,
        partial_at_ms=now_ms if Stage.OFFERING_PARTIAL in entered else row.partial_at_ms,
        closed_at_ms=now_ms if closes else row.closed_at_ms,
        reason=change.reason if closes else row.reason,
        full_left=full_left,
    )


def _release(session: Session, changes: Sequence[Change], now_ms: int) -> None:
    released = [
        change.row.dispatch_id
        for change in changes
        if any(isinstance(instruction, ReleaseAcceptors) for instruction in change.decision.instructions)
    ]
    if released:
        acceptance_repository.release_waiting(session, released, now_ms)


def _settle_assignments(session: Session, ids: IdAllocator, changes: Sequence[Change], now_ms: int) -> None:
    """End before beginning: a dispatch may pass from one receiver to the next in one decision."""
    new: list[NewAssignment] = []
    confirmed: list[tuple[int, int]] = []
    for change in changes:
        for instruction in change.decision.instructions:
            match instruction:
                case EndAssignment():
                    _end_assignment(session, change, instruction, now_ms)
                case Assign(user_id, token, hold_until_ms):
                    dispatch_id = change.row.dispatch_id
                    new.append(NewAssignment(ids.next_id(), dispatch_id, user_id, token, hold_until_ms, now_ms))
                case Confirm(_, token):
                    confirmed.append((change.row.dispatch_id, token))
                case _:
                    pass
    if new:
        acceptance_repository.insert_assignments(session, new)
    for dispatch_id, token in confirmed:
        acceptance_repository.confirm_assignment(session, dispatch_id, token, now_ms)


def _end_assignment(session: Session, change: Change, instruction: EndAssignment, now_ms: int) -> None:
    dispatch_id, ending = change.row.dispatch_id, instruction.ending.value
    acceptance_repository.end_assignment(
        session, dispatch_id, instruction.token, state=ending, reason=change.reason, now_ms=now_ms
    )
    acceptance_repository.move_acceptance(
        session, dispatch_id, instruction.user_id, from_state="selected", to_state=ending, now_ms=now_ms
    )


def _events(change: Change, now_ms: int) -> list[NewEvent]:
    lines = []
    for instruction in change.decision.instructions:
        named = event_line(instruction)
        if named is not None:
            kind, user_id = named
            lines.append(NewEvent(change.row.dispatch_id, now_ms, kind, change.actor, user_id, change.reason))
    return lines


def event_line(instruction: Instruction) -> tuple[str, int | None] | None:
    """Return the kind and the user of the timeline line that an instruction writes, None when it writes none."""
    match instruction:
        case MoveTo(stage):
            return stage.value, None
        case Assign(user_id):
            return "assigned", user_id
        case Confirm(user_id):
            return "confirmed", user_id
        case EndAssignment(user_id, _, ending):
            return f"assignment_{ending.value}", user_id
        case RemindPublisher():
            return "publisher_reminded", None
        case _:
            return None
