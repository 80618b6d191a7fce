"""The parts of the kernels against plain Python: distance bit for bit, selection, slices, circles, batches."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from matching import geometry
from matching.compilation import compile_queries
from matching.index.bits import pack_bits, unpack_bits, words_for
from matching.index.columns import CrowdIds, empty_columns
from matching.index.geogrid import build_grid, mark_circle
from matching.index.jit import kernels_compiled
from matching.index.match_batch import batch_arrays
from matching.index.planes import add_to_hits, list_compressed, list_few, list_words, mark_enough_hits
from matching.index.segment import people_of
from matching.index.sphere import (
    NEIGHBOURS,
    balls_of,
    distance_km,
    exact_steps,
    points_of,
    set_nearest_steps,
    set_point,
    steps_between,
)
from matching.index.sums import add_to_sums
from matching.query import Group, Member, Query
from matching.ranking import cut_top, entry_of, join_tops, open_top, push, sort_falling
from matching.vocabulary import Vocabulary
from tests.strategies import SMALL_TAXONOMY, STEADY

LATITUDES = st.one_of(st.sampled_from([-90.0, -1e-6, 0.0, 22.54, 90.0]), st.floats(-90, 90))
LONGITUDES = st.one_of(st.sampled_from([-180.0, 0.0, 114.05, 180.0]), st.floats(-180, 180))


@given(LATITUDES, LONGITUDES, LATITUDES, LONGITUDES)
@settings(STEADY, max_examples=3000)
def test_the_compiled_distance_is_the_python_distance_bit_for_bit(a: float, b: float, c: float, d: float) -> None:
    compiled, plain = distance_km(a, b, c, d), geometry.distance_km(a, b, c, d)
    assert np.float64(compiled).tobytes() == np.float64(plain).tobytes()


NEARLY_STEPS = st.builds(
    lambda latitude, longitude, steps, slip: (latitude, longitude, latitude + (4 * steps + slip) / 111.19508023353306),
    st.floats(-40, 40),
    st.floats(-179, 179),
    st.integers(0, 256),
    st.sampled_from([0.0, 1e-9, -1e-9, 1e-6, -1e-6, 1e-4, -1e-4, 2.0]),
)
"""Two places on a meridian whose distance is a whole number of steps, nearly."""


@given(st.one_of(st.tuples(LATITUDES, LONGITUDES, LATITUDES, LONGITUDES), NEARLY_STEPS))
@settings(STEADY, max_examples=4000)
def test_steps_by_chord_are_those_of_the_formula(places: tuple[float, ...]) -> None:
    """Where the chord cannot tell, it says so; else it is right, and no neighbourhood is nearer than said."""
    a, b, c, d = places if len(places) == 4 else (places[0], places[1], min(90.0, places[2]), places[1])
    expected = min(255, math.floor(geometry.distance_km(c, d, a, b) / 4))
    assert exact_steps(a, b, c, d) == expected
    points, origin = points_of(np.array([a]), np.array([b])), np.zeros(3)
    set_point(c, d, origin)
    assert steps_between(*points[0], *origin) in (-1, expected)
    nearest = np.zeros(1, np.int64)
    set_nearest_steps(balls_of(points), origin, nearest)
    assert nearest[0] <= expected


WORDS_OF_EVERY_SIZE = st.integers(0, 64).flatmap(
    lambda size: st.sets(st.integers(0, 63), min_size=size, max_size=size).map(lambda bits: sum(1 << b for b in bits))
)


@pytest.mark.parametrize("list_users", [list_compressed, list_words, list_few])
@given(words=st.lists(st.one_of(st.just(0), WORDS_OF_EVERY_SIZE), max_size=20), low=st.integers(0, 9))
@settings(STEADY, max_examples=200)
def test_every_way_of_listing_a_plane_lists_it(list_users: Any, words: list[int], low: int) -> None:
    """Each way is compiled everywhere, though a processor uses one or two of them."""
    plane = np.array(words, np.uint64)
    low = min(low, len(plane))
    expected = np.flatnonzero(unpack_bits(plane, 64 * len(plane)))
    users = np.zeros(len(expected) + 65 + 3, np.uint32)
    users[:3] = 1, 2, 3
    end = list_users(plane, low, len(plane), users, 3)
    assert list(users[:end]) == [1, 2, 3, *(user for user in expected if user >= 64 * low)]


def test_a_ball_holds_all_neighbours() -> None:
    dice = np.random.default_rng(7)
    latitudes, longitudes = dice.uniform(20, 24, 3 * NEIGHBOURS), dice.uniform(110, 115, 3 * NEIGHBOURS)
    latitudes[::7] = longitudes[::7] = np.nan
    points, origin, nearest = points_of(latitudes, longitudes), np.zeros(3), np.zeros(3, np.int64)
    set_point(39.9, 116.4, origin)
    set_nearest_steps(balls_of(points), origin, nearest)
    for i in range(3):
        neighbours = slice(i * NEIGHBOURS, (i + 1) * NEIGHBOURS)
        steps = [
            min(255, math.floor(geometry.distance_km(39.9, 116.4, latitude, longitude) / 4))
            for latitude, longitude in zip(latitudes[neighbours], longitudes[neighbours], strict=True)
            if not math.isnan(latitude)
        ]
        assert 0 < nearest[i] <= min(steps)


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 9), st.integers(1, 200)), unique_by=lambda row: row[1]),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 30),
)
@settings(STEADY, max_examples=300)
def test_tops_of_several_answers_are_merged_as_sorted_would(lists: list[list[tuple[int, int]]], limit: int) -> None:
    best = [sorted(rows, key=lambda row: (-row[0], row[1])) for rows in lists]
    parts = [
        (
            np.array([0, len(rows)]),
            np.array([key for key, _ in rows], np.int64),
            np.array([user for _, user in rows], np.int64),
        )
        for rows in best
    ]
    starts, keys, ids = join_tops(parts, np.array([limit]))
    if len(lists) > 1:
        expected = sorted((row for rows in lists for row in rows), key=lambda row: (-row[0], row[1]))[:limit]
        assert list(zip(keys.tolist(), ids.tolist(), strict=True)) == expected
        assert starts.tolist() == [0, len(expected)]
    else:
        assert parts[0] == (starts, keys, ids)


@given(st.lists(st.integers(0, 1 << 62), unique=True, max_size=200), st.integers(0, 2**12 - 1))
@settings(STEADY, max_examples=300)
def test_numbers_are_sorted_by_digits(numbers: list[int], common: int) -> None:
    """Also numbers that share digits, as entries of one score do."""
    for given_ in (numbers, [common << 50 | number >> 40 for number in numbers]):
        sorted_ = np.array(given_, np.int64)
        sort_falling(sorted_, np.empty_like(sorted_), len(sorted_))
        assert sorted_.tolist() == sorted(given_, reverse=True)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 500)), unique_by=lambda row: row[1]), st.integers(1, 30))
@settings(STEADY, max_examples=300)
def test_a_top_keeps_the_best_of_whoever_is_pushed(rows: list[tuple[int, int]], limit: int) -> None:
    top, spare, state = np.empty(limit + 3, np.int64), np.empty(limit + 3, np.int64), np.empty(3, np.int64)
    open_top(state, limit, 2)
    for key, rank in rows:
        push(state, top, spare, entry_of(key, rank))
    cut_top(state, top, spare)
    expected = sorted((row for row in rows if row[0] >= 2), key=lambda row: (-row[0], row[1]))[:limit]
    assert top[: state[0]].tolist() == [entry_of(key, rank) for key, rank in expected]


def test_slices_count_weights_for_every_user() -> None:
    dice, words = np.random.default_rng(2), 64
    slices = np.zeros((8, words), np.uint64)
    carry = np.zeros(words, np.uint64)
    sums = np.zeros(words * 64, np.int64)
    for weight in (15, 1, 7, 15, 15, 4, 15, 15, 15, 15, 15, 15, 15, 15, 15, 13):
        members = dice.random(len(sums)) < 0.4
        add_to_sums(slices, 0, 8, weight, pack_bits(members), carry, words)
        sums += weight * members
    read = sum(unpack_bits(slices[bit], len(sums)).astype(np.int64) << bit for bit in range(8))
    assert np.array_equal(read, sums)


def test_hits_are_counted_in_the_named_blocks_only() -> None:
    dice, words, shift = np.random.default_rng(3), 256, 8
    hits, counts = np.zeros((5, words), np.uint64), np.zeros(words * 64, np.int64)
    blocks = 0b1011 | 1 << 63
    inside = np.zeros(words * 64, np.bool_)
    for block in (0, 1, 3, 63):
        inside[block << shift : (block + 1) << shift] = True
    for _ in range(16):
        members = dice.random(len(counts)) < 0.5
        add_to_hits(hits, 5, pack_bits(members), int(np.uint64(blocks).view(np.int64)), shift)
        counts += members & inside
    for least in (1, 7, 16):
        marked = np.zeros(words, np.uint64)
        mark_enough_hits(hits, 5, least, marked, int(np.uint64(blocks).view(np.int64)), shift)
        assert np.array_equal(unpack_bits(marked, len(counts)), counts >= least)


@given(
    st.lists(st.tuples(LATITUDES, LONGITUDES), max_size=60),
    LATITUDES,
    LONGITUDES,
    st.one_of(st.sampled_from([0.001, 5.0, 20_038.0]), st.floats(0.001, 20_038)),
)
@settings(STEADY, max_examples=500)
def test_a_circle_holds_exactly_those_within_its_radius(
    places: list[tuple[float, float]], latitude: float, longitude: float, radius_km: float
) -> None:
    """At the poles, over the date line, with whole cells inside: nobody is lost and nobody is added."""
    crowd = [(min(90.0, place[0] + step * 1e-4), place[1]) for place in places for step in range(9)]
    latitudes, longitudes = (np.array([place[axis] for place in crowd], np.float64) for axis in (0, 1))
    words = np.zeros(words_for(len(crowd)), np.uint64)
    near = np.array([latitude, longitude, radius_km])
    people = people_of(
        dataclasses.replace(
            empty_columns(),
            ids=np.arange(len(crowd)),
            latitudes=latitudes,
            longitudes=longitudes,
            ratings=np.zeros(len(crowd), np.uint8),
        )
    )
    marked, blocks = mark_circle(build_grid(latitudes, longitudes), people, near, 6, words)
    expected = [geometry.distance_km(latitude, longitude, *place) <= radius_km for place in crowd]
    assert unpack_bits(words, len(crowd)).tolist() == expected
    assert marked == sum(expected)
    assert {place >> 6 for place, inside in enumerate(expected) if inside} == {b for b in range(64) if blocks >> b & 1}


def test_a_batch_selects_rows_and_survives_read_only_memory() -> None:
    vocabulary = Vocabulary()
    vocabulary.add(["焊接", "电工"])
    queries = [
        Query(1, (Group((Member("焊接"),), 2), Group((Member("电工"), Member("潜水")), 4)), 1, exclude=(3, 9), limit=7),
        Query(2, regions=("440300",), industries=("3311", "33")),
        Query(3, (Group((Member("潜水"),)),), 1, crowds=("nobody",), origin=(1.0, 2.0)),
    ]
    batch = compile_queries(queries, vocabulary, SMALL_TAXONOMY, CrowdIds())
    assert batch.plane_weights.tolist() == [1, 2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]
    for rows in ([2, 0], [1], []):
        chosen = compile_queries([queries[row] for row in rows], vocabulary, SMALL_TAXONOMY, CrowdIds())
        selected = batch.select(rows)
        for name in batch.__slots__:
            assert np.array_equal(getattr(selected, name), getattr(chosen, name), equal_nan=name in ("near", "origin"))
    for name in batch.__slots__:
        getattr(batch, name).flags.writeable = False
    assert all(array.flags.writeable for array in batch_arrays(batch))


def test_more_groups_than_the_kernels_hold_are_refused() -> None:
    groups = tuple(Group((Member(f"word {number}"),)) for number in range(17))
    with pytest.raises(ValueError, match="query 5"):
        compile_queries([Query(5, groups, 1)], Vocabulary(), SMALL_TAXONOMY, CrowdIds())


def test_what_is_compiled_while_somebody_waits_is_counted() -> None:
    def twice(number: Any) -> Any:
        return 2 * number

    # Not kept on disk, so that it is compiled here in every run.
    compiled, doubled = kernels_compiled(), njit(twice)
    assert (doubled(2), kernels_compiled() - compiled) == (4, 1)
    assert (doubled(3), kernels_compiled() - compiled) == (6, 1)
    assert (doubled(1.5), kernels_compiled() - compiled) == (3.0, 2)
