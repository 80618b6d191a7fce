"""The oracle of large populations equals the reference on small ones."""

import numpy as np
from hypothesis import given, settings

from benchmarks.matching.contest import Ranked
from benchmarks.matching.oracle import Oracle, join_truths
from matching import reference
from matching.profiles import Profile
from matching.query import Query
from tests.strategies import SMALL_TAXONOMY, STEADY, cases
from tests.unit.matching.index_cases import Numbers


def listed(ranked: Ranked) -> list[tuple[int, int, int]]:
    return list(zip(*(array.tolist() for array in ranked), strict=True))


@settings(STEADY, max_examples=120)
@given(cases())
def test_the_oracle_equals_the_reference(case: tuple[list[Profile], list[Query]]) -> None:
    """Whole, and joined from two parts."""
    profiles, queries = case
    numbers = Numbers()
    columns = numbers.encode(profiles)
    half = len(profiles) // 2
    rows = np.arange(len(profiles))
    whole = Oracle(columns, numbers.vocabulary, SMALL_TAXONOMY, numbers.crowds)
    parts = [
        Oracle(columns.take(some), numbers.vocabulary, SMALL_TAXONOMY, numbers.crowds)
        for some in (rows[:half], rows[half:])
    ]
    for query in queries:
        expected = reference.match(profiles, query, SMALL_TAXONOMY)
        joined = join_truths([part.answer(query) for part in parts], query.limit)
        for truth in (whole.answer(query), joined):
            assert len(truth.full_ids) == expected.full_count
            assert truth.partial_count == expected.partial_count
            assert listed(truth.full) == expected.full
            assert listed(truth.partial) == expected.partial
            assert set(truth.full.ids.tolist()) <= set(truth.full_ids.tolist())
