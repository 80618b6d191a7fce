"""Every user has one cell and one shard, and routing never closes a cell that holds a full match."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cells import Cells
from engine.placement import pack
from matching.index.columns import CrowdIds, encode_profiles
from matching.profiles import Profile
from matching.query import Near, Query
from matching.reference import match
from matching.taxonomy import builtin_taxonomy
from matching.vocabulary import Vocabulary

TAXONOMY = builtin_taxonomy()
CELLS = Cells(TAXONOMY)
REGIONS = ("100000", "440000", "440300", "440305", "310000", "310115", "110000")
INDUSTRIES = ("C", "33", "331", "3311", "I", "65", "A")

codes = st.lists(st.sampled_from(REGIONS), max_size=3).map(lambda found: tuple(sorted(set(found))))
trades = st.lists(st.sampled_from(INDUSTRIES), max_size=3).map(lambda found: tuple(sorted(set(found))))
people = st.lists(st.builds(Profile, id=st.integers(1, 10**6), regions=codes, industries=trades), max_size=20)


@pytest.mark.parametrize(
    ("regions", "industries", "name"),
    [
        (("440305",), ("3311",), "440000 x C"),
        (("440305", "440300"), ("33", "C"), "440000 x C"),
        (("440305", "310000"), ("33",), "* x C"),
        (("100000",), ("33", "65"), "* x *"),
        ((), ("A",), "- x A"),
        (("440000", "100000"), (), "* x -"),
    ],
)
def test_home_cell(regions: tuple[str, ...], industries: tuple[str, ...], name: str) -> None:
    profile = Profile(7, regions=regions, industries=industries)
    assert CELLS.name(CELLS.home(profile)) == name


@given(people)
def test_cells_of_columns_are_the_cells_of_profiles(profiles: list[Profile]) -> None:
    columns = encode_profiles(profiles, Vocabulary(), TAXONOMY, CrowdIds())
    assert CELLS.homes(columns).tolist() == [CELLS.home(profile) for profile in profiles]


@given(people, codes, trades, st.booleans())
def test_a_full_match_lives_in_an_open_cell(
    profiles: list[Profile], regions: tuple[str, ...], industries: tuple[str, ...], nearby: bool
) -> None:
    near = Near(22.5, 114.0, 10.0) if nearby else None
    query = Query(1, regions=regions, industries=industries, near=near)
    is_open = CELLS.open_for(query)
    unique = {profile.id: profile for profile in profiles}
    for user_id, _, _ in match(unique.values(), query, TAXONOMY).full if query.dimensions() else []:
        assert is_open[CELLS.home(unique[user_id])]


def test_an_order_of_one_province_closes_the_others() -> None:
    is_open = CELLS.open_for(Query(1, regions=("440305",), industries=("33",)))
    names = {CELLS.name(int(cell)) for cell in np.flatnonzero(is_open)}
    assert names == {"440000 x C", "440000 x *", "* x C", "* x *"}


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=40), st.integers(1, 9))
def test_packing_is_even_and_places_every_user_where_routing_looks(sizes: list[int], shards: int) -> None:
    table = pack(sizes, shards, version=3)
    cells = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    ids = np.arange(1, len(cells) + 1, dtype=np.int64)
    placed = table.shards_of(cells, ids)
    assert table.holds[placed, cells].all()
    for cell in range(len(sizes)):
        is_open = np.zeros(len(sizes), np.bool_)
        is_open[cell] = True
        assert set(placed[cells == cell].tolist()) <= set(table.shards_open(is_open))
    if len(cells) >= 5_000:
        loads = np.bincount(placed, minlength=shards)
        assert loads.max() <= 1.35 * len(cells) / shards + 50


def test_one_big_cell_is_cut_over_all_shards() -> None:
    table = pack([1_000_000, 3], 4, version=1)
    placed = table.shards_of(np.zeros(100_000, np.int32), np.arange(1, 100_001, dtype=np.int64))
    assert np.bincount(placed, minlength=4).min() > 24_000


def test_no_shards_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        pack([1], 0, version=1)
