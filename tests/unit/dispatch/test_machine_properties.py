"""Random histories of the machine: whatever happens in whatever order, what must never happen does not."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.dispatch import machine
from marketplace.dispatch.machine import open_dispatch, step
from marketplace.dispatch.policies import Policy
from marketplace.dispatch.states import (
    Assign,
    AssignmentEnded,
    Cancelled,
    CaughtUp,
    Confirmed,
    Decision,
    EndAssignment,
    Ending,
    EndSetAside,
    Event,
    Matched,
    QueryWave,
    ReleaseAcceptors,
    Revised,
    Selected,
    SendWave,
    SetAside,
    Step,
    Withdrawn,
    Woken,
)


@dataclass
class World:
    """The machine among users: everything that a database and a matcher would keep beside it."""

    policy: Policy
    pool_full: list[int]
    pool_partial: list[int]
    now_ms: int = 0
    told: list[int] = field(default_factory=list)
    queue: list[int] = field(default_factory=list)
    active: int | None = None
    done: set[int] = field(default_factory=set)
    aside: list[int] = field(default_factory=list)
    suppressed: set[int] = field(default_factory=set)
    held: set[int] = field(default_factory=set)
    caught_full: list[int] = field(default_factory=list)
    caught_partial: list[int] = field(default_factory=list)
    spares: bool = False
    decision: Decision = field(init=False)

    def __post_init__(self) -> None:
        state = open_dispatch(self.policy, now_ms=0)
        self.decision = Decision(state, (), 0)

    def apply(self, event: Event) -> None:
        before = self.decision.state
        after = step(before, self.policy, event, self.now_ms)
        if before.final:
            assert after.state == before, "a final state changed"
            assert after.instructions == ()
        self.decision = after
        self._obey(after)
        self._check(after)
        if any(isinstance(each, QueryWave) for each in after.instructions):
            self.apply(self._answer(after))

    def _spared(self, user: int) -> bool:
        """Every third user is spared in every other of some spans of time, whatever the policy says."""
        return self.spares and user % 3 == 0 and self.now_ms // 70 % 2 == 0

    def _free(self, pool: list[int], *, also: Sequence[int] = ()) -> list[int]:
        gone = {*self.told, *self.aside, *self.suppressed} - set(also)
        return [user for user in pool if user not in gone]

    def _answer(self, asked: Decision) -> Matched | CaughtUp:
        query = next(each for each in asked.instructions if isinstance(each, QueryWave))
        also = self.aside if query.catch_up else ()
        full = self._free(self.pool_full, also=also)
        partial = [user for user in self._free(self.pool_partial, also=also) if user not in full]
        if not query.with_partial:
            partial = []
        if query.catch_up:
            self.caught_full = [user for user in full if user in self.aside and not self._spared(user)]
            self.caught_partial = [user for user in partial if user in self.aside and not self._spared(user)]
            held = [user for user in full + partial if user in self.aside and self._spared(user)]
            more = len(full) + len(partial) > len(held) + len(self.caught_full) + len(self.caught_partial)
            return CaughtUp(len(self.caught_full), len(self.caught_partial), len(held), more)
        self.held = {user for user in full + partial if self._spared(user)}
        held_full = tuple(place for place, user in enumerate(full) if user in self.held)
        held_partial = tuple(place for place, user in enumerate(partial[: query.limit]) if user in self.held)
        count = min(len(partial), query.limit) if query.with_partial else None
        return Matched(len(full), count, held_full, held_partial)

    def _obey(self, decision: Decision) -> None:
        set_aside = next((each for each in decision.instructions if isinstance(each, SetAside)), SetAside(0, 0, 0))
        sends = [each for each in decision.instructions if isinstance(each, SendWave)]
        if set_aside.number and not sends:
            self._tell(0, 0, set_aside)
        for each in decision.instructions:
            match each:
                case SendWave(_, full, partial, _, False):
                    self._tell(full, partial, set_aside)
                case SendWave(_, full, partial, _, True):
                    chosen = self.caught_full[:full] + self.caught_partial[:partial]
                    assert len(chosen) == full + partial
                    assert not set(chosen) & set(self.told), "somebody is told twice"
                    self.told += chosen
                case EndSetAside(_, full, partial):
                    told = {*self.caught_full[:full], *self.caught_partial[:partial]}
                    fitting = {*self.pool_full, *self.pool_partial}
                    self.suppressed |= {user for user in self.aside if user in fitting} - told
                    self.aside.clear()
                case Assign(user_id):
                    assert self.active is None, "two assignments"
                    self.active = user_id
                case EndAssignment(user_id):
                    assert self.active == user_id
                    self.active = None
                    self.done.add(user_id)
                case ReleaseAcceptors():
                    self.done.update(self.queue)
                    self.queue.clear()

    def _tell(self, full: int, partial: int, set_aside: SetAside) -> None:
        """Cut a wave: the best of each tier, with those who are held back among them set aside."""
        chosen: list[int] = []
        reached = self._free(self.pool_full)
        rest = [user for user in self._free(self.pool_partial) if user not in reached]
        for pool, count, held in ((reached, full, set_aside.full), (rest, partial, set_aside.partial)):
            assert count + held <= len(pool)
            part = pool[: count + held]
            passed = [user for user in part if user in self.held]
            assert len(passed) == held
            self.aside += passed
            chosen += [user for user in part if user not in self.held]
        assert 1 <= len(chosen) + set_aside.full + set_aside.partial <= self.policy.wave_size
        assert not set(chosen) & set(self.told), "somebody is told twice"
        self.told += chosen

    def _check(self, decision: Decision) -> None:
        state = decision.state
        assert (state.assigned is not None) == (self.active is not None)
        assert state.notified_full + state.notified_partial == len(self.told)
        assert (state.set_aside, state.suppressed) == (len(self.aside), len(self.suppressed)) or state.final
        assert state.notified_partial <= self.policy.partial_limit
        assert state.notified_full <= self.policy.full_limit
        confirmed = state.assigned is not None and state.assigned.hold_until_ms is None
        assert (decision.due_at_ms is None) == (state.final or confirmed), "an order without a timer is forgotten"
        if state.final:
            assert not self.queue, "somebody waits for a closed dispatch"
        sends = sum(isinstance(each, SendWave) for each in decision.instructions)
        assert sends <= 1

    def wake(self) -> None:
        self.apply(Woken(len(self.queue), self.now_ms if self.queue else None))

    def act(self, name: str, pick: int) -> None:
        state = self.decision.state
        free = [u for u in self.told if u not in self.queue and u != self.active and u not in self.done]
        match name:
            case "accept" if free and not state.final and state.assigned is None:
                self.queue.append(free[pick % len(free)])
                self.wake()
            case "withdraw" if self.queue:
                self.queue.pop(pick % len(self.queue))
                self.apply(Withdrawn(len(self.queue)))
            case "select" if self.queue and not state.final:
                self.wake()
                if self.decision.state.assigned is None and not self.decision.state.final and self.queue:
                    self.apply(Selected(self.queue.pop(pick % len(self.queue))))
            case "confirm" if state.assigned is not None:
                self.apply(Confirmed(state.assigned.token))
            case "fail" if state.assigned is not None:
                self.apply(AssignmentEnded(state.assigned.token, Ending.FAILED))
            case "cancel" if state.assigned is None:
                self.apply(Cancelled())
            case "revise" if state.assigned is None and not state.final:
                self.aside.clear()
                self.suppressed.clear()
                self.apply(Revised(state.order_version + 1, self.now_ms + self.policy.dispatch_expiry_ms))
            case "join":
                self.pool_full.append(10_000 + len(self.pool_full))
            case _:
                self.wake()


ACTIONS = ("accept", "accept", "withdraw", "select", "confirm", "fail", "cancel", "revise", "join", "wake", "wake")

durations = st.sampled_from([0, 1, 10, 100])
policies = st.builds(
    Policy,
    st.just("drawn"),
    wave_size=st.integers(1, 5),
    wave_interval_ms=durations,
    full_window_ms=durations,
    partial_window_ms=durations,
    acceptors_wanted=st.integers(1, 3),
    full_limit=st.integers(1, 12),
    partial_limit=st.integers(0, 7),
    publisher_idle_ms=durations,
    hold_ms=durations,
    dispatch_expiry_ms=st.sampled_from([1, 200, 5_000]),
)
histories = st.lists(
    st.tuples(st.sampled_from(ACTIONS), st.integers(0, 100), st.sampled_from([0, 0, 1, 7, 50, 500, -30])), max_size=40
)


@settings(max_examples=300, deadline=None)
@given(policies, st.integers(0, 12), st.integers(0, 12), histories, st.booleans())
def test_nothing_forbidden_ever_happens(
    policy: Policy, full: int, partial: int, history: list[tuple[str, int, int]], spares: bool
) -> None:
    """Jumps of the clock included."""
    world = World(policy, list(range(1, full + 1)), list(range(100, 100 + partial)), spares=spares)
    world.wake()
    for name, pick, passed_ms in history:
        world.now_ms += passed_ms
        world.act(name, pick)


@settings(max_examples=200, deadline=None)
@given(policies, st.integers(0, 12), st.integers(0, 12), histories, st.booleans())
def test_left_alone_every_dispatch_ends(
    policy: Policy, full: int, partial: int, history: list[tuple[str, int, int]], spares: bool
) -> None:
    """Following its own timers only, a dispatch ends (or is confirmed) within a bounded number of steps."""
    world = World(policy, list(range(1, full + 1)), list(range(100, 100 + partial)), spares=spares)
    world.wake()
    for name, pick, passed_ms in history:
        world.now_ms += max(0, passed_ms)
        world.act(name, pick)
    for _ in range(200):
        if world.decision.due_at_ms is None:
            break
        world.now_ms = max(world.now_ms, world.decision.due_at_ms)
        world.wake()
    assert world.decision.due_at_ms is None


@settings(max_examples=150, deadline=None)
@given(policies, st.integers(0, 12), st.integers(0, 8), st.booleans())
def test_without_answers_everybody_allowed_is_told(policy: Policy, full: int, partial: int, spares: bool) -> None:
    """Nobody of the full tier is missed, up to the policy's limits: told, or suppressed for a reason."""
    policy = replace(policy, dispatch_expiry_ms=1_000_000)
    world = World(policy, list(range(1, full + 1)), list(range(100, 100 + partial)), spares=spares)
    world.wake()
    while world.decision.due_at_ms is not None:
        world.now_ms = max(world.now_ms, world.decision.due_at_ms)
        world.wake()
    assert not world.aside, "somebody waits for a catch-up that never comes"
    for pool, limit in ((world.pool_full, policy.full_limit), (world.pool_partial, policy.partial_limit)):
        told = len(set(pool).intersection(world.told))
        suppressed = len(world.suppressed.intersection(pool))
        assert told == min(len(pool) - suppressed, limit)


def test_planted_bug_a_forgotten_timer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The properties above can fail: a machine that forgets its timer while resting is caught."""
    real = machine._due_at_ms

    def forgetful(state, policy, instructions, now_ms):  # type: ignore[no-untyped-def]
        return None if state.step is Step.WINDOW else real(state, policy, instructions, now_ms)

    monkeypatch.setattr(machine, "_due_at_ms", forgetful)
    with pytest.raises(AssertionError, match="forgotten"):
        _random_histories(50)


def test_planted_bug_a_second_assignment_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that forgets who is assigned when somebody withdraws is caught."""
    real = machine.step

    def careless(state, policy, event, now_ms):  # type: ignore[no-untyped-def]
        if isinstance(event, Woken) and state.assigned is not None:
            state = replace(state, assigned=None)
        return real(state, policy, event, now_ms)

    monkeypatch.setitem(World.apply.__globals__, "step", careless)
    with pytest.raises(AssertionError):
        _random_histories(50)


def _random_histories(count: int) -> None:
    drawn = random.Random(7)
    for _ in range(count):
        policy = Policy("drawn", wave_size=2, wave_interval_ms=10, full_window_ms=50, partial_window_ms=50, hold_ms=90)
        world = World(policy, list(range(1, 6)), list(range(100, 106)))
        world.wake()
        for _ in range(40):
            world.now_ms += drawn.choice([0, 5, 30])
            world.act(drawn.choice(ACTIONS), drawn.randrange(100))
