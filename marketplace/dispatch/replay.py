"""Replays a dispatch: the machine runs again on what was recorded, and each wave must come out byte for byte.

Pure. The recorded moments (waves, people's acts, acceptances) are gone through in their order; at each the machine
looks at the time and at the queue as it then was. When a wave was sent it must ask for one, is handed the counts that
were recorded, and cuts and packs the wave anew. An answer that found nobody new leaves no row: where the machine asks
and no wave follows, the answer was empty.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from marketplace.dispatch.apply_decisions import event_line
from marketplace.dispatch.machine import open_dispatch, step
from marketplace.dispatch.packing import PackedChunk, pack
from marketplace.dispatch.plan_waves import asks
from marketplace.dispatch.recorded import DispatchRecord, RecordedEvent, RecordedWave, wave_digest
from marketplace.dispatch.remarks import Remark, RemarkCode
from marketplace.dispatch.replay_views import Replay, WaveReplay
from marketplace.dispatch.states import (
    AssignmentEnded,
    Cancelled,
    Confirmed,
    Decision,
    DispatchState,
    Ending,
    Event,
    ImpossibleEvent,
    Instruction,
    Matched,
    Refused,
    Revised,
    Selected,
    SendWave,
    Stage,
    Woken,
)

UNSEEN_MS: Final = 10_000
"""An acceptance is stamped before its commit: a wave that commits in between does not see it."""

ACTS: Final = frozenset(
    {"assigned", "confirmed", "assignment_withdrawn", "assignment_failed", "cancelled", "approved", "unmatchable"}
)
"""Kinds of events that people, or the matcher's refusal, bring about; the machine makes the others by itself."""

MAX_SILENT: Final = 16
_IDLE_LINES: Final = Counter({"publisher_reminded": 1, Stage.PUBLISHER_SILENT.value: 1})


@dataclass(slots=True)
class _Moment:
    """Everything that was recorded for one millisecond."""

    waves: list[RecordedWave] = field(default_factory=list)
    acts: list[RecordedEvent] = field(default_factory=list)
    made: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What the machine decided at one moment: the state after it, and everything that it ordered on the way."""

    decision: Decision
    ordered: tuple[Instruction, ...]

    @property
    def lines(self) -> Counter[str]:
        """The events that it would write."""
        return Counter(line[0] for line in map(event_line, self.ordered) if line is not None)

    @property
    def wave(self) -> SendWave | None:
        """The wave that it would send."""
        return next((each for each in self.ordered if isinstance(each, SendWave)), None)


def replay(record: DispatchRecord) -> Replay:
    """Run the machine again on a record; says of every wave whether it comes out byte for byte."""
    return _Replayer(record).run()


class _Replayer:
    def __init__(self, record: DispatchRecord) -> None:
        self._record, self._policy = record, record.policy
        latest_ms = None if record.revised else record.expires_at_ms
        state = open_dispatch(record.policy, now_ms=record.created_at_ms, expires_at_ms=latest_ms)
        self._state: DispatchState = replace(state, confirmed_reach=record.confirmed_reach)
        self._due_at_ms: int | None = record.created_at_ms
        self._waves: list[WaveReplay] = []
        self._differences: list[Remark] = []
        self._notes: list[Remark] = []
        self._events = 0
        self._missed = False
        self._notes_forgotten = False

    def run(self) -> Replay:
        """Go through all moments, then compare the end."""
        moments = self._moments()
        for at_ms in sorted(moments):
            self._pass_silently(at_ms)
            self._live(at_ms, moments[at_ms])
            if self._missed:
                break
        self._compare_end()
        self._note_limits()
        return Replay(
            dispatch_id=self._record.dispatch_id,
            policy=self._policy.name,
            policy_version=self._record.policy_version,
            waves=tuple(self._waves),
            events=self._events,
            differences=tuple(self._differences),
            notes=tuple(self._notes),
        )

    def _moments(self) -> dict[int, _Moment]:
        moments: dict[int, _Moment] = {}

        def at(at_ms: int) -> _Moment:
            return moments.setdefault(at_ms, _Moment())

        for wave in self._record.waves:
            at(wave.sent_at_ms).waves.append(wave)
        for event in self._record.events:
            if event.kind in ACTS:
                at(event.at_ms).acts.append(event)
            else:
                at(event.at_ms).made[event.kind] += 1
        for yes in self._record.yes:
            at(yes.accepted_at_ms)
            if yes.left_at_ms is not None:
                at(yes.left_at_ms)
        return moments

    # --- one moment -------------------------------------------------------------------------------------------------

    def _live(self, at_ms: int, moment: _Moment) -> None:
        waves, acts = deque(moment.waves), deque(moment.acts)
        while waves or acts:
            if waves and self._send(waves[0], at_ms, moment.made, before_acts=bool(acts)):
                waves.popleft()
            elif acts:
                self._act(acts.popleft(), at_ms, moment.made)
            else:
                missed = waves.popleft()
                self._missed = True
                self._add(missed, missed.digest(), None, None, Remark(RemarkCode.NOT_ASKED, {"wave": missed.number}))
                return
        self._wake(at_ms, moment.made)
        for kind in moment.made.elements():
            self._differences.append(Remark(RemarkCode.EVENT_NOT_MADE, {"kind": kind}))

    def _pass_silently(self, until_ms: int) -> None:
        """Let time change what leaves no record; what would leave one waits for the moment at which it was recorded."""
        for _ in range(MAX_SILENT):
            due_at_ms = self._due_at_ms
            if due_at_ms is None or due_at_ms >= until_ms:
                return
            decision = step(self._state, self._policy, Woken(*self._record.waiting.at(due_at_ms)), due_at_ms)
            if decision.instructions or decision.state == self._state:
                return
            self._keep(decision)

    def _wakings(self, at_ms: int, *, leaving: bool = False) -> Iterator[tuple[Woken, bool]]:
        """The queue as it was; then as it looked before the latest acceptances were committed."""
        seen: set[tuple[int, int | None]] = set()
        for unseen_from_ms in (None, at_ms, at_ms - UNSEEN_MS):
            queue = self._record.waiting.at(at_ms, unseen_from_ms=unseen_from_ms, leaving=leaving)
            if queue not in seen:
                seen.add(queue)
                yield Woken(*queue), unseen_from_ms is not None and unseen_from_ms != at_ms

    def _send(self, wave: RecordedWave, at_ms: int, made: Counter[str], *, before_acts: bool) -> bool:
        """Replay a wave; False when the machine would not ask for it now, before the acts of the same moment."""
        if wave.order_version != self._state.order_version:
            return False
        late_ms = None if self._due_at_ms is None else max(0, at_ms - self._due_at_ms)
        for woken, unseen in self._wakings(at_ms, leaving=before_acts):
            if unseen and before_acts:
                return False
            outcome = self._sent(wave, woken, at_ms)
            if outcome is not None:
                if unseen:
                    self._notes.append(Remark(RemarkCode.UNSEEN_ANSWER, {"wave": wave.number}))
                self._check(wave, outcome, late_ms)
                self._take(outcome, made)
                return True
        return False

    def _sent(self, wave: RecordedWave, woken: Woken, at_ms: int) -> _Outcome | None:
        """The outcome that sends what was recorded and is due again in time for the next wave, else the first."""
        found: _Outcome | None = None
        # Whether more of the partial tier waited is not recorded; the next wave tells.
        for more in (0, 1):
            outcome = self._answered(woken, at_ms, wave.full_count, wave.size("partial") + more, wave.size("full") > 0)
            if outcome.wave is None:
                continue
            fits = (outcome.wave.full, outcome.wave.partial) == (wave.size("full"), wave.size("partial"))
            if fits and self._leads_on(outcome, wave):
                return outcome
            if found is None or (fits and (found.wave is None or found.wave.partial != wave.size("partial"))):
                found = outcome
        return found

    def _leads_on(self, outcome: _Outcome, wave: RecordedWave) -> bool:
        following = [each for each in self._record.waves if each.number == wave.number + 1]
        due_at_ms = outcome.decision.due_at_ms
        return not following or (due_at_ms is not None and due_at_ms <= following[0].sent_at_ms)

    def _answered(self, woken: Woken, at_ms: int, full: int, partial: int, has_full: bool) -> _Outcome:  # noqa: FBT001
        """Wake the machine and answer what it asks with these counts."""
        decision = step(self._state, self._policy, woken, at_ms)
        ordered = list(decision.instructions)
        for _ in range(2):
            query = asks(decision)
            if query is None:
                break
            # An empty full tier asks once more, and then for both.
            empty = not query.with_partial and not has_full
            event = Matched(0 if empty else full, partial if query.with_partial else None)
            decision = step(decision.state, self._policy, event, at_ms)
            ordered += decision.instructions
        return _Outcome(decision, tuple(ordered))

    def _act(self, act: RecordedEvent, at_ms: int, made: Counter[str]) -> None:
        """Let somebody do what was recorded."""
        made[act.kind] += 1
        for woken, _ in self._wakings(at_ms, leaving=True):
            decision = step(self._state, self._policy, woken, at_ms)
            ordered = list(decision.instructions)
            try:
                decision = step(decision.state, self._policy, self._event(act, decision.state), at_ms)
            except ImpossibleEvent:
                continue
            outcome = _Outcome(decision, (*ordered, *decision.instructions))
            if outcome.lines[act.kind]:
                self._take(outcome, made)
                return
        made[act.kind] -= 1
        self._differences.append(Remark(RemarkCode.EVENT_NOT_MADE, {"kind": act.kind}))

    def _event(self, act: RecordedEvent, state: DispatchState) -> Event:
        token = 0 if state.assigned is None else state.assigned.token
        match act.kind:
            case "assigned":
                return Selected(act.user_id or 0)
            case "confirmed":
                return Confirmed(token)
            case "assignment_withdrawn":
                return AssignmentEnded(token, Ending.WITHDRAWN)
            case "assignment_failed":
                return AssignmentEnded(token, Ending.FAILED)
            case "approved":
                return Revised(state.order_version + 1, self._record.expires_at_ms)
            case "unmatchable":
                return Refused()
            case _:
                return Cancelled()

    def _wake(self, at_ms: int, made: Counter[str]) -> None:
        """Let time and queue bring what they bring; what is recorded for this moment must come, and nothing else."""
        best: _Outcome | None = None
        # Who is released by a close leaves the queue in this very moment, and after the machine counted it.
        queues = [woken for leaving in (False, True) for woken, _ in self._wakings(at_ms, leaving=leaving)]
        for woken in queues:
            for outcome in self._emptily(woken, at_ms):
                if not outcome.lines - made and (best is None or self._says_more(outcome, best)):
                    best = outcome
        if best is not None:
            self._take(best, made)
        forgotten = made & _IDLE_LINES
        if forgotten and self._queue_forgot(at_ms):
            self._wake(at_ms, made)

    def _queue_forgot(self, at_ms: int) -> bool:
        """Let the publisher have been waited for since so long ago that the recorded reminder is due.

        An acceptance that was withdrawn and given again is kept with its last time only.
        """
        since_ms = at_ms - self._policy.publisher_idle_ms
        known_ms = self._state.idle_since_ms
        if self._notes_forgotten or (known_ms is not None and known_ms <= since_ms):
            return False
        self._notes_forgotten = True
        self._notes.append(Remark(RemarkCode.FIRST_YES_NOT_KEPT))
        self._state = replace(self._state, idle_since_ms=since_ms, queued=max(1, self._state.queued))
        return True

    def _emptily(self, woken: Woken, at_ms: int) -> Iterator[_Outcome]:
        """The machine's decisions when nobody new is found: without an answer, and after each one that it asks for."""
        decision = step(self._state, self._policy, woken, at_ms)
        ordered = list(decision.instructions)
        yield _Outcome(decision, tuple(ordered))
        while (query := asks(decision)) is not None:
            decision = step(decision.state, self._policy, Matched(0, 0 if query.with_partial else None), at_ms)
            ordered += decision.instructions
            yield _Outcome(decision, tuple(ordered))

    def _says_more(self, outcome: _Outcome, best: _Outcome) -> bool:
        if outcome.lines.total() != best.lines.total():
            return outcome.lines.total() > best.lines.total()
        # The partial window of a tier without waves runs from the empty answer itself, so that one is taken at once.
        before, after = best.decision.state, outcome.decision.state
        waits = before.stage is Stage.OFFERING_PARTIAL and before.last_wave_at_ms is None
        return waits and after.last_wave_at_ms is not None

    # --- what comes of it -------------------------------------------------------------------------------------------

    def _take(self, outcome: _Outcome, made: Counter[str]) -> None:
        """Go on from an outcome, and tick off what it was to bring."""
        for kind in (outcome.lines - made).elements():
            self._differences.append(Remark(RemarkCode.EVENT_NOT_RECORDED, {"kind": kind}))
        self._events += (outcome.lines & made).total()
        made.subtract(outcome.lines & made)
        self._keep(outcome.decision)

    def _keep(self, decision: Decision) -> None:
        self._state, self._due_at_ms = decision.state, decision.due_at_ms

    def _check(self, wave: RecordedWave, outcome: _Outcome, late_ms: int | None) -> None:
        """Cut and pack what the machine ordered, and compare."""
        send = outcome.wave
        assert send is not None  # noqa: S101  # narrows the type: only outcomes with a wave come here
        recorded = wave.digest()
        replayed = wave_digest(send.number, send.full, send.partial, send.expires_at_ms, _cut(wave, send))
        difference: Remark | None = None
        told = (wave.size("full"), wave.size("partial"))
        if (send.full, send.partial) != told:
            sizes = {"told_full": told[0], "told_partial": told[1], "full": send.full, "partial": send.partial}
            difference = Remark(RemarkCode.OTHER_SIZE, {"wave": wave.number, **sizes})
        elif recorded != replayed:
            difference = Remark(RemarkCode.OTHER_BYTES, {"wave": wave.number})
        self._add(wave, recorded, replayed, late_ms, difference)

    def _add(
        self, wave: RecordedWave, recorded: str, replayed: str | None, late_ms: int | None, difference: Remark | None
    ) -> None:
        if difference is not None:
            self._differences.append(difference)
        self._waves.append(
            WaveReplay(
                number=wave.number,
                sent_at_ms=wave.sent_at_ms,
                late_ms=late_ms,
                full=wave.size("full"),
                partial=wave.size("partial"),
                recorded_digest=recorded,
                replayed_digest=replayed,
            )
        )

    def _compare_end(self) -> None:
        state, record = self._state, self._record
        for wave in record.waves[len(self._waves) :]:
            self._add(wave, wave.digest(), None, None, Remark(RemarkCode.NOT_REACHED, {"wave": wave.number}))
        if self._missed:
            return
        assigned = None if state.assigned is None else state.assigned.user_id
        replayed = (state.stage, state.notified_full, state.notified_partial, assigned)
        recorded = (record.stage, record.notified_full, record.notified_partial, record.assigned_user_id)
        if replayed != recorded:
            ends = {"replayed": _told(replayed), "recorded": _told(recorded)}
            self._differences.append(Remark(RemarkCode.OTHER_END, ends))

    def _note_limits(self) -> None:
        """Say what the record cannot hold."""
        record = self._record
        if record.revised:
            self._notes.append(Remark(RemarkCode.EARLIER_EXPIRY_UNKNOWN))
            return
        full = max(0, (record.first_full_count or 0) - record.notified_full)
        partial = max(0, (record.first_partial_count or 0) - record.notified_partial)
        if full or partial:
            self._notes.append(Remark(RemarkCode.UNTOLD_NOT_NAMED, {"full": full, "partial": partial}))
        if record.first_partial_count is None and record.waves:
            self._notes.append(Remark(RemarkCode.PARTIAL_NEVER_ASKED))


def _cut(wave: RecordedWave, send: SendWave) -> Sequence[tuple[str, PackedChunk]]:
    """Cut the wave as it was cut then: the best of each tier, packed anew."""
    full = pack(wave.told("full").take(send.full))
    partial = pack(wave.told("partial").take(send.partial))
    return [*(("full", chunk) for chunk in full), *(("partial", chunk) for chunk in partial)]


def _told(end: tuple[Stage, int, int, int | None]) -> str:
    stage, full, partial, assigned = end
    whom = "" if assigned is None else f", user {assigned} assigned"
    return f"{stage.value} with {full:,} full and {partial:,} partial users told{whom}"
