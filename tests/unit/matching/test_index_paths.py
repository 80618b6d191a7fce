"""Each way of working gives the reference's answer, also where its cost would never make the engine take it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from matching.index import scratch
from matching.index.segment_set import SegmentSet, SegmentSetState
from matching.profiles import Profile
from matching.query import Query
from matching.reference import match
from tests.strategies import SMALL_TAXONOMY, STEADY, cases
from tests.unit.matching.index_cases import NOBODY, TREES, Numbers, answers

ALWAYS, NEVER = 0, 1 << 30
WAYS = {
    "planes and slices": (ALWAYS, ALWAYS, ALWAYS),
    "planes, everybody met": (ALWAYS, ALWAYS, NEVER),
    "candidates, groups met first": (NEVER, NEVER, NEVER),
    "candidates, then planes and slices": (NEVER, ALWAYS, ALWAYS),
    "some of each": (5, 3, 2),
}
"""FEW, MET_FIRST, MET_AT_MOST (matching.index.scratch)."""


@pytest.fixture
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "TUNING", WAYS[request.param])
    monkeypatch.setattr(scratch, "_kept", scratch._Kept())


def _state(profiles: list[Profile], numbers: Numbers, threads: int = 1) -> SegmentSetState:
    users = SegmentSet(TREES, delta_users=3, segment_users=40, threads=threads)
    users.apply(numbers.encode(profiles), NOBODY)
    return users.state()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_every_way_gives_the_reference() -> None:
    @given(cases())
    @settings(STEADY, max_examples=250)
    def check(case: tuple[list[Profile], list[Query]]) -> None:
        profiles, queries = case
        numbers = Numbers()
        state = _state(profiles, numbers)
        expected = [match(profiles, query, SMALL_TAXONOMY) for query in queries]
        assert answers(state, numbers.compile(queries), queries) == expected

    check()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_full_sets_have_everybody_whatever_the_limit() -> None:
    @given(cases())
    @settings(STEADY, max_examples=120)
    def check(case: tuple[list[Profile], list[Query]]) -> None:
        profiles, queries = case
        numbers = Numbers()
        sets = _state(profiles, numbers).full_sets(numbers.compile(queries))
        for q, query in enumerate(queries):
            expected = match(profiles, replace(query, limit=100_000), SMALL_TAXONOMY).full
            found = sets.ids[sets.starts[q] : sets.starts[q + 1]]
            assert sorted(found.tolist()) == sorted(user for user, *_ in expected)

    check()


@given(cases())
@settings(STEADY, max_examples=120)
def test_the_partial_tier_alone_is_the_same(case: tuple[list[Profile], list[Query]]) -> None:
    profiles, queries = case
    numbers = Numbers()
    state, batch = _state(profiles, numbers), numbers.compile(queries)
    both, alone = state.match(batch), state.match_partial(batch)
    assert np.array_equal(both.partial_starts, alone.partial_starts)
    assert np.array_equal(both.partial_keys, alone.partial_keys)
    assert np.array_equal(both.partial_ids, alone.partial_ids)
    assert not len(alone.full_ids)


@given(cases())
@settings(STEADY, max_examples=80)
def test_threads_over_the_segments_give_the_same(case: tuple[list[Profile], list[Query]]) -> None:
    profiles, queries = case
    numbers = Numbers()
    state = _state([*profiles, *(replace(profile, id=profile.id + 10**6) for profile in profiles)], numbers)
    batch = numbers.compile(queries)
    several = answers(replace(state, threads=3), batch, queries)
    assert several == answers(state, batch, queries)
