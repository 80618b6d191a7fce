"""The drawn users are as the report says they are."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.matching.population import CHUNK_USERS, World, chunks, draw_users, pack_rows
from benchmarks.matching.tokens import TokenBook, tokens_a_user, tokens_of
from benchmarks.matching.words import WordTable, load_words
from matching.index.locality import locality_order
from tests.strategies import STEADY
from tests.unit.benchmarks.conftest import Town

HEAVY = "沟通能力"


@pytest.mark.shared
def test_one_in_six_holds_the_heavy_word_of_the_real_vocabulary(shared_data: Path) -> None:
    world = World.of(load_words(shared_data), seed=5)
    columns = draw_users(world, np.random.default_rng(5), 60_000, first_id=1)
    heavy = world.vocabulary.find(HEAVY)
    assert heavy is not None
    share = (columns.keywords == heavy).sum() / len(columns)
    assert 1 / 7 < share < 1 / 5
    assert 18 < tokens_a_user(columns, world) < 23
    assert "shared/data" in world.words.source


def test_words_are_drawn_by_weight_and_categories_by_demand() -> None:
    numbers: dict[str, int] = {}
    table = WordTable({"a": {"x": 3.0, "y": 1.0}, "b": {"y": 1.0}, "c": {"z": 1.0}}, {"a": 1.0, "b": 3.0}, numbers)
    assert table.names == ("a", "b"), "nobody demands c"
    random = np.random.default_rng(1)
    categories = table.draw_categories(random, 20_000)
    assert abs((categories == 1).mean() - 0.75) < 0.02
    words = table.draw_words(random, np.zeros(20_000, np.int64), 1)
    assert abs((words == numbers["x"]).mean() - 0.75) < 0.02
    assert (table.draw_words(random, np.ones(1_000, np.int64), 3) == numbers["y"]).all()


def test_the_same_seed_draws_the_same_users(world: World) -> None:
    first, second = (draw_users(world, np.random.default_rng(9), 500, first_id=1) for _ in range(2))
    for name, array in first.arrays().items():
        assert np.array_equal(array, second.arrays()[name], equal_nan=array.dtype.kind == "f"), name
    other = draw_users(world, np.random.default_rng(10), 500, first_id=1)
    assert not np.array_equal(first.keywords, other.keywords)


def test_another_seed_moves_the_heavy_districts(world: World) -> None:
    assert not np.array_equal(world.places.districts, World.of(world.words, seed=4).places.districts)


def test_chunks_number_users_without_a_gap(world: World) -> None:
    ids = np.concatenate([part.ids for part in chunks(world, 700, chunk_users=300)])
    assert np.array_equal(ids, np.arange(1, 701))
    assert CHUNK_USERS == 1 << 20, "a chunk is a segment"


def test_users_are_within_the_contract(town: Town) -> None:
    columns, taxonomy = town.columns, town.world.words.taxonomy
    held = np.diff(columns.keyword_starts)
    assert held.min() >= 1
    assert held.max() <= 12
    assert (np.diff(columns.region_starts) >= 1).all()
    industries = np.diff(columns.industry_starts)
    assert industries.min() == 1
    assert industries.max() == 3
    assert columns.regions.max() < len(taxonomy.regions)
    assert columns.industries.max() < len(taxonomy.industries)
    assert 0.02 < np.isnan(columns.latitudes).mean() < 0.12
    assert 0.01 < (~columns.available).mean() < 0.06
    root = taxonomy.regions.index("100000")
    assert 0.01 < (columns.regions == root).sum() / len(columns) < 0.06
    depths = np.array(taxonomy.industries.depths)[columns.industries]
    assert set(depths.tolist()) == {0, 1, 2, 3}


def test_neighbours_in_the_index_serve_the_same_place(town: Town) -> None:
    parents = np.array(town.world.words.taxonomy.regions.parents, np.int32)
    assert locality_order(town.columns, parents).tolist() == list(range(len(town.columns)))


@STEADY
@given(st.lists(st.lists(st.integers(0, 4), min_size=5, max_size=5), min_size=1, max_size=6), st.data())
def test_rows_keep_the_first_different_numbers(rows: list[list[int]], drawn: st.DataObject) -> None:
    wanted = [drawn.draw(st.integers(1, 5)) for _ in rows]
    starts, flat = pack_rows(np.array(rows, np.int32), np.array(wanted, np.int64))
    for i, row in enumerate(rows):
        expected = sorted(list(dict.fromkeys(row))[: wanted[i]])
        assert flat[starts[i] : starts[i + 1]].tolist() == expected


def test_tokens_close_trees_upward(town: Town) -> None:
    """A user carries every node above his own, and his own apart; each once."""
    taxonomy, offsets = town.world.words.taxonomy, TokenBook.of(town.world).offsets
    tokens = tokens_of(town.columns, town.book, town.world)
    for row in range(0, 200, 7):
        carried = tokens.tokens[tokens.starts[row] : tokens.starts[row + 1]].tolist()
        assert carried == sorted(set(carried))
        starts, nodes = town.columns.region_starts, town.columns.regions
        own = set(nodes[starts[row] : starts[row + 1]].tolist())
        below = own | {above for node in own for above in taxonomy.regions.ancestors(node)}
        first, end = offsets["region_below"], offsets["region_own"]
        assert {token - first for token in carried if first <= token < end} == below
        first, end = offsets["region_own"], offsets["industry_below"]
        assert {token - first for token in carried if first <= token < end} == own
