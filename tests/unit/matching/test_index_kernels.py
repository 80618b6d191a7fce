"""The parts of the kernels against plain Python: distance bit for bit, selection, slices, circles, batches."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching import geometry
from matching.compilation import compile_queries
from matching.index.bits import pack_bits, unpack_bits, words_for
from matching.index.columns import CrowdIds
from matching.index.geogrid import build_grid, mark_circle
from matching.index.match_batch import batch_arrays
from matching.index.planes import add_to_hits, mark_enough_hits
from matching.query import Group, Member, Query
from matching.index.sphere import distance_km, points_of, set_point, steps_away
from matching.ranking import join_tops, merge_tops
from matching.vocabulary import Vocabulary
from tests.strategies import SMALL_TAXONOMY, STEADY

LATITUDES = st.one_of(st.sampled_from([-90.0, -1e-6, 0.0, 22.54, 90.0]), st.floats(-90, 90))
LONGITUDES = st.one_of(st.sampled_from([-180.0, 0.0, 114.05, 180.0]), st.floats(-180, 180))


@given(LATITUDES, LONGITUDES, LATITUDES, LONGITUDES)
@settings(STEADY, max_examples=3000)
def test_the_compiled_distance_is_the_python_distance_bit_for_bit(a: float, b: float, c: float, d: float) -> None:
    compiled, plain = distance_km(a, b, c, d), geometry.distance_km(a, b, c, d)
    assert np.float64(compiled).tobytes() == np.float64(plain).tobytes()


@given(st.integers(0, 100), LATITUDES, LONGITUDES, LATITUDES, LONGITUDES)
@settings(STEADY, max_examples=1000)
def test_the_tie_is_the_contracts_and_its_bound_is_never_lower(
    rating: int, a: float, b: float, c: float, d: float
) -> None:
    tie = 2 * rating - min(255, math.floor(geometry.distance_km(c, d, a, b) / 4))
    assert tie_key(rating, a, b, c, d) - 255 == tie
    assert best_tie_key(rating, a, c) >= tie_key(rating, a, b, c, d)


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 9), st.integers(1, 200)), unique_by=lambda row: row[1]),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 30),
)
@settings(STEADY, max_examples=300)
def test_tops_are_cut_and_ordered_as_sorted_would(lists: list[list[tuple[int, int]]], limit: int) -> None:
    starts = np.cumsum([0, *map(len, lists)]).astype(np.int64)
    keys = np.array([key for rows in lists for key, _ in rows], np.int64)
    ids = np.array([user for rows in lists for _, user in rows], np.int64)
    limits = np.full(len(lists), limit, np.int64)
    new_starts, new_keys, new_ids = merge_tops(starts, keys, ids, limits)
    for q, rows in enumerate(lists):
        expected = sorted(rows, key=lambda row: (-row[0], row[1]))[:limit]
        run = slice(new_starts[q], new_starts[q + 1])
        assert list(zip(new_keys[run].tolist(), new_ids[run].tolist(), strict=True)) == expected


def test_long_tops_in_any_order_are_sorted() -> None:
    for arrange in (
        sorted,
        lambda rows: sorted(rows, reverse=True),
        lambda rows: random.Random(5).sample(rows, len(rows)),
    ):
        rows = arrange([(user % 7, user) for user in range(1, 20_001)])
        keys, ids = (np.array(column, np.int64) for column in zip(*rows, strict=True))
        _, best_keys, best_ids = join_tops([(np.array([0, len(rows)]), keys, ids)], np.array([5000]))
        expected = sorted(rows, key=lambda row: (-row[0], row[1]))[:5000]
        assert list(zip(best_keys.tolist(), best_ids.tolist(), strict=True)) == expected


def test_slices_count_weights_for_every_user() -> None:
    dice = np.random.default_rng(2)
    slices = np.zeros((8, BLOCK_WORDS), np.uint64)
    carry, marked, equal = (np.zeros(BLOCK_WORDS, np.uint64) for _ in range(3))
    sums = np.zeros(BLOCK_WORDS * 64, np.int64)
    for weight in (15, 1, 7, 15, 15, 4, 15, 15, 15, 15, 15, 15, 15, 15, 15, 13):
        members = dice.random(len(sums)) < 0.4
        add_plane(slices, 8, weight, pack_bits(members), carry, BLOCK_WORDS)
        sums += weight * members
    for least in (0, 1, 2, 63, 64, 100, 127, 128, 200, 255):
        mark_at_least(slices, 8, least, marked, equal, BLOCK_WORDS)
        assert np.array_equal(unpack_bits(marked, len(sums)), sums >= least)


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
    mark_circle(build_grid(latitudes, longitudes), latitudes, longitudes, near, words)
    expected = [geometry.distance_km(latitude, longitude, *place) <= radius_km for place in crowd]
    assert unpack_bits(words, len(crowd)).tolist() == expected


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
