"""Shards behind one coordinator give what the reference gives, whatever befalls them in whatever order.

Beside what users do: merges that end when they please, nights, snapshots, shards that die and come back, snapshots
found cut, everybody loaded and placed anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from engine.coordinator import Coordinator
from engine.feeder import Feeder
from engine.ports import ShardLost, UnknownBarrier
from engine.shards import Shard
from engine.shards.nightly import MS_A_DAY
from matching.index.segment_set import SegmentSetState
from matching.profiles import Profile
from matching.query import Query
from matching.vocabulary import Vocabulary
from tests.strategies import SMALL_TAXONOMY, STEADY
from tests.unit.engine.test_feeder import MemoryLog, MortalShard
from tests.unit.engine.test_merges import Aside, Clock
from tests.unit.matching.index_machine import (
    MOST_USERS,
    Asked,
    ChangingUsers,
    Published,
    drawn_orders,
    gone,
    list_sizes,
    orders,
    settlers,
    ways,
)


class SmallShard(MortalShard):
    """A mortal shard of small bounds, whose merges wait until they are run."""

    def __init__(self, shard_id: int, directory: Path, delta_users: int, segment_users: int) -> None:
        super().__init__(shard_id, directory)
        self.aside, self.clock = Aside(), Clock()
        self._delta_users, self._segment_users = delta_users, segment_users
        self._begin()

    def die(self) -> None:
        super().die()
        self._begin()

    def state(self, barrier: int) -> SegmentSetState:
        """What it publishes at a barrier."""
        return self._shard._state_at(barrier)

    def _begin(self) -> None:
        self.aside.waiting.clear()
        self._shard = Shard(
            self.shard_id,
            self.directory,
            delta_users=self._delta_users,
            segment_users=self._segment_users,
            resort_hour_utc=19,
            run_aside=self.aside,
            clock=self.clock,
        )


class Town:
    """The log, small shards, their coordinator, and the feeder between them."""

    def __init__(self, folder: Path, shards: int, delta_users: int, segment_users: int) -> None:
        self.log = MemoryLog()
        self.shards = [SmallShard(s, folder / f"shard-{s}", delta_users, segment_users) for s in range(shards)]
        self.coordinator = Coordinator(self.shards, SMALL_TAXONOMY, Vocabulary())
        self.feeder = Feeder(self.coordinator, self.log)

    def change(self, put: Iterable[Profile], deleted: Iterable[int]) -> None:
        """Write to the log and have it published."""
        for profile in put:
            self.log.put(profile)
        for user_id in deleted:
            self.log.delete(user_id)
        self.feeder.step()

    def state(self) -> SegmentSetState:
        """What all shards publish, as one."""
        barrier = self.coordinator.barrier
        assert barrier is not None
        states = [shard.state(barrier) for shard in self.shards]
        parts = tuple(part for state in states for part in state.parts)
        return SegmentSetState(parts, sum(state.population for state in states))

    def ask(self, queries: list[Query], profiles: Iterable[Profile]) -> Asked:
        """With the numbers of the coordinator."""
        return Asked(queries, profiles, self.coordinator.vocabulary, self.coordinator._population.crowds)

    def check(self, queries: list[Query]) -> None:
        """Through the coordinator, at the present barrier: both tiers, the full tier with routing, everybody."""
        asked = self.ask(queries, self.log.profiles.values())
        results = self.coordinator.match(queries)
        assert [result.to_match() for result in results] == asked.expected
        assert all(result.certificate.population == len(asked.profiles) for result in results)
        routed = self.coordinator.match(queries, full_only=True)
        for result, expected, everybody in zip(routed, asked.expected, asked.full_sets, strict=True):
            assert (result.full_count, result.full.rows()) == (expected.full_count, expected.full)
            assert result.certificate.is_complete()
            assert self.coordinator.full_set(replace(queries[result.order - 1])).ids().tolist() == everybody


class ShardsMachine(ChangingUsers):
    """One to three shards."""

    town: Town

    @initialize(
        target=ChangingUsers.published,
        count=st.integers(0, MOST_USERS),
        shards=st.integers(1, 3),
        delta_users=st.integers(0, 4),
        segment_users=st.integers(6, 30) | st.just(1_000),
        way=ways,
        dense_from=list_sizes,
    )
    def settle(
        self, count: int, shards: int, delta_users: int, segment_users: int, way: list[int], dense_from: int
    ) -> Published:
        self.work_by(way, dense_from)
        self.town = Town(self.folder, shards, delta_users, segment_users)
        self.town.feeder.start()
        return self.move_on(settlers(count), set())

    def change(self, put: Mapping[int, Profile], deleted: set[int]) -> Published:
        self.town.change(put.values(), deleted)
        return self.publish(self.town.state())

    def ask(self, queries: list[Query], profiles: Iterable[Profile]) -> Asked:
        return self.town.ask(queries, profiles)

    def vocabulary(self) -> Vocabulary:
        return self.town.coordinator.vocabulary

    @rule(numbers=orders)
    def ask_the_coordinator(self, numbers: list[int]) -> None:
        self.town.check(drawn_orders(numbers, self.vocabulary()))

    @rule(which=st.integers(0, 2))
    def merges_end(self, which: int) -> None:
        """Of one shard; the next barrier swaps them in."""
        self._shard(which).aside.run()

    @rule()
    def a_day_goes_by(self) -> None:
        for shard in self.town.shards:
            shard.clock.now_ms += MS_A_DAY

    @rule()
    def snapshot(self) -> None:
        self.town.coordinator.snapshot()

    @rule(target=ChangingUsers.published, which=st.integers(0, 2), users=gone)
    def a_shard_dies(self, which: int, users: set[int]) -> Published:
        """Nothing is answered without it; it comes back with what changed since its snapshot, and now."""
        self._shard(which).die()
        with pytest.raises((ShardLost, UnknownBarrier)):
            self.town.coordinator.match(drawn_orders([0], self.vocabulary()))
        return self.move_on({}, users)

    @rule(target=ChangingUsers.published, which=st.integers(0, 2), users=gone)
    def a_shard_dies_while_a_barrier_is_cut(self, which: int, users: set[int]) -> Published:
        shard = self._shard(which)
        shard.dies_at_next_apply = True
        here = self.move_on({}, users)
        shard.dies_at_next_apply = False
        return here

    @rule(target=ChangingUsers.published, which=st.integers(0, 2), file=st.integers(0, 1_000))
    def a_shard_dies_and_its_snapshot_is_cut_in_half(self, which: int, file: int) -> Published:
        shard = self._shard(which)
        shard.die()
        files = sorted(path for path in shard.directory.rglob("*") if path.is_file())
        if files:
            cut = files[file % len(files)]
            whole = cut.read_bytes()
            # Older states are mapped from the file itself: another one takes its place.
            cut.unlink()
            cut.write_bytes(whole[: len(whole) // 2])
        return self.move_on({}, set())

    @rule(target=ChangingUsers.published)
    def everybody_is_loaded_anew(self) -> Published:
        self.town.feeder.start()
        return self.publish(self.town.state())

    def _shard(self, which: int) -> SmallShard:
        return self.town.shards[which % len(self.town.shards)]


HISTORIES = settings(STEADY, max_examples=80, stateful_step_count=30)


def test_any_history_of_shards_gives_the_reference() -> None:
    run_state_machine_as_test(ShardsMachine, settings=HISTORIES)


@pytest.mark.nightly
@pytest.mark.timeout(3_600)
def test_many_more_and_longer_histories_of_shards_do() -> None:
    run_state_machine_as_test(ShardsMachine, settings=settings(STEADY, max_examples=1_500, stateful_step_count=50))


FIRST_FOUND = settings(HISTORIES, phases=[Phase.generate], report_multiple_bugs=False)


def test_a_planted_bug_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who moves to another shard stays in the old one, too."""
    settle = Coordinator._publish

    def nobody_leaves(self: Coordinator, barrier: int, parts: list[tuple[object, np.ndarray]]) -> None:
        settle(self, barrier, [(columns, np.zeros(0, np.int64)) for columns, _ in parts])  # type: ignore[misc]

    monkeypatch.setattr(Coordinator, "_publish", nobody_leaves)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(ShardsMachine, settings=FIRST_FOUND)
