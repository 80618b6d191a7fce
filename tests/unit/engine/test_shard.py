"""A shard publishes a state a barrier and keeps two; snapshots restore exactly, or the shard says that it is empty."""

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.ports import ShardSetup, UnknownBarrier
from engine.shards import BarrierOutOfOrder, Shard
from engine.shards.snapshots import MANIFEST, SnapshotFailed
from matching.profiles import Profile, parse_profile
from matching.query import Query
from matching.reference import match
from tests.strategies import SMALL_TAXONOMY, STEADY, frozen, order_document, profile_document
from tests.unit.matching.index_cases import NOBODY, TREES, Numbers, answers

SETUP = ShardSetup(1, 1, TREES.region_parents, TREES.industry_parents)


def people(count: int, seed: int = 1) -> list[Profile]:
    dice = random.Random(seed)
    return [parse_profile(profile_document(dice.getrandbits(48), i), SMALL_TAXONOMY) for i in range(1, count + 1)]


def orders(numbers: Numbers) -> list[Query]:
    return frozen([order_document(11**number, number) for number in range(1, 25)], numbers.vocabulary)


def at_once(work: Callable[[], None]) -> None:
    """Merges are done by the next barrier, in every run."""
    work()


def loaded(directory: Path | None, profiles: list[Profile], numbers: Numbers) -> Shard:
    shard = Shard(0, directory, delta_users=4, segment_users=50, run_aside=at_once)
    shard.reset(SETUP)
    shard.apply(5, numbers.encode(profiles), NOBODY)
    return shard


def check(shard: Shard, barrier: int, profiles: list[Profile], numbers: Numbers) -> None:
    queries = orders(numbers)
    batch = numbers.compile(queries)
    answer = shard.match(batch, barrier)
    expected = [match(profiles, query, SMALL_TAXONOMY) for query in queries]
    assert answer.population == len(profiles)
    assert answer.full_counts.tolist() == [one.full_count for one in expected]
    assert answer.partial_counts.tolist() == [one.partial_count for one in expected]
    assert answer.full_ids.tolist() == [user for one in expected for user, _, _ in one.full]
    assert answer.partial_ids.tolist() == [user for one in expected for user, _, _ in one.partial]


def test_two_states_are_kept_and_no_other_is_answered() -> None:
    numbers = Numbers()
    profiles = people(30)
    shard = loaded(None, profiles, numbers)
    shard.apply(6, numbers.encode([]), np.array([1, 2], np.int64))
    assert shard.published() == [5, 6]
    check(shard, 5, profiles, numbers)
    check(shard, 6, profiles[2:], numbers)
    shard.apply(9, numbers.encode(profiles[:1]), NOBODY)
    assert shard.published() == [6, 9]
    check(shard, 9, [profiles[0], *profiles[2:]], numbers)
    for barrier in (5, 7, 10):
        with pytest.raises(UnknownBarrier, match=f"barrier {barrier} "):
            shard.match(numbers.compile(orders(numbers)), barrier)


def test_a_barrier_that_is_not_above_the_newest_is_refused_and_changes_nothing() -> None:
    numbers = Numbers()
    profiles = people(10)
    shard = loaded(None, profiles, numbers)
    for barrier in (5, 4):
        with pytest.raises(BarrierOutOfOrder, match="shard 0"):
            shard.apply(barrier, numbers.encode([]), np.array([1], np.int64))
    check(shard, 5, profiles, numbers)


def test_a_shard_that_came_back_empty_publishes_nothing() -> None:
    shard = Shard(3)
    assert shard.published() == []
    assert shard.stats().population == 0
    assert shard.snapshot() == 0
    with pytest.raises(UnknownBarrier, match="shard 3 is empty"):
        shard.apply(1, Numbers().encode([]), NOBODY)
    assert shard.restore(SETUP) == 0


def test_stats_count_users_deltas_and_tombstones() -> None:
    numbers = Numbers()
    profiles = people(40)
    shard = loaded(None, profiles, numbers)
    others = [dataclasses.replace(profile, keywords=("别的",)) for profile in profiles[:3]]
    shard.apply(6, numbers.encode(others), np.array([40], np.int64))
    stats = shard.stats()
    assert (stats.barrier, stats.population, stats.delta_users, stats.tombstones) == (6, 39, 3, 4)
    assert stats.available == sum(profile.available for profile in profiles[:39])
    assert stats.segments == 2
    assert stats.bytes > 0


@given(
    st.lists(st.tuples(st.sets(st.integers(1, 60), max_size=20), st.sets(st.integers(1, 60), max_size=20)), max_size=5)
)
@settings(STEADY, max_examples=10)
def test_a_snapshot_after_any_history_restores_and_is_written_on_top_of(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[set[int], set[int]]]
) -> None:
    directory = tmp_path_factory.mktemp("shard")
    numbers = Numbers()
    alive = {profile.id: profile for profile in people(60)}
    shard = loaded(directory, list(alive.values()), numbers)
    for barrier, (put, deleted) in enumerate(history, start=6):
        fresh = {profile.id: profile for profile in people(60, seed=barrier) if profile.id in put}
        shard.apply(barrier, numbers.encode(list(fresh.values())), np.array(sorted(deleted - put), np.int64))
        alive = {key: value for key, value in alive.items() if key not in deleted - put} | fresh
        assert shard.snapshot() == barrier
        shard = Shard(0, directory, delta_users=4, segment_users=50, run_aside=at_once)
        assert shard.restore(SETUP) == barrier
        assert shard.published() == [barrier]
        check(shard, barrier, list(alive.values()), numbers)


def test_old_files_go_when_a_newer_snapshot_stands(tmp_path: Path) -> None:
    numbers = Numbers()
    shard = loaded(tmp_path, people(40), numbers)
    shard.snapshot()
    first = {path.name for path in tmp_path.iterdir()}
    shard.apply(6, numbers.encode([]), np.arange(1, 41))
    shard.snapshot()
    assert {path.name for path in tmp_path.iterdir()} == {MANIFEST, "state-6"}
    assert MANIFEST in first
    assert len(first) > 2


def test_a_snapshot_of_another_setup_or_a_damaged_one_is_not_used(tmp_path: Path) -> None:
    numbers = Numbers()
    loaded(tmp_path, people(40), numbers).snapshot()
    others = [
        ShardSetup(2, 1, TREES.region_parents, TREES.industry_parents),
        ShardSetup(1, 2, TREES.region_parents, TREES.industry_parents),
        ShardSetup(1, 1, TREES.region_parents[:-1], TREES.industry_parents),
    ]
    for other in others:
        shard = Shard(0, tmp_path)
        assert shard.restore(other) == 0
        assert shard.published() == []
    for path in [tmp_path / MANIFEST, *tmp_path.glob("*/columns.ids.npy"), *tmp_path.glob("state-*/*.npy")]:
        whole = path.read_bytes()
        path.write_bytes(whole[:-3])
        assert Shard(0, tmp_path).restore(SETUP) == 0
        path.write_bytes(whole)
    assert Shard(0, tmp_path).restore(SETUP) == 5


def test_a_snapshot_that_cannot_be_written_says_so_and_the_shard_serves_on(tmp_path: Path) -> None:
    numbers = Numbers()
    profiles = people(20)
    (tmp_path / "file").write_text("in the way")
    shard = loaded(tmp_path / "file", profiles, numbers)
    with pytest.raises(SnapshotFailed, match="barrier 5"):
        shard.snapshot()
    check(shard, 5, profiles, numbers)


def test_answers_of_a_shard_are_those_of_its_state() -> None:
    numbers = Numbers()
    profiles = people(80)
    shard = loaded(None, profiles, numbers)
    queries = orders(numbers)
    batch = numbers.compile(queries)
    expected = [match(profiles, query, SMALL_TAXONOMY) for query in queries]
    assert answers(shard._state_at(5), batch, queries) == expected
