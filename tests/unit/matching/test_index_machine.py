"""A set of segments gives what the reference gives, whatever is done to it in whatever order.

Users come, change and go; merges are begun, overtaken and swapped in; snapshots are written, cut, loaded and built on;
states of any age are asked in one thread and in two. Each planted bug turns it red.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from engine.shards import Shard, snapshots
from engine.shards.snapshots import SnapshotFolder
from matching.index import array_files, column_writes, match_batch, segment_set
from matching.index.array_files import DamagedSnapshot
from matching.index.merging import MergeJob
from matching.index.parts import Part
from matching.index.segment_set import SegmentSet, SegmentSetState
from matching.profiles import Profile
from matching.query import Query
from matching.vocabulary import Vocabulary
from tests.strategies import STEADY
from tests.unit.engine.test_shard import SETUP
from tests.unit.matching.index_cases import TREES, Numbers
from tests.unit.matching.index_machine import (
    MOST_USERS,
    Asked,
    ChangingUsers,
    Published,
    fresh,
    gone,
    list_sizes,
    settlers,
    ways,
    written,
)

Array = npt.NDArray[Any]

MOST_MAPPED_SEGMENTS = 6
"""Then snapshots are read into memory, so that a test has no thousand files open."""


class SegmentSetMachine(ChangingUsers):
    """A SegmentSet with its merges and snapshots."""

    numbers: Numbers
    users: SegmentSet
    snapshot_folder: SnapshotFolder

    @initialize(
        target=ChangingUsers.published,
        count=st.integers(0, MOST_USERS),
        delta_users=st.integers(0, 6),
        segment_users=st.integers(6, 30) | st.just(1_000),
        way=ways,
        dense_from=list_sizes,
    )
    def settle(self, count: int, delta_users: int, segment_users: int, way: list[int], dense_from: int) -> Published:
        self.work_by(way, dense_from)
        self.numbers = Numbers()
        self.delta_users, self.segment_users = delta_users, segment_users
        self.users = self._segment_set()
        self.snapshot_folder = SnapshotFolder(self.folder / "shard")
        self.barrier = self.mapped_segments = 0
        self.saved: dict[int, Profile] | None = None
        self.job: MergeJob | None = None
        return self.move_on(settlers(count), set())

    def _segment_set(self, parts: Sequence[Part] = (), *, has_delta: bool = False) -> SegmentSet:
        return SegmentSet(TREES, parts, delta=has_delta, delta_users=self.delta_users, segment_users=self.segment_users)

    def change(self, put: Mapping[int, Profile], deleted: set[int]) -> Published:
        self.users.apply(self.numbers.encode(list(put.values())), np.array(sorted(deleted), np.int64))
        assert self.users.delta_users <= self.delta_users
        return self.publish(self.users.state())

    def ask(self, queries: list[Query], profiles: Iterable[Profile]) -> Asked:
        return Asked(queries, profiles, self.numbers.vocabulary, self.numbers.crowds)

    def vocabulary(self) -> Vocabulary:
        return self.numbers.vocabulary

    def end_the_merge(self) -> None:
        assert self.job is not None
        self.users.take_in(self.job.build())
        self.job = None

    @precondition(lambda self: self.job is None)
    @rule()
    def begin_a_merge(self) -> None:
        """Of what there is to merge, else of any segment, to be sorted anew."""
        self.job = self.users.next_job()
        if self.job is None:
            self.users.resort()
            self.job = self.users.next_job()

    @precondition(lambda self: self.job is not None)
    @rule(target=ChangingUsers.published)
    def swap_the_merge_in(self) -> Published:
        """After whatever happened since it began, a reload included."""
        self.end_the_merge()
        return self.publish(self.users.state())

    @precondition(lambda self: self.job is None)
    @rule(target=ChangingUsers.published, put=fresh, users=written, deleted=gone)
    def overtake_a_merge(self, put: dict[int, int], users: dict[int, int], deleted: set[int]) -> Published:
        self.begin_a_merge()
        self.replace_write_and_delete(put, users, deleted)
        if self.job is not None:
            self.end_the_merge()
        return self.publish(self.users.state())

    @precondition(lambda self: self.job is None)
    @rule(target=ChangingUsers.published)
    def merge_now(self) -> Published:
        self.users.merge_now()
        assert self.users.next_job() is None
        return self.publish(self.users.state())

    @rule()
    def resort(self) -> None:
        self.users.resort()

    @rule()
    def snapshot(self) -> None:
        """What another process would read of it is what is published."""
        self.barrier += 1
        state = self.users.state()
        self.snapshot_folder.write(SETUP, self.barrier, state.parts, has_delta=self.users.delta_users > 0)
        self.saved = dict(self.alive)
        barrier, parts, has_delta = SnapshotFolder(self.folder / "shard").read(SETUP)
        assert barrier == self.barrier
        assert has_delta == (self.users.delta_users > 0)
        self.check_users(SegmentSetState(tuple(parts), state.population))

    @precondition(lambda self: self.saved is not None)
    @rule(target=ChangingUsers.published, restarted=st.booleans())
    def reload(self, restarted: bool) -> Published:
        """Go on from the last snapshot, what came after it being lost; mapped while few files are open."""
        assert self.saved is not None
        if restarted:
            self.snapshot_folder = SnapshotFolder(self.folder / "shard")
        with pytest.MonkeyPatch.context() as patch:
            if self.mapped_segments < MOST_MAPPED_SEGMENTS:
                patch.setattr(array_files, "MAPPED_FROM_BYTES", 0)
            barrier, parts, has_delta = self.snapshot_folder.read(SETUP)
            self.mapped_segments += len(parts)
        assert barrier == self.barrier
        self.users = self._segment_set(parts, has_delta=has_delta)
        self.alive = dict(self.saved)
        return self.publish(self.users.state())

    @precondition(lambda self: self.saved is not None)
    @rule(target=ChangingUsers.published, which=st.integers(0, 1_000))
    def cut_a_snapshot_in_half(self, which: int) -> Published:
        """Any file of it; what is published stays."""
        files = sorted(path for path in (self.folder / "shard").rglob("*") if path.is_file())
        with cut_in_half(files[which % len(files)]):
            with pytest.raises(DamagedSnapshot, match="rebuilt"):
                self.snapshot_folder.read(SETUP)
            shard = Shard(0, self.folder / "shard")
            assert shard.restore(SETUP) == 0
            assert shard.published() == []
        return self.publish(self.users.state())


@contextmanager
def cut_in_half(path: Path) -> Iterator[None]:
    """For as long as it lasts; states of this process stay mapped to the whole file, which is only put aside."""
    aside = path.with_name(path.name + ".aside")
    path.rename(aside)
    path.write_bytes(aside.read_bytes()[: aside.stat().st_size // 2])
    try:
        yield
    finally:
        aside.replace(path)


HISTORIES = settings(STEADY, max_examples=80, stateful_step_count=30)


def test_any_history_of_a_segment_set_gives_the_reference() -> None:
    run_state_machine_as_test(SegmentSetMachine, settings=HISTORIES)


@pytest.mark.nightly
@pytest.mark.timeout(3_600)
def test_many_more_and_longer_histories_of_a_segment_set_do() -> None:
    run_state_machine_as_test(SegmentSetMachine, settings=settings(STEADY, max_examples=1_500, stateful_step_count=50))


def deletions_forgotten(part: Part, source: Part, present: Part | None) -> Part:
    """``Part.caught_up`` with who was deleted meanwhile left in."""
    return part if present is None else caught_up(part, source, Part.with_live(present.segment, source.live))


def written_in_place(column: Array, rows: Array, values: Array) -> Array:
    column[rows] = values
    return column


def floors_above_the_worst(*arguments: Any) -> Any:
    """Who is as good as the worst of a full top is turned away by every later segment, whatever his id."""
    answer = match_batch.match_batch(*arguments)
    for floors in arguments[7:9]:
        floors[floors >= 0] += 1
    return answer


def without_written_columns(parts: list[Part], saved: list[Any]) -> dict[str, Array]:
    return {f"{one.name}.live": part.live for part, one in zip(parts, saved, strict=True)}


caught_up = Part.caught_up

BUGS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "deletions during a merge are forgotten": (Part, "caught_up", deletions_forgotten),
    "writes during a merge are forgotten": (
        Part,
        "caught_up",
        lambda part, source, present: caught_up(part, source, present and Part.with_live(source.segment, present.live)),
    ),
    "columns are written in place": (column_writes, "_put", written_in_place),
    "a moved user stays in his cell": (column_writes, "_joined", lambda moved, rows: moved),
    "ties with the worst of another segment are lost": (segment_set, "match_batch", floors_above_the_worst),
    "a replaced user lives on in his segment": (Part, "without", lambda part, ids: part),
    "a snapshot has no written columns": (snapshots, "_state_arrays", without_written_columns),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, wrong = BUGS[bug]
    monkeypatch.setattr(where, name, wrong)
    first_found = settings(HISTORIES, phases=[Phase.generate], report_multiple_bugs=False)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(SegmentSetMachine, settings=first_found)
