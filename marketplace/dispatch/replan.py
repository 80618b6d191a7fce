"""Re-plans a dispatch under another policy: the same candidates and people, other waves and timers.

Pure. The candidates are those of the record, in their recorded order; of those whom a limit left out only the numbers
are known. People do what they did, as long after being told as they took then: who accepted accepts, the publisher
selects the same user, a cancellation comes at its own time. Every wave goes out the moment it is due.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Final, Literal

from marketplace.dispatch.machine import open_dispatch, step
from marketplace.dispatch.plan_waves import asks
from marketplace.dispatch.policies import Policy
from marketplace.dispatch.recorded import DispatchRecord
from marketplace.dispatch.remarks import Remark, RemarkCode
from marketplace.dispatch.replay_views import Plan, PlannedWave, Replan
from marketplace.dispatch.states import (
    Cancelled,
    Decision,
    Event,
    Matched,
    MoveTo,
    Selected,
    SendWave,
    Stage,
    Woken,
)

MAX_STEPS: Final = 50_000
MAX_SHOWN_WAVES: Final = 200

Act = Literal["accept", "withdraw", "select", "cancel"]


def replan(record: DispatchRecord, policy: Policy, policy_version: int | None, *, now_ms: int) -> Replan:
    """Plan the recorded candidates under ``policy``, up to the end or, of a dispatch that is open, up to now."""
    planner = _Planner(record, policy, now_ms)
    planned = planner.run(policy_version)
    return Replan(recorded_plan(record), planned, tuple(planner.notes))


def recorded_plan(record: DispatchRecord) -> Plan:
    """Return what happened, in the words of a plan."""
    since_ms = record.created_at_ms

    def after_ms(at_ms: int | None) -> int | None:
        return None if at_ms is None else at_ms - since_ms

    waves = [
        PlannedWave(wave.number, wave.sent_at_ms - since_ms, wave.size("full"), wave.size("partial"))
        for wave in record.waves
    ]
    partial = [event.at_ms for event in record.events if event.kind == Stage.OFFERING_PARTIAL]
    assigned = [event.at_ms for event in record.events if event.kind == "assigned"]
    yes = [each.accepted_at_ms for each in record.yes]
    return Plan(
        policy=record.policy.name,
        policy_version=record.policy_version,
        full=record.notified_full,
        partial=record.notified_partial,
        waves=len(waves),
        first_waves=tuple(waves[:MAX_SHOWN_WAVES]),
        first_notice_ms=waves[0].at_ms if waves else None,
        last_notice_ms=waves[-1].at_ms if waves else None,
        partial_tier_ms=after_ms(min(partial, default=None)),
        first_acceptance_ms=after_ms(min(yes, default=None)),
        acceptances=len(yes),
        assigned_ms=after_ms(min(assigned, default=None)),
        ended_ms=after_ms(record.closed_at_ms),
        stage=record.stage.value,
    )


@dataclass(slots=True)
class _Tier:
    """Candidates of one tier: those known by name, best first, then a number of others."""

    named: Sequence[int]
    others: int
    given: int = 0

    @property
    def left(self) -> int:
        return len(self.named) + self.others - self.given

    def take(self, wanted: int) -> Sequence[int]:
        taken = self.named[self.given : self.given + wanted]
        self.given += wanted
        return taken


@dataclass(slots=True)
class _Habits:
    """How long people took, in milliseconds: to accept after being told, to withdraw and the publisher to select after
    an acceptance.
    """

    accept: dict[int, int] = field(default_factory=dict)
    withdraw: dict[int, int] = field(default_factory=dict)
    select: dict[int, int] = field(default_factory=dict)
    cancel_at_ms: int | None = None


class _Planner:
    def __init__(self, record: DispatchRecord, policy: Policy, now_ms: int) -> None:
        self._record, self._policy = record, policy
        # What happens after today is nobody's record; a dispatch that is over is planned to its own end.
        over = record.closed_at_ms is not None or record.assigned_user_id is not None
        self._until_ms = None if over else now_ms
        self.notes: list[Remark] = []
        self._full, self._partial = self._candidates()
        self._habits = _habits(record)
        self._acts: list[tuple[int, int, Act, int]] = []
        self._numbers = count()
        self._queue: dict[int, int] = {}
        self._waves: list[PlannedWave] = []
        self._wave_count = self._steps = self._acceptances = 0
        self._last_notice_ms: int | None = None
        self._partial_at_ms: int | None = None
        self._first_yes_ms: int | None = None
        self._assigned_at_ms: int | None = None
        self._ended_at_ms: int | None = None
        self._expires: dict[int, int] = {}

    def _candidates(self) -> tuple[_Tier, _Tier]:
        record, floor = self._record, self._policy.partial_floor
        full = [user for wave in record.waves for user in wave.told("full").user_ids]
        partial: list[int] = []
        lowest: int | None = None
        for wave in record.waves:
            told = wave.told("partial")
            partial += [user for user, score in zip(told.user_ids, told.scores, strict=True) if score >= floor]
            lowest = min((*told.scores, *(() if lowest is None else (lowest,))), default=None)
        others = max(0, (record.first_full_count or 0) - len(full))
        if others:
            self.notes.append(Remark(RemarkCode.UNTOLD_NOT_NAMED, {"full": others, "partial": 0}))
        if record.first_partial_count is None:
            self.notes.append(Remark(RemarkCode.PARTIAL_NEVER_ASKED))
        else:
            untold = max(0, record.first_partial_count - record.notified_partial)
            # Ranked by score: nobody who was left out stands above the last who was told.
            below = lowest is not None and floor > lowest
            if untold and not below and not (floor >= record.policy.partial_floor and _all_told(record)):
                self.notes.append(Remark(RemarkCode.UNTOLD_UNPLANNED, {"partial": untold}))
        return _Tier(full, others), _Tier(partial, 0)

    def run(self, policy_version: int | None) -> Plan:
        """Let the machine run through time."""
        record = self._record
        expires_at_ms = None if record.revised else self._own_expiry_ms()
        now_ms = record.created_at_ms
        opened = open_dispatch(self._policy, now_ms=now_ms, expires_at_ms=expires_at_ms)
        decision = Decision(replace(opened, confirmed_reach=record.confirmed_reach), (), now_ms)
        if self._habits.cancel_at_ms is not None:
            self._push(self._habits.cancel_at_ms, "cancel", 0)
        while (at_ms := self._next_ms(decision)) is not None:
            if self._steps >= MAX_STEPS:
                self.notes.append(Remark(RemarkCode.CUT_SHORT, {"steps": MAX_STEPS}))
                break
            self._steps += 1
            decision = self._live(decision, max(now_ms, at_ms))
            now_ms = max(now_ms, at_ms)
            if self._assigned_at_ms is not None or decision.state.final:
                break
        return self._plan(decision, policy_version)

    def _own_expiry_ms(self) -> int | None:
        """The order's own expiry, if that and not the policy's ended it."""
        record = self._record
        by_policy = record.created_at_ms + record.policy.dispatch_expiry_ms
        return record.expires_at_ms if record.expires_at_ms < by_policy else None

    def _next_ms(self, decision: Decision) -> int | None:
        times = [] if decision.due_at_ms is None else [decision.due_at_ms]
        if self._acts:
            times.append(self._acts[0][0])
        at_ms = min(times, default=None)
        beyond = at_ms is not None and self._until_ms is not None and at_ms > self._until_ms
        return None if beyond else at_ms

    def _live(self, decision: Decision, now_ms: int) -> Decision:
        events: list[Event] = []
        while self._acts and self._acts[0][0] <= now_ms:
            _, _, act, user_id = heapq.heappop(self._acts)
            event = self._act(act, user_id, now_ms)
            if event is not None:
                events.append(event)
        decision = step(decision.state, self._policy, self._woken(), now_ms)
        self._obey(decision, now_ms)
        for event in events:
            if decision.state.final or (isinstance(event, Selected) and not decision.state.queued):
                continue
            decision = step(decision.state, self._policy, event, now_ms)
            self._obey(decision, now_ms)
        return self._answered(decision, now_ms)

    def _answered(self, decision: Decision, now_ms: int) -> Decision:
        for _ in range(2):
            query = asks(decision)
            if query is None:
                break
            event = Matched(self._full.left, self._partial.left if query.with_partial else None)
            decision = step(decision.state, self._policy, event, now_ms)
            self._obey(decision, now_ms)
        return decision

    def _woken(self) -> Woken:
        return Woken(len(self._queue), min(self._queue.values(), default=None))

    def _act(self, act: Act, user_id: int, now_ms: int) -> Event | None:
        match act:
            case "accept":
                if self._assigned_at_ms is None and now_ms < self._expires[user_id]:
                    self._accept(user_id, now_ms)
                return None
            case "withdraw":
                self._queue.pop(user_id, None)
                return None
            case "select":
                if self._assigned_at_ms is not None or user_id not in self._queue:
                    return None
                self._assigned_at_ms = now_ms
                return Selected(user_id)
            case "cancel":
                return Cancelled()

    def _accept(self, user_id: int, now_ms: int) -> None:
        self._queue[user_id] = now_ms
        self._acceptances += 1
        self._first_yes_ms = self._first_yes_ms if self._first_yes_ms is not None else now_ms
        if user_id in self._habits.withdraw:
            self._push(now_ms + self._habits.withdraw[user_id], "withdraw", user_id)
        if user_id in self._habits.select:
            self._push(now_ms + self._habits.select[user_id], "select", user_id)

    def _push(self, at_ms: int, act: Act, user_id: int) -> None:
        heapq.heappush(self._acts, (at_ms, next(self._numbers), act, user_id))

    def _obey(self, decision: Decision, now_ms: int) -> None:
        for instruction in decision.instructions:
            if isinstance(instruction, SendWave):
                self._tell(instruction, now_ms)
            elif isinstance(instruction, MoveTo):
                if instruction.stage is Stage.OFFERING_PARTIAL and self._partial_at_ms is None:
                    self._partial_at_ms = now_ms
                if decision.state.final:
                    self._ended_at_ms = now_ms

    def _tell(self, send: SendWave, now_ms: int) -> None:
        self._wave_count += 1
        self._last_notice_ms = now_ms
        if len(self._waves) < MAX_SHOWN_WAVES:
            since_ms = self._record.created_at_ms
            self._waves.append(PlannedWave(send.number, now_ms - since_ms, send.full, send.partial))
        for user_id in (*self._full.take(send.full), *self._partial.take(send.partial)):
            if user_id in self._habits.accept:
                self._expires[user_id] = send.expires_at_ms
                self._push(now_ms + self._habits.accept[user_id], "accept", user_id)

    def _plan(self, decision: Decision, policy_version: int | None) -> Plan:
        since_ms, state = self._record.created_at_ms, decision.state

        def after_ms(at_ms: int | None) -> int | None:
            return None if at_ms is None else at_ms - since_ms

        return Plan(
            policy=self._policy.name,
            policy_version=policy_version,
            full=state.notified_full,
            partial=state.notified_partial,
            waves=self._wave_count,
            first_waves=tuple(self._waves),
            first_notice_ms=self._waves[0].at_ms if self._waves else None,
            last_notice_ms=after_ms(self._last_notice_ms),
            partial_tier_ms=after_ms(self._partial_at_ms),
            first_acceptance_ms=after_ms(self._first_yes_ms),
            acceptances=self._acceptances,
            assigned_ms=after_ms(self._assigned_at_ms),
            ended_ms=after_ms(self._ended_at_ms),
            stage=state.stage.value,
        )


def _all_told(record: DispatchRecord) -> bool:
    """Whether everybody of the partial tier above the policy's floor was told: it ended so, and no limit was met."""
    return record.stage is Stage.EXHAUSTED and record.notified_partial < record.policy.partial_limit


def _habits(record: DispatchRecord) -> _Habits:
    told_at_ms = {
        user: wave.sent_at_ms
        for wave in record.waves
        for tier in ("full", "partial")
        for user in wave.told("full" if tier == "full" else "partial").user_ids
    }
    habits = _Habits()
    for yes in record.yes:
        if yes.user_id in told_at_ms:
            habits.accept[yes.user_id] = max(0, yes.accepted_at_ms - told_at_ms[yes.user_id])
        if yes.state == "withdrawn" and yes.left_at_ms is not None:
            habits.withdraw[yes.user_id] = yes.left_at_ms - yes.accepted_at_ms
    first = {yes.user_id: yes.accepted_at_ms for yes in record.yes}
    for event in record.events:
        if event.kind == "assigned" and event.user_id in first and event.user_id not in habits.select:
            habits.select[event.user_id] = max(0, event.at_ms - first[event.user_id])
        if event.kind == Stage.CANCELLED:
            habits.cancel_at_ms = event.at_ms
    return habits
