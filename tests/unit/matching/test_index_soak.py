"""A year of a small town in fast motion: nothing that a long life leaves behind shows in what the index holds or says.

Users come, change and go every day; a storm moves many of them now and then, an exodus takes half. Segments are merged
late, and sorted every night; a snapshot is taken every month and a shard lost after it. Once a week orders are compared
with the reference; at the end whatever the index holds is compared with one built of the same users at once.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from engine.shards.nightly import MS_A_DAY
from matching.index import array_files, keys
from matching.index.bits import unpack_bits
from matching.index.columns import concatenate, encode_profiles
from matching.index.geogrid import Grid
from matching.index.merging import Merged, MergeJob, Reason
from matching.index.parts import Part
from matching.index.postings import END, ROW, SIZE, START
from matching.index.segment import Segment
from matching.index.segment_set import SegmentSetState
from matching.index.sphere import NEIGHBOURS
from matching.profiles import Profile
from tests.strategies import PLACES
from tests.unit.engine.test_shards_machine import Town
from tests.unit.matching.index_cases import TREES
from tests.unit.matching.index_machine import drawn_orders, new_folder, person
from tests.unit.matching.test_index_merging import rewritten

DAYS = 365
BARRIERS_A_DAY = 2
GROWING_DAYS = 90
"""So long more users come than go, and then as long the other way round."""

Array = npt.NDArray[Any]


@dataclass
class Year:
    """What happens, drawn from ``dice``: up to so many changes a barrier, among about so many users."""

    town: Town
    users: int
    changes_a_barrier: int
    orders_a_week: int
    dice: random.Random

    def __post_init__(self) -> None:
        self.next_id = 1
        self.alive: dict[int, Profile] = {}
        self.town.feeder.start()
        self._publish([self._newcomer() for _ in range(self.users)], [])

    def live(self, days: int) -> None:
        for day in range(1, days + 1):
            for _ in range(BARRIERS_A_DAY):
                self._barrier(day)
            if day % 7 == 0:
                self.ask(self.orders_a_week)
                self._ask_beside_the_writer(day)
            if day % 30 == 0:
                self.town.coordinator.snapshot()
            if day % 30 == 3:
                self.dice.choice(self.town.shards).die()

    def ask(self, orders: int) -> None:
        """Compare with the reference."""
        numbers = [self.dice.getrandbits(110) for _ in range(orders)]
        self.town.check(drawn_orders(numbers, self.town.coordinator.vocabulary))

    def _ask_beside_the_writer(self, day: int) -> None:
        """A state goes on saying the same while the next one is made."""
        queries = drawn_orders([self.dice.getrandbits(110)], self.town.coordinator.vocabulary)
        asked, state = self.town.ask(queries, self.alive.values()), self.town.state()
        with ThreadPoolExecutor(1) as thread:
            checked = thread.submit(asked.check, state)
            self._barrier(day)
            checked.result()
        asked.check(state)

    def _barrier(self, day: int) -> None:
        put: dict[int, Profile] = {}
        gone: set[int] = set()
        here = list(self.alive)
        grows = len(here) < self.users or day // GROWING_DAYS % 2 == 0
        kinds = ("comes", "goes", "has other words", "is written")
        happens = self.dice.choices(
            kinds, (14, 4, 22, 60) if grows else (2, 14, 24, 60), k=self.dice.randint(0, self.changes_a_barrier)
        )
        for kind in happens:
            user_id = self.dice.choice(here)
            if kind == "comes":
                newcomer = self._newcomer()
                put[newcomer.id] = newcomer
            elif kind == "goes":
                gone.add(user_id)
            elif kind == "has other words":
                put[user_id] = person(user_id, self.dice.getrandbits(48))
            else:
                put[user_id] = rewritten(self.alive[user_id], self.dice.randint(0, 1_000))
        if self.dice.random() < 0.02:
            # A storm: one user in five is somewhere else.
            for user_id in self.dice.sample(here, len(here) // 5):
                put[user_id] = replace(self.alive[user_id], location=self.dice.choice(PLACES))
        if self.dice.random() < 0.005:
            # An exodus: more than half leave at once.
            gone |= set(self.dice.sample(here, len(here) * 3 // 5))
        self._publish([profile for user_id, profile in put.items() if user_id not in gone], sorted(gone))
        # No night comes over the other shards: what is written piles up there.
        self.town.shards[0].clock.now_ms += MS_A_DAY // BARRIERS_A_DAY
        for shard in self.town.shards:
            if self.dice.random() < 0.6:
                shard.aside.run()

    def _newcomer(self) -> Profile:
        profile = person(self.next_id, self.dice.getrandbits(48))
        # Ids are given in no order: neither rank nor place follows from the day on which somebody came.
        profile = replace(profile, id=self.next_id * 7_919 % 1_000_003)
        self.next_id += 1
        return profile

    def _publish(self, put: list[Profile], gone: list[int]) -> None:
        for user_id in gone:
            del self.alive[user_id]
        self.alive |= {profile.id: profile for profile in put}
        self.town.change(put, gone)


def no_drift(state: SegmentSetState, town: Town, alive: Mapping[int, Profile]) -> None:
    """Everybody, every column, every list, every place: as in one segment built anew."""
    population = town.coordinator._population
    vocabulary = town.coordinator.vocabulary
    profiles = [alive[user_id] for user_id in sorted(alive)]
    assert state.population == len(population) == sum(one.population for one in town.coordinator.stats()) == len(alive)
    held = Counter(word for profile in profiles for word in profile.keywords)
    assert vocabulary.profile_count == len(alive)
    assert {text: vocabulary.frequency(text) for text in vocabulary.texts()} == {
        text: held[text] for text in vocabulary.texts()
    }
    built = Part.of(
        Segment.build(encode_profiles(profiles, vocabulary, town.coordinator._taxonomy, population.crowds), TREES)
    )
    columns = concatenate([part.columns() for part in state.parts])
    columns = columns.take(np.argsort(columns.ids))
    for name, expected in built.segment.columns.arrays().items():
        assert same(columns.arrays()[name], expected), name
    assert lists_of(state.parts) == lists_of([built])
    for part in state.parts:
        sound(part)


def sound(part: Part) -> None:
    """A part whose columns were written holds what one built of the columns as they are now would."""
    segment, users = part.segment, len(part.segment)
    anew = Segment.build(segment.columns, TREES)
    for name, array in segment.lists._asdict().items():
        assert same(array, getattr(anew.lists, name)), name
    for name in ("ids", "latitudes", "longitudes", "ratings", "sorted_ids", "sorted_rows", "ranks", "points"):
        assert same(getattr(segment.people, name), getattr(anew.people, name)), name
    assert same(unpack_bits(segment.available, users), segment.columns.available)
    assert same(part.visible, part.live & segment.available)
    moved = set(segment.grid.moved.tolist())
    assert cells_of(segment.grid, moved) == cells_of(anew.grid, moved)
    located = segment.people.points.any(axis=1)
    balls = segment.people.balls[np.arange(users) // NEIGHBOURS]
    gaps = np.sqrt(((segment.people.points - balls[:, :3]) ** 2).sum(axis=1))
    assert (gaps[located] <= balls[located, 3]).all(), "a user outside of the ball of his neighbours"


def same(one: Array, other: Array) -> bool:
    """Equal in every number and in kind; nobody's place is nobody's place."""
    return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def cells_of(grid: Grid, without: set[int]) -> dict[int, int]:
    """The cell of every user that the grid holds, but of some."""
    cells = np.repeat(grid.cells, np.diff(grid.starts)).tolist()
    return {user: cell for user, cell in zip(grid.users.tolist(), cells, strict=True) if user not in without}


def lists_of(parts: Sequence[Part]) -> dict[tuple[int, int], list[int]]:
    """The ids of who lives in each list of each space, ascending; no list of nobody."""
    found: dict[tuple[int, int], list[int]] = {}
    for part in parts:
        live = unpack_bits(part.live, len(part.segment))
        for key, rows in rows_of(part.segment):
            ids = part.segment.people.ids[rows[live[rows]]].tolist()
            if ids:
                found.setdefault(key, []).extend(ids)
    return {key: sorted(ids) for key, ids in found.items()}


def rows_of(segment: Segment) -> Iterator[tuple[tuple[int, int], Array]]:
    lists = segment.lists
    for space in range(keys.SPACES):
        for slot in range(lists.space_starts[space], lists.space_starts[space + 1]):
            row = lists.facts[slot, ROW]
            rows = (
                np.flatnonzero(unpack_bits(lists.bitmaps[row], len(segment)))
                if row >= 0
                else lists.postings[lists.facts[slot, START] : lists.facts[slot, END]]
            )
            assert len(rows) == lists.facts[slot, SIZE]
            yield (space, int(lists.numbers[slot])), rows


def soak(users: int, changes_a_barrier: int, orders_a_week: int, monkeypatch: pytest.MonkeyPatch) -> None:
    merges: Counter[Reason] = Counter()
    build = MergeJob.build

    def counted(job: MergeJob) -> Merged:
        merges[job.plan.reason] += 1
        return build(job)

    monkeypatch.setattr(MergeJob, "build", counted)
    # Segments of this size would be read: those of a city are mapped.
    monkeypatch.setattr(array_files, "MAPPED_FROM_BYTES", 0)
    with new_folder() as folder:
        year = Year(
            Town(Path(folder), 2, users // 50, users // 2), users, changes_a_barrier, orders_a_week, random.Random(365)
        )
        year.live(DAYS)
        year.ask(5 * orders_a_week)
        assert set(merges) == set(Reason), "a year in which something never happened"
        no_drift(year.town.state(), year.town, year.alive)


def test_a_year_leaves_no_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    soak(1_500, 80, 4, monkeypatch)


@pytest.mark.nightly
@pytest.mark.timeout(3_600)
def test_a_year_of_a_larger_town_leaves_no_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    soak(15_000, 800, 12, monkeypatch)


def off_by_one(array: Array) -> None:
    array.flat[len(array) // 2] += 1


def turned(words: Array) -> None:
    words[0] ^= np.uint64(1 << 9)


def halved(balls: Array) -> None:
    balls[:, 3] /= 2


DRIFTS: dict[str, Callable[[Part], None]] = {
    "a rating": lambda part: off_by_one(part.segment.people.ratings),
    "a place": lambda part: off_by_one(part.segment.people.points),
    "a word": lambda part: off_by_one(part.segment.columns.keywords),
    "who is in a list": lambda part: off_by_one(part.segment.lists.postings),
    "the size of a list": lambda part: off_by_one(part.segment.lists.facts[:, SIZE]),
    "a cell": lambda part: off_by_one(part.segment.grid.cells),
    "who lives": lambda part: turned(part.live),
    "who is seen": lambda part: turned(part.visible),
    "the size of a ball": lambda part: halved(part.segment.people.balls),
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_a_planted_drift_is_found(drift: str, tmp_path: Path) -> None:
    year = Year(Town(tmp_path, 1, 5, 400), 300, 20, 1, random.Random(5))
    year.live(6)
    state = year.town.state()
    no_drift(state, year.town, year.alive)
    DRIFTS[drift](max(state.parts, key=lambda part: len(part.segment)))
    with pytest.raises(AssertionError):
        no_drift(state, year.town, year.alive)
