"""The comparison with the reference finds bugs: each one planted here turns it red."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, given, settings

from engine.coordinator import Coordinator
from engine.in_process import in_process_shards
from matching import reference
from matching.geometry import distance_km
from matching.profiles import Profile
from matching.query import Query
from matching.vocabulary import Vocabulary
from tests.strategies import SMALL_TAXONOMY, STEADY, cases


def compare() -> None:
    """Fail on the first case where engine and reference differ."""

    @given(cases())
    @settings(STEADY, max_examples=200, phases=[Phase.generate])
    def check(case: tuple[list[Profile], list[Query]]) -> None:
        profiles, queries = case
        index = Coordinator(in_process_shards(2), SMALL_TAXONOMY, Vocabulary())
        index.load(profiles, barrier=1)
        expected = [reference.match(profiles, query, SMALL_TAXONOMY) for query in queries]
        assert [result.to_match() for result in index.match(queries)] == expected

    check()


def edge_left_out(profile: Profile, query: Query) -> bool:
    if query.near is None or profile.location is None:
        return False
    centre = (query.near.lat, query.near.lon)
    return distance_km(*centre, *profile.location) < query.near.radius_km


BUGS: dict[str, tuple[str, Callable[..., Any]]] = {
    "the origin is forgotten": ("tie", lambda profile, query: 2 * profile.rating),
    "the edge of a circle is left out": ("is_near", edge_left_out),
    "higher ids come first": ("_rank", lambda ranked: (-ranked[1], -ranked[2], -ranked[0])),
    "the tie is forgotten": ("_rank", lambda ranked: (-ranked[1], 0, ranked[0])),
    "only equal codes hit": ("on_one_path", lambda tree, user, order: bool(set(user) & set(order))),
    "all groups must be hit": (
        "groups_hit",
        lambda profile, query: [all(m.text in profile.keywords for m in group.members) for group in query.groups],
    ),
}


def test_without_a_bug_nothing_differs() -> None:
    compare()


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, wrong = BUGS[bug]
    monkeypatch.setattr(reference, name, wrong)
    with pytest.raises(AssertionError):
        compare()
