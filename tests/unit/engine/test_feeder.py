"""Whatever the shards miss or lose, the feeder brings them back to the log, and answers equal the oracle's."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from engine.coordinator import Coordinator
from engine.feeder import Feeder
from engine.in_process import InProcessShard
from engine.ports import ShardAnswer, ShardLost, UnknownBarrier
from matching.compilation import CompiledBatch
from matching.index.columns import ProfileColumns
from matching.profiles import Profile
from matching.query import Group, Member, Query
from matching.reference import match
from matching.taxonomy import builtin_taxonomy
from matching.vocabulary import Vocabulary

TAXONOMY = builtin_taxonomy()
WORDS = ("电工", "焊接", "翻译", "java")
REGIONS = ("440305", "440300", "310000", "100000", "110101")
TRADES = ("33", "C", "65", "A")


class MemoryLog:
    """A profile log in memory; implements ``engine.ports.ProfileLog``."""

    def __init__(self) -> None:
        self.profiles: dict[int, Profile] = {}
        self._changed: list[int] = []

    def put(self, profile: Profile) -> None:
        self.profiles[profile.id] = profile
        self._changed.append(profile.id)

    def delete(self, user_id: int) -> None:
        self.profiles.pop(user_id, None)
        self._changed.append(user_id)

    def read_all(self, after_id: int, limit: int) -> Sequence[Profile]:
        return [self.profiles[each] for each in sorted(self.profiles) if each > after_id][:limit]

    def read_changes(self, after_seq: int, limit: int) -> tuple[int, Sequence[tuple[int, Profile | None]]]:
        users = self._changed[after_seq : after_seq + limit]
        return after_seq + len(users), [(each, self.profiles.get(each)) for each in dict.fromkeys(users)]

    def last_seq(self) -> int:
        return len(self._changed)


class MortalShard(InProcessShard):
    """A shard that can die: it forgets everything, and every call fails until it is reset or restored."""

    def __init__(self, shard_id: int, directory: Path) -> None:
        super().__init__(shard_id, directory)
        self.directory, self.dead, self.dies_at_next_apply = directory, False, False

    def die(self) -> None:
        super().__init__(self.shard_id, self.directory)
        self.dead = True

    def submit_match(self, batch: CompiledBatch, barrier: int, *, full_only: bool) -> ShardAnswer:
        self._check()
        return super().submit_match(batch, barrier, full_only=full_only)

    def submit_apply(self, barrier: int, upserts: ProfileColumns, deleted_ids: npt.NDArray[np.int64]) -> None:
        if self.dies_at_next_apply:
            self.dies_at_next_apply = False
            self.die()
        self._check()
        super().submit_apply(barrier, upserts, deleted_ids)

    def published(self) -> Sequence[int]:
        self._check()
        return super().published()

    def restore(self, setup: object) -> int:
        self.dead = False
        return super().restore(setup)  # type: ignore[arg-type]

    def reset(self, setup: object) -> None:
        self.dead = False
        super().reset(setup)  # type: ignore[arg-type]

    def _check(self) -> None:
        if self.dead:
            raise ShardLost(f"shard {self.shard_id} is dead")


class World:
    """A log, mortal shards, and the feeder between them."""

    def __init__(self, folder: Path, shards: int) -> None:
        self.random = random.Random(7)
        self.log = MemoryLog()
        self.shards = [MortalShard(each, folder / str(each)) for each in range(shards)]
        self.coordinator = Coordinator(self.shards, TAXONOMY, Vocabulary())
        self.feeder = Feeder(self.coordinator, self.log)

    def change(self, count: int) -> None:
        for _ in range(count):
            user_id = self.random.randint(1, 60)
            if self.random.random() < 0.2:
                self.log.delete(user_id)
            else:
                self.log.put(self.profile(user_id))

    def profile(self, user_id: int) -> Profile:
        some = self.random
        return Profile(
            user_id,
            keywords=tuple(sorted(some.sample(WORDS, some.randint(0, 3)))),
            regions=tuple(sorted(some.sample(REGIONS, some.randint(0, 2)))),
            industries=tuple(sorted(some.sample(TRADES, some.randint(0, 2)))),
            rating=some.randint(0, 100),
            available=some.random() < 0.9,
        )

    def check(self) -> None:
        queries = list(questions())
        for full_only in (False, True):
            results = self.coordinator.match(queries, full_only=full_only)
            for query, result in zip(queries, results, strict=True):
                expected = match(self.log.profiles.values(), query, TAXONOMY)
                assert (result.full_count, result.full.rows()) == (expected.full_count, expected.full)
                assert result.certificate.is_complete()
                assert result.certificate.population == len(self.log.profiles)
                if not full_only:
                    assert result.to_match() == expected


def questions() -> Iterator[Query]:
    yield Query(1, groups=(Group((Member("电工"),)), Group((Member("java"),))), at_least=1, regions=("440000",))
    yield Query(2, regions=("310000",), industries=("33",), limit=7)
    yield Query(3, groups=(Group((Member("焊接"),)),), at_least=1, industries=("C",), exclude=(3, 9))


@pytest.fixture(params=[1, 2, 3])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return World(tmp_path, request.param)


def test_changes_arrive_with_every_step(world: World) -> None:
    world.change(100)
    world.feeder.start()
    world.check()
    for _ in range(5):
        world.change(20)
        assert world.feeder.step() > 0
        world.check()
    assert world.feeder.step() == 0


def test_a_dead_shard_is_never_answered_without_and_comes_back_from_its_snapshot(world: World) -> None:
    world.change(80)
    world.feeder.start()
    world.coordinator.snapshot()
    world.change(30)
    world.feeder.step()
    world.shards[0].die()
    with pytest.raises((ShardLost, UnknownBarrier)):
        world.coordinator.match(list(questions()))
    world.feeder.step()
    world.check()


def test_changes_made_while_a_shard_is_dead_are_not_lost(world: World) -> None:
    world.change(80)
    world.feeder.start()
    world.coordinator.snapshot()
    world.shards[-1].die()
    world.change(40)
    world.feeder.step()
    world.feeder.step()
    world.check()


def test_a_shard_that_dies_while_a_barrier_is_cut_is_brought_along(world: World) -> None:
    world.change(80)
    world.feeder.start()
    world.coordinator.snapshot()
    for _ in range(4):
        world.change(25)
        world.shards[0].dies_at_next_apply = True
        world.feeder.step()
        world.check()


def test_without_a_snapshot_everybody_is_loaded_again(world: World) -> None:
    world.change(80)
    world.feeder.start()
    world.shards[0].die()
    world.change(10)
    world.feeder.step()
    world.check()


def test_random_deaths_and_changes(world: World) -> None:
    world.change(60)
    world.feeder.start()
    for _ in range(25):
        world.change(world.random.randint(0, 15))
        fate = world.random.random()
        victim = world.random.choice(world.shards)
        if fate < 0.2:
            world.coordinator.snapshot()
        elif fate < 0.4:
            victim.die()
        elif fate < 0.5:
            victim.dies_at_next_apply = True
        world.feeder.step()
        world.check()


def test_an_empty_log_is_matched_too(world: World) -> None:
    world.feeder.start()
    world.check()
    world.change(10)
    world.feeder.step()
    world.check()
