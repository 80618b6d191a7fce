"""Reach says of every key what the reference counts without it or with it widened, for any number of shards."""

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.coordinator import Coordinator
from engine.in_process import in_process_shards
from engine.reach import KeyGain, reach
from matching.profiles import Profile
from matching.query import Group, Member, Near, Query
from matching.reference import match
from matching.taxonomy import Tree
from matching.vocabulary import Vocabulary
from tests.strategies import SMALL_TAXONOMY, STEADY, cases


def _up(tree: Tree, codes: tuple[str, ...]) -> tuple[str, ...]:
    parents = {tree.parents[tree.index(code)] for code in codes}
    roots = {code for code in codes if tree.parents[tree.index(code)] < 0}
    return tuple(sorted({tree.codes[parent] for parent in parents if parent >= 0} | roots))


def _changes(query: Query) -> Iterator[tuple[str, str, Query]]:
    for g in range(len(query.groups)):
        rest = query.groups[:g] + query.groups[g + 1 :]
        yield "drop", "keywords", replace(query, groups=rest, at_least=min(query.at_least, len(rest)))
    yield "widen", "keywords", replace(query, at_least=min(1, query.at_least))
    yield "drop", "industry", replace(query, industries=())
    yield "widen", "industry", replace(query, industries=_up(SMALL_TAXONOMY.industries, query.industries))
    yield "drop", "region", replace(query, regions=())
    yield "widen", "region", replace(query, regions=_up(SMALL_TAXONOMY.regions, query.regions))
    yield "drop", "region", replace(query, near=None)
    if query.near:
        radius_km = min(20_038.0, 2 * query.near.radius_km)
        yield "widen", "region", replace(query, near=replace(query.near, radius_km=radius_km))
    yield "drop", "crowd", replace(query, crowds=())


@given(cases(), st.integers(1, 3))
@settings(STEADY, max_examples=100)
def test_it_is_what_the_reference_counts(case: tuple[list[Profile], list[Query]], shards: int) -> None:
    profiles, queries = case
    coordinator = Coordinator(in_process_shards(shards), SMALL_TAXONOMY, Vocabulary())
    coordinator.load(profiles, barrier=1)
    for query in queries:
        found = reach(coordinator, query, SMALL_TAXONOMY)
        now = match(profiles, query, SMALL_TAXONOMY)
        assert (found.full_count, found.partial_count) == (now.full_count, now.partial_count)
        assert found.dimension_counts == now.dimension_counts
        assert found.population == len(profiles)
        expected = [
            (change, dimension, match(profiles, other, SMALL_TAXONOMY).full_count)
            for change, dimension, other in _changes(query)
            if other != query and other.dimensions()
        ]
        assert sorted((gain.change, gain.dimension, gain.full_count) for gain in found.gains) == sorted(expected)
        assert all(gain.gain == gain.full_count - now.full_count for gain in found.gains)


def test_every_key_is_named_as_people_read_it_and_the_largest_gain_comes_first() -> None:
    people = [
        Profile(1, keywords=("焊接", "电工"), regions=("440305",), industries=("3311",), crowds=("student",)),
        Profile(2, keywords=("焊接",), regions=("440303",), industries=("3312",), crowds=("student",)),
        Profile(3, keywords=("焊接", "电工"), regions=("440303",), industries=("3311",), crowds=("student",)),
        Profile(4, keywords=("焊接", "电工"), regions=("110000",), industries=("3311",), crowds=("student",)),
    ]
    coordinator = Coordinator(in_process_shards(2), SMALL_TAXONOMY, Vocabulary())
    coordinator.load(people, barrier=1)
    query = Query(
        1,
        groups=(Group((Member("焊接", of="焊接"),)), Group((Member("电工", of="电工"),))),
        at_least=2,
        industries=("3311",),
        regions=("440305",),
        near=Near(0.0, 0.0, 5.0),
        crowds=("student",),
    )
    found = reach(coordinator, query, SMALL_TAXONOMY)
    assert (found.full_count, found.partial_count, found.population) == (1, 3, 4)
    assert found.dimension_counts == {"keywords": 3, "industry": 3, "region": 1, "crowd": 4}
    assert found.gains == (
        KeyGain("widen", "region", "440300", 2, 1, ("440300",)),
        KeyGain("drop", "crowd", "student", 1, 0),
        KeyGain("widen", "industry", "331", 1, 0, ("331",)),
        KeyGain("drop", "industry", "3311", 1, 0, ("3311",)),
        KeyGain("widen", "keywords", "2 -> 1", 1, 0),
        KeyGain("drop", "keywords", "焊接", 1, 0),
        KeyGain("drop", "keywords", "电工", 1, 0),
        KeyGain("widen", "region", "10 km", 1, 0),
        KeyGain("drop", "region", "5 km", 1, 0),
        KeyGain("drop", "region", "440305", 0, -1, ("440305",)),
    )
