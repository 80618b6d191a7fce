"""Reach counts are what the reference counts for the query as it is and with each of its keys changed."""

import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from matching.compilation import DIMENSIONS
from matching.index.parts import Part
from matching.index.scratch import CHUNK_WORDS
from matching.index.segment import Segment
from matching.index.segment_set import SegmentSet, SegmentSetState
from matching.profiles import Profile, parse_profile
from matching.query import Query
from matching.reach import (
    ANYTHING,
    CIRCLE_DROPPED,
    CIRCLE_WIDENED,
    CROWD_DROPPED,
    FULL_NOW,
    GROUP_DROPPED,
    INDUSTRY_DROPPED,
    INDUSTRY_WIDENED,
    LEAST_ONE,
    OF_DIMENSION,
    REGIONS_DROPPED,
    REGIONS_WIDENED,
    widened,
)
from matching.reference import match
from tests.strategies import SMALL_TAXONOMY, STEADY, cases, frozen, order_document, profile_document
from tests.unit.matching.index_cases import NOBODY, TREES, Numbers


def changes_of(query: Query) -> Iterator[tuple[int, Query]]:
    """Column and query of every changed key, whether or not a dimension is left."""
    wider = widened(query, SMALL_TAXONOMY)
    for g in range(len(query.groups)):
        rest = query.groups[:g] + query.groups[g + 1 :]
        yield GROUP_DROPPED + g, replace(query, groups=rest, at_least=min(query.at_least, len(rest)))
    if query.at_least > 1:
        yield LEAST_ONE, replace(query, at_least=1)
    if query.industries:
        yield INDUSTRY_DROPPED, replace(query, industries=())
        yield INDUSTRY_WIDENED, replace(query, industries=wider.industries)
    if query.regions:
        yield REGIONS_DROPPED, replace(query, regions=())
        yield REGIONS_WIDENED, replace(query, regions=wider.regions)
    if query.near:
        yield CIRCLE_DROPPED, replace(query, near=None)
        yield CIRCLE_WIDENED, replace(query, near=wider.near)
    if query.crowds:
        yield CROWD_DROPPED, replace(query, crowds=())


@given(cases(most_profiles=60))
@settings(STEADY, max_examples=400)
def test_every_count_is_that_of_the_reference(case: tuple[list[Profile], list[Query]]) -> None:
    profiles, queries = case
    numbers = Numbers()
    users = SegmentSet(TREES, delta_users=3, segment_users=40)
    users.apply(numbers.encode(profiles), NOBODY)
    users.apply(numbers.encode(profiles[:2]), NOBODY)
    wider = [widened(query, SMALL_TAXONOMY) for query in queries]
    counts = users.state().count_reach(numbers.compile(queries), numbers.compile(wider))
    for query, counted in zip(queries, counts.tolist(), strict=True):
        now = match(profiles, query, SMALL_TAXONOMY)
        assert counted[FULL_NOW] == now.full_count
        assert counted[ANYTHING] - counted[FULL_NOW] == now.partial_count
        for place, dimension in enumerate(DIMENSIONS):
            assert counted[OF_DIMENSION + place] == now.dimension_counts.get(dimension, 0)
        for column, other in changes_of(query):
            if other.dimensions():
                assert counted[column] == match(profiles, other, SMALL_TAXONOMY).full_count, (column, other)


@pytest.mark.parametrize(("users_a_kind", "dense_lists"), [(400, True), (3, False)])
def test_users_of_many_chunks_are_counted_as_they_are_matched(users_a_kind: int, dense_lists: bool) -> None:
    """Users of one kind lie together, so that lists begin, end and are passed over in the middle of a segment."""
    dice = random.Random(5)
    numbers = Numbers()
    kinds = [parse_profile(profile_document(dice.getrandbits(48), i), SMALL_TAXONOMY) for i in range(1, 121)]
    lengths = np.array([users_a_kind, 400 - users_a_kind] * len(kinds))
    nothing = Profile(len(kinds) + 1)
    rows = np.array([[kind, len(kinds)] for kind in range(len(kinds))]).ravel()
    columns = numbers.encode([*kinds, nothing]).take(np.repeat(rows, lengths))
    columns.ids[:] = np.arange(1, len(columns) + 1)
    assert len(columns) > 2 * 64 * CHUNK_WORDS
    state = SegmentSetState((Part.of(Segment.build(columns, TREES)),), len(columns))
    assert bool(len(state.parts[0].segment.lists.bitmaps)) is dense_lists
    queries = frozen([order_document(dice.getrandbits(110), number) for number in range(1, 61)], numbers.vocabulary)
    counts = state.count_reach(
        numbers.compile(queries), numbers.compile([widened(query, SMALL_TAXONOMY) for query in queries])
    )
    changed = [
        (q, *change) for q, query in enumerate(queries) for change in changes_of(query) if change[1].dimensions()
    ]
    answer = state.match(numbers.compile([replace(other, limit=1) for *_, other in changed]), full_only=True)
    assert [counts[q, column] for q, column, _ in changed] == answer.full_counts.tolist()
    now = state.match(numbers.compile(queries))
    assert counts[:, FULL_NOW].tolist() == now.full_counts.tolist()
    assert counts[:, ANYTHING].tolist() == (now.full_counts + now.partial_counts).tolist()
    assert counts[:, OF_DIMENSION : OF_DIMENSION + 4].tolist() == now.dimension_counts.tolist()
