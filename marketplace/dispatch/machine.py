"""The dispatch machine: pure. An event goes in with the time, the next state and instructions come out.

    approved -> offering_full -> offering_partial -> exhausted | expired | cancelled | publisher_silent
                | unmatchable (the matcher refuses the order)
    beside it the choice: none -> accepted -> assigned (the publisher selects, from the first acceptance on)
    within a tier: wave, wave, ... -> its window -> one catch-up wave for those whose attention was spared -> its window

The state says where the offering stands (``step``: what it does next and when), how many acceptances wait in the
queue, and who holds the assignment. Which users are told is not decided here: the machine says how many of each tier.
"""

from dataclasses import replace
from typing import Final

from marketplace.dispatch.cut_waves import catch_up, close, enter, require_question, send
from marketplace.dispatch.policies import Policy
from marketplace.dispatch.states import (
    Assign,
    Assigned,
    AssignmentEnded,
    Cancelled,
    CaughtUp,
    Confirm,
    Confirmed,
    Decision,
    DispatchState,
    EndAssignment,
    Ending,
    EndSetAside,
    Event,
    ImpossibleEvent,
    Instruction,
    Matched,
    MoveTo,
    QueryWave,
    Refused,
    RemindPublisher,
    Revised,
    Selected,
    SendWave,
    SetAside,
    Stage,
    Step,
    Withdrawn,
    Woken,
)

MAX_ASKED: Final = 100_000
"""Candidates of a tier that one question can bring."""


def open_dispatch(policy: Policy, *, now_ms: int, expires_at_ms: int | None = None) -> DispatchState:
    """Return the state of a freshly approved order, due at once. Its own expiry can only shorten the policy's."""
    latest = now_ms + policy.dispatch_expiry_ms
    return DispatchState(
        expires_at_ms=latest if expires_at_ms is None else min(latest, expires_at_ms), step_at_ms=now_ms
    )


def step(state: DispatchState, policy: Policy, event: Event, now_ms: int) -> Decision:
    """Apply one event. A final state ignores everything; an event that cannot be is an ImpossibleEvent."""
    if state.final:
        return Decision(state, (), None)
    instructions: list[Instruction] = []
    match event:
        case Woken():
            state = _count_queue(state, event, now_ms)
        case Matched():
            state = send(state, policy, event, now_ms, instructions)
        case CaughtUp():
            state = catch_up(state, policy, event, now_ms, instructions)
        case Refused():
            require_question(state, Step.WAVE, Step.CATCH_UP)
            state = close(state, Stage.UNMATCHABLE, instructions)
        case Withdrawn():
            state = replace(state, queued=event.queued)
        case Cancelled() | Revised():
            state = _take_back(state, event, now_ms, instructions)
        case Selected() | Confirmed() | AssignmentEnded():
            state = _choose(state, policy, event, now_ms, instructions)
    state = _advance(state, policy, now_ms, instructions)
    return Decision(state, tuple(instructions), _due_at_ms(state, policy, instructions, now_ms))


def _choose(
    state: DispatchState,
    policy: Policy,
    event: Selected | Confirmed | AssignmentEnded,
    now_ms: int,
    instructions: list[Instruction],
) -> DispatchState:
    match event:
        case Selected():
            return _assign(state, policy, event, now_ms, instructions)
        case Confirmed():
            return _confirm(state, event, instructions)
        case AssignmentEnded():
            return _end_assignment(state, event.token, event.ending, now_ms, instructions)


def _take_back(
    state: DispatchState, event: Cancelled | Revised, now_ms: int, instructions: list[Instruction]
) -> DispatchState:
    if state.assigned is not None:
        raise ImpossibleEvent("an assigned order can be neither cancelled nor revised by its dispatch")
    if isinstance(event, Cancelled):
        return close(state, Stage.CANCELLED, instructions)
    if event.order_version <= state.order_version:
        raise ImpossibleEvent("a revision needs a higher version")
    return _revise(state, event, now_ms, instructions)


# --- one event each ---------------------------------------------------------------------------------------------------


def _count_queue(state: DispatchState, event: Woken, now_ms: int) -> DispatchState:
    """Take the counted queue over; the publisher's idle timer starts at the oldest acceptance."""
    if event.queued and not state.queued and state.idle_since_ms is None:
        since_ms = now_ms if event.since_ms is None else min(event.since_ms, now_ms)
        return replace(state, queued=event.queued, idle_since_ms=since_ms)
    return state if event.queued == state.queued else replace(state, queued=event.queued)


def _assign(
    state: DispatchState, policy: Policy, event: Selected, now_ms: int, instructions: list[Instruction]
) -> DispatchState:
    if state.assigned is not None or state.queued < 1:
        raise ImpossibleEvent("select needs a waiting acceptance and no active assignment")
    token = state.tokens_given + 1
    hold_until_ms = now_ms + policy.hold_ms if policy.hold_ms else None
    instructions.append(Assign(event.user_id, token, hold_until_ms))
    return replace(
        state,
        assigned=Assigned(event.user_id, token, hold_until_ms),
        tokens_given=token,
        queued=state.queued - 1,
        idle_since_ms=None,
        reminded=False,
    )


def _confirm(state: DispatchState, event: Confirmed, instructions: list[Instruction]) -> DispatchState:
    if state.assigned is None or state.assigned.token != event.token:
        raise ImpossibleEvent("the hold with this token is over")
    if state.assigned.hold_until_ms is None:
        return state
    instructions.append(Confirm(state.assigned.user_id, event.token))
    return replace(state, assigned=replace(state.assigned, hold_until_ms=None))


def _end_assignment(
    state: DispatchState, token: int, ending: Ending, now_ms: int, instructions: list[Instruction]
) -> DispatchState:
    """The one in front is gone: the next in the queue comes forward, and the publisher's idle timer starts anew."""
    if state.assigned is None or state.assigned.token != token:
        raise ImpossibleEvent("the hold with this token is over")
    instructions.append(EndAssignment(state.assigned.user_id, token, ending))
    return replace(state, assigned=None, idle_since_ms=now_ms if state.queued else None, reminded=False)


def _revise(state: DispatchState, event: Revised, now_ms: int, instructions: list[Instruction]) -> DispatchState:
    instructions.append(MoveTo(Stage.APPROVED))
    return replace(
        state,
        stage=Stage.APPROVED,
        order_version=event.order_version,
        expires_at_ms=event.expires_at_ms,
        confirmed_reach=state.confirmed_reach if event.confirmed_reach is None else event.confirmed_reach,
        step=Step.WAVE,
        step_at_ms=now_ms,
        last_wave_at_ms=None,
        set_aside_full=0,
        set_aside_partial=0,
        suppressed=0,
    )


# --- time -------------------------------------------------------------------------------------------------------------


def _advance(state: DispatchState, policy: Policy, now_ms: int, instructions: list[Instruction]) -> DispatchState:
    """Do everything that is due by now."""
    if state.final:
        return state
    if state.assigned is not None:
        hold_until_ms = state.assigned.hold_until_ms
        if hold_until_ms is None or now_ms < hold_until_ms:
            return state
        state = _end_assignment(state, state.assigned.token, Ending.LAPSED, now_ms, instructions)
    if now_ms >= state.expires_at_ms:
        return close(state, Stage.EXPIRED, instructions)
    state = _watch_publisher(state, policy, now_ms, instructions)
    if state.final or state.queued >= policy.acceptors_wanted:
        return state
    return _offer(state, now_ms, instructions, policy)


def _watch_publisher(
    state: DispatchState, policy: Policy, now_ms: int, instructions: list[Instruction]
) -> DispatchState:
    """Remind a publisher who lets acceptors wait, then close; nobody is selected by machine."""
    if not state.queued:
        idle = state.idle_since_ms is None and not state.reminded
        return state if idle else replace(state, idle_since_ms=None, reminded=False)
    since_ms = now_ms if state.idle_since_ms is None else state.idle_since_ms
    reminded = state.reminded
    if not reminded and now_ms >= since_ms + policy.publisher_idle_ms:
        instructions.append(RemindPublisher())
        # The second period runs from the reminder itself: a late reminder must not close the order at once.
        reminded, since_ms = True, now_ms
    state = replace(state, idle_since_ms=since_ms, reminded=reminded)
    if reminded and now_ms >= since_ms + policy.publisher_idle_ms:
        return close(state, Stage.PUBLISHER_SILENT, instructions)
    return state


def _offer(state: DispatchState, now_ms: int, instructions: list[Instruction], policy: Policy) -> DispatchState:
    """Go on offering: ask for the next wave, escalate when the full window is over, end when the partial one is."""
    if state.step is Step.REST:
        if state.queued:
            return state
        # The queue emptied after everything had been offered: look once more, then end.
        state = replace(state, step=Step.WAVE, step_at_ms=now_ms)
    if now_ms < state.step_at_ms:
        return state
    if state.set_aside and state.step in (Step.WINDOW, Step.CATCH_UP):
        return _ask_about_those_set_aside(state, now_ms, instructions, policy)
    if state.step is Step.WINDOW:
        if state.stage is Stage.OFFERING_PARTIAL:
            if state.queued:
                return replace(state, step=Step.REST)
            return close(state, Stage.EXHAUSTED, instructions)
        state = enter(state, Stage.OFFERING_PARTIAL, instructions)
        state = replace(state, step=Step.WAVE, step_at_ms=now_ms)
    if _may_ask(instructions):
        instructions.append(QueryWave(policy.wave_size + 1, state.stage is Stage.OFFERING_PARTIAL))
    return state


def _may_ask(instructions: list[Instruction]) -> bool:
    """A wave that was just cut is never followed by another query in the same decision: its time is later or equal,
    and the timer brings the dispatch back, so one decision stays bounded.
    """
    return not any(isinstance(instruction, SendWave | SetAside | EndSetAside) for instruction in instructions)


def _ask_about_those_set_aside(
    state: DispatchState, now_ms: int, instructions: list[Instruction], policy: Policy
) -> DispatchState:
    """The tier ends with its one catch-up wave, which waits until quiet hours are over."""
    quiet_until_ms = policy.quiet_until_ms(now_ms)
    if quiet_until_ms is not None:
        return replace(state, step=Step.CATCH_UP, step_at_ms=quiet_until_ms)
    if _may_ask(instructions):
        # Twice as many as are meant: newcomers may stand before them.
        limit = min(MAX_ASKED, 2 * state.set_aside + policy.wave_size + 1)
        instructions.append(QueryWave(limit, state.stage is Stage.OFFERING_PARTIAL, catch_up=True))
    return replace(state, step=Step.CATCH_UP)


def _due_at_ms(state: DispatchState, policy: Policy, instructions: list[Instruction], now_ms: int) -> int | None:
    """Return the earliest moment at which time alone changes something; None only when nothing ever will."""
    if state.final:
        return None
    if state.assigned is not None:
        return state.assigned.hold_until_ms
    if any(isinstance(instruction, QueryWave) for instruction in instructions):
        return now_ms
    times = [state.expires_at_ms]
    if state.idle_since_ms is not None:
        times.append(state.idle_since_ms + policy.publisher_idle_ms)
    if state.step is not Step.REST and state.queued < policy.acceptors_wanted:
        times.append(state.step_at_ms)
    return min(times)
