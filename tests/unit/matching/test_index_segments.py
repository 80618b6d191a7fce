"""Segments, deltas and merges give what the reference gives, and saved segments come back or are refused."""

import dataclasses
import random
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.index.array_files import MANIFEST, DamagedSnapshot, write_arrays
from matching.index.match_batch import match_batch
from matching.index.parts import Part
from matching.index.segment import FORMAT, FORMAT_VERSION, Segment
from matching.index.segment_set import SegmentSet, SegmentSetState
from matching.profiles import Profile, parse_profile
from matching.query import Query
from matching.reference import match
from tests.strategies import SMALL_TAXONOMY, STEADY, cases, frozen, order_document, profile_document
from tests.unit.matching.index_cases import NOBODY, TREES, Numbers, answers


@pytest.mark.parametrize(("delta_users", "segment_users"), [(0, 1), (0, 7), (3, 64), (1000, 1000)])
def test_any_bounds_give_the_reference(delta_users: int, segment_users: int) -> None:
    @given(cases())
    @settings(STEADY, max_examples=80)
    def check(case: tuple[list[Profile], list[Query]]) -> None:
        profiles, queries = case
        numbers = Numbers()
        users = SegmentSet(TREES, delta_users=delta_users, segment_users=segment_users)
        users.apply(numbers.encode(profiles), NOBODY)
        found = answers(users.state(), numbers.compile(queries), queries)
        assert found == [match(profiles, query, SMALL_TAXONOMY) for query in queries]

    check()


def test_read_only_messages_compile_nothing_anew() -> None:
    """Ray hands over read-only memory: kernels compiled once more for it would stop matching for many seconds."""
    numbers = Numbers()
    columns = numbers.encode([Profile(1, keywords=("焊接",)), Profile(2, keywords=("焊接", "电工"))])
    batch = numbers.compile([Query(1, regions=("100000",), industries=("C",))])
    for array in (*columns.arrays().values(), *(getattr(batch, name) for name in batch.__slots__)):
        array.flags.writeable = False
    users = SegmentSet(TREES)
    users.apply(columns, NOBODY)
    users.state().match(batch)
    users.apply(numbers.encode([Profile(3, keywords=("电工",))]), NOBODY)
    users.state().match(batch, full_only=True)
    users.state().full_sets(batch)
    taken = [str(signature) for signature in cast("Any", match_batch).signatures]
    assert len(taken) == 1
    assert "readonly" not in taken[0]


@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.integers(1, 25), st.integers(0, 2**48)), max_size=12), st.sets(st.integers(1, 25))
        ),
        min_size=1,
        max_size=8,
    ),
    st.lists(st.integers(0, 2**110), min_size=1, max_size=6),
    st.integers(0, 6),
    st.integers(1, 20),
)
@settings(STEADY, max_examples=150)
def test_any_history_gives_the_reference(
    history: list[tuple[list[tuple[int, int]], set[int]]], orders: list[int], delta_users: int, segment_users: int
) -> None:
    """Every state is compared, and states published earlier do not change when later ones are cut."""
    numbers = Numbers()
    users = SegmentSet(TREES, delta_users=delta_users, segment_users=segment_users)
    alive: dict[int, Profile] = {}
    states: list[tuple[SegmentSetState, list[Profile]]] = []
    for drawn, deleted in history:
        put = {user_id: parse_profile(profile_document(number, user_id), SMALL_TAXONOMY) for user_id, number in drawn}
        gone = np.array(sorted(deleted - set(put)), np.int64)
        users.apply(numbers.encode(list(put.values())), gone)
        alive = {
            user_id: profile for user_id, profile in (alive | put).items() if user_id in put or user_id not in deleted
        }
        states.append((users.state(), list(alive.values())))
    queries = frozen(
        [order_document(number, place) for place, number in enumerate(orders, start=1)], numbers.vocabulary
    )
    batch = numbers.compile(queries)
    for state, profiles in states:
        assert state.population == len(profiles)
        assert answers(state, batch, queries) == [match(profiles, query, SMALL_TAXONOMY) for query in queries]


def test_more_users_than_a_block_holds_with_dense_and_sparse_lists_and_many_exclusions() -> None:
    dice = random.Random(11)
    profiles = [
        parse_profile(profile_document(dice.getrandbits(48), user_id), SMALL_TAXONOMY) for user_id in range(1, 35_001)
    ]
    numbers = Numbers()
    users = SegmentSet(TREES)
    users.apply(numbers.encode(profiles), NOBODY)
    state = users.state()
    assert len(state.parts) == 1
    assert len(state.parts[0].segment.lists.bitmaps) > 0
    queries = frozen([order_document(dice.getrandbits(110), order_id) for order_id in range(1, 9)], numbers.vocabulary)
    excluded = tuple(sorted(dice.sample(range(1, 40_000), 9_000)))
    queries[0] = dataclasses.replace(queries[0], exclude=excluded, limit=500)
    found = answers(state, numbers.compile(queries), queries)
    assert found == [match(profiles, query, SMALL_TAXONOMY) for query in queries]


def test_a_segment_of_too_many_users_is_refused() -> None:
    with pytest.raises(ValueError, match="segment_users"):
        SegmentSet(TREES, segment_users=(1 << 20) + 1)


def _segment(users: int = 300) -> tuple[Segment, Numbers, list[Profile]]:
    dice = random.Random(3)
    profiles = [parse_profile(profile_document(dice.getrandbits(48), i), SMALL_TAXONOMY) for i in range(1, users + 1)]
    numbers = Numbers()
    return Segment.build(numbers.encode(profiles), TREES), numbers, profiles


def test_a_saved_segment_answers_as_before(tmp_path: Path) -> None:
    segment, numbers, profiles = _segment()
    segment.save(tmp_path / "segment-1")
    loaded = Segment.load(tmp_path / "segment-1")
    queries = frozen([order_document(7**number, number) for number in range(1, 30)], numbers.vocabulary)
    state = SegmentSetState((Part.of(loaded),), len(profiles))
    assert answers(state, numbers.compile(queries), queries) == [
        match(profiles, query, SMALL_TAXONOMY) for query in queries
    ]


def test_every_damaged_file_of_a_segment_is_refused(tmp_path: Path) -> None:
    segment, _, _ = _segment(40)
    segment.save(tmp_path / "whole")
    for path in sorted((tmp_path / "whole").iterdir()):
        whole = path.read_bytes()
        for damaged in (whole[: len(whole) // 2], whole[:-1] + bytes([whole[-1] ^ 1]), b""):
            path.write_bytes(damaged)
            with pytest.raises(DamagedSnapshot, match="rebuilt"):
                Segment.load(tmp_path / "whole")
        path.unlink()
        with pytest.raises(DamagedSnapshot, match="rebuilt"):
            Segment.load(tmp_path / "whole")
        path.write_bytes(whole)
    assert len(Segment.load(tmp_path / "whole")) == 40


@pytest.mark.parametrize(("format_name", "version"), [("another-format", 1), ("quanwang-segment", 99)])
def test_a_foreign_or_newer_segment_is_refused(tmp_path: Path, format_name: str, version: int) -> None:
    write_arrays(tmp_path / "foreign", format_name, version, {"a": np.zeros(3)})
    with pytest.raises(DamagedSnapshot, match=MANIFEST):
        Segment.load(tmp_path / "foreign")


def test_a_segment_without_one_of_its_arrays_is_refused(tmp_path: Path) -> None:
    write_arrays(tmp_path / "partial", FORMAT, FORMAT_VERSION, {"available": np.zeros(1, np.uint64)})
    with pytest.raises(DamagedSnapshot, match=r"columns\.ids"):
        Segment.load(tmp_path / "partial")
