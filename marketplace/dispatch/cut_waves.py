"""The part of the dispatch machine that cuts waves: how many of each tier are told, passed over, left for later."""

from bisect import bisect_left
from dataclasses import dataclass, replace

from marketplace.dispatch.policies import Policy
from marketplace.dispatch.states import (
    CaughtUp,
    DispatchState,
    EndSetAside,
    ImpossibleEvent,
    Instruction,
    Matched,
    MoveTo,
    ReleaseAcceptors,
    SendWave,
    SetAside,
    Stage,
    Step,
)


@dataclass(frozen=True, slots=True)
class _Cut:
    """How many of each tier a wave tells and passes over, and whether more candidates are there for the next one."""

    full: int
    partial: int
    held_full: int
    held_partial: int
    more: bool
    catch_up: bool = False

    @property
    def told(self) -> int:
        return self.full + self.partial

    @property
    def held(self) -> int:
        return self.held_full + self.held_partial


def send(
    state: DispatchState, policy: Policy, event: Matched, now_ms: int, instructions: list[Instruction]
) -> DispatchState:
    """Cut one wave from the candidates that were found."""
    require_question(state, Step.WAVE)
    room = _room(state, policy)
    room_full = min(policy.full_limit - state.notified_full - state.set_aside_full, room)
    full = max(0, min(event.full, policy.wave_size, room_full))
    held_full = bisect_left(event.held_full, full)
    more_full = event.full > full and room_full > full
    if state.stage in (Stage.APPROVED, Stage.OFFERING_FULL):
        state = enter(state, Stage.OFFERING_FULL, instructions)
        if full:
            cut = _Cut(full - held_full, 0, held_full, 0, more_full)
            return _record_wave(state, policy, cut, now_ms, instructions)
        if state.last_wave_at_ms is not None:
            return replace(state, step=Step.WINDOW, step_at_ms=state.last_wave_at_ms + policy.full_window_ms)
        # An empty full tier escalates at once.
        state = enter(replace(state, step_at_ms=now_ms), Stage.OFFERING_PARTIAL, instructions)
    if event.partial is None:
        return state
    room_partial = min(policy.partial_limit - state.notified_partial - state.set_aside_partial, room - full)
    partial = max(0, min(event.partial, policy.wave_size - full, room_partial))
    if full or partial:
        held_partial = bisect_left(event.held_partial, partial)
        more = more_full or (event.partial > partial and room_partial > partial)
        cut = _Cut(full - held_full, partial - held_partial, held_full, held_partial, more)
        return _record_wave(state, policy, cut, now_ms, instructions)
    if not (state.waves or state.set_aside or state.queued):
        return close(state, Stage.EXHAUSTED, instructions)
    started_ms = now_ms if state.last_wave_at_ms is None else state.last_wave_at_ms
    return replace(
        state, last_wave_at_ms=started_ms, step=Step.WINDOW, step_at_ms=started_ms + policy.partial_window_ms
    )


def catch_up(
    state: DispatchState, policy: Policy, event: CaughtUp, now_ms: int, instructions: list[Instruction]
) -> DispatchState:
    """Tell those who were set aside and may be told now; the others of them are suppressed for good."""
    require_question(state, Step.CATCH_UP)
    state = replace(state, set_aside_full=0, set_aside_partial=0)
    room = _room(state, policy)
    full = max(0, min(event.full, policy.full_limit - state.notified_full, room))
    partial = max(0, min(event.partial, policy.partial_limit - state.notified_partial, room - full))
    instructions.append(EndSetAside(state.waves + 1, full, partial))
    suppressed = event.suppressed + event.full - full + event.partial - partial
    state = replace(state, suppressed=state.suppressed + suppressed)
    # Whoever is suppressed for good leaves his place in the limits to the next candidate.
    more = event.more and room > full + partial
    if full or partial:
        return _record_wave(state, policy, _Cut(full, partial, 0, 0, more, catch_up=True), now_ms, instructions)
    return replace(state, step=Step.WAVE if more else Step.WINDOW, step_at_ms=now_ms)


def _room(state: DispatchState, policy: Policy) -> int:
    """How many more users may be told at all: the confirmed reach, else as many as both tiers allow.

    Those who are set aside keep their places until their catch-up wave.
    """
    most = policy.full_limit + policy.partial_limit if state.confirmed_reach is None else state.confirmed_reach
    return most - state.notified_full - state.notified_partial - state.set_aside


def _record_wave(
    state: DispatchState, policy: Policy, cut: _Cut, now_ms: int, instructions: list[Instruction]
) -> DispatchState:
    number = state.waves + 1
    if cut.held:
        instructions.append(SetAside(number, cut.held_full, cut.held_partial))
    if cut.told:
        expires_at_ms = min(now_ms + policy.offer_expiry_ms, state.expires_at_ms)
        instructions.append(SendWave(number, cut.full, cut.partial, expires_at_ms, cut.catch_up))
    window_ms = policy.full_window_ms if state.stage is Stage.OFFERING_FULL else policy.partial_window_ms
    # A round that tells nobody takes nobody's time; at night the next one would tell nobody either.
    at_once = not cut.told and policy.quiet_until_ms(now_ms) is None
    interval_ms = 0 if at_once else policy.wave_interval_ms
    return replace(
        state,
        waves=number if cut.told else state.waves,
        notified_full=state.notified_full + cut.full,
        notified_partial=state.notified_partial + cut.partial,
        set_aside_full=state.set_aside_full + cut.held_full,
        set_aside_partial=state.set_aside_partial + cut.held_partial,
        last_wave_at_ms=now_ms,
        step=Step.WAVE if cut.more else Step.WINDOW,
        step_at_ms=now_ms + (interval_ms if cut.more else window_ms),
    )


def require_question(state: DispatchState, *steps: Step) -> None:
    """Raise ImpossibleEvent unless the dispatch waits for the answer to a question of one of these steps."""
    if state.step not in steps or state.assigned is not None:
        raise ImpossibleEvent("this was not asked for")


def enter(state: DispatchState, stage: Stage, instructions: list[Instruction]) -> DispatchState:
    """Move to a stage, unless there already."""
    if state.stage is stage:
        return state
    instructions.append(MoveTo(stage))
    return replace(state, stage=stage, last_wave_at_ms=None)


def close(state: DispatchState, stage: Stage, instructions: list[Instruction]) -> DispatchState:
    """End the dispatch; whoever waits in the queue is released."""
    instructions.append(MoveTo(stage))
    if state.queued:
        instructions.append(ReleaseAcceptors())
    return replace(state, stage=stage, step=Step.REST, queued=0, idle_since_ms=None, reminded=False)
