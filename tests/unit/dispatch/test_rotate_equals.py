"""Equals are drawn anew for each order, all with the same chance where all of them are known."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.dispatch.ports import Candidates
from marketplace.dispatch.rotate_equals import rotate_equals

ranks = st.lists(
    st.tuples(st.integers(1, 2**53 - 1), st.integers(1, 3), st.integers(0, 2)),
    unique_by=lambda row: row[0],
    max_size=30,
)


def equals(count: int) -> Candidates:
    return Candidates.of([(user_id, 9_000, 50) for user_id in range(1, count + 1)])


@settings(max_examples=200, deadline=None)
@given(ranks, st.integers(1, 12), st.integers(1, 2**53 - 1))
def test_only_equals_change_places(rows: list[tuple[int, int, int]], wave_size: int, order_id: int) -> None:
    """The ranks, and whoever stands behind the group at the wave's end, stay what they were."""
    ranked = sorted(rows, key=lambda row: (-row[1], -row[2], row[0]))
    rotation = rotate_equals(Candidates.of(ranked), order_id, wave_size=wave_size, count=len(ranked))
    drawn = rotation.candidates
    assert list(zip(drawn.scores, drawn.ties, strict=True)) == [(row[1], row[2]) for row in ranked]
    assert sorted(drawn.user_ids) == sorted(row[0] for row in ranked)
    assert rotation.whole
    again = rotate_equals(Candidates.of(ranked), order_id, wave_size=wave_size, count=len(ranked))
    assert again.candidates == drawn, "a replay draws the same"


def test_every_equal_has_the_same_chance() -> None:
    """2,000 orders, 40 equals, 10 of them told: each is told about 500 times (five standard deviations)."""
    told: Counter[int] = Counter()
    for order_id in range(1, 2_001):
        told.update(rotate_equals(equals(40), order_id, wave_size=10, count=40).candidates.take(10).user_ids)
    assert set(told) == set(range(1, 41))
    assert all(abs(count - 500) < 100 for count in told.values())


def test_orders_draw_independently() -> None:
    """Two neighbouring orders share about a quarter of their ten, as chance has it."""
    first, second = (
        set(rotate_equals(equals(40), order, wave_size=10, count=40).candidates.take(10).user_ids) for order in (7, 8)
    )
    assert 0 < len(first & second) < 8


def test_a_group_that_does_not_end_is_said_to_be_a_part() -> None:
    rotation = rotate_equals(equals(50), 7, wave_size=10, count=1_000)
    assert (rotation.among, rotation.whole) == (50, False)
    assert rotation.certificate() == {"among": 50, "whole": False}


def test_a_group_that_ends_before_the_list_is_whole() -> None:
    rows = [(user, 9_000, 50) for user in range(1, 21)] + [(user, 100, 50) for user in range(21, 51)]
    rotation = rotate_equals(Candidates.of(rows), 7, wave_size=10, count=1_000)
    assert (rotation.among, rotation.whole) == (20, True)
    assert list(rotation.candidates.user_ids[20:]) == list(range(21, 51))


def test_nobody_is_drawn_from_nobody() -> None:
    rotation = rotate_equals(equals(0), 7, wave_size=10, count=0)
    assert (len(rotation.candidates), rotation.among, rotation.whole) == (0, 0, True)
