"""The engine over shards gives exactly what the naive reference gives, for every number of shards and any history."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.coordinator import Coordinator
from engine.in_process import in_process_shards
from matching.profiles import Profile, parse_profile
from matching.query import Query
from matching.reference import Match, match
from matching.vocabulary import Vocabulary
from tests.strategies import SMALL_TAXONOMY, STEADY, cases, frozen, order_document, populations, profile_document

SHARDS = (1, 2, 3, 8)


def coordinator(shards: int) -> Coordinator:
    return Coordinator(in_process_shards(shards), SMALL_TAXONOMY, Vocabulary())


def by_reference(profiles: list[Profile], queries: list[Query]) -> list[Match]:
    return [match(profiles, query, SMALL_TAXONOMY) for query in queries]


def by_engine(index: Coordinator, queries: list[Query]) -> list[Match]:
    results = index.match(queries)
    assert all(result.certificate.is_complete() for result in results)
    return [result.to_match() for result in results]


@pytest.mark.parametrize("shards", SHARDS)
def test_equals_the_reference(shards: int) -> None:
    @given(cases())
    @settings(STEADY, max_examples=120)
    def check(case: tuple[list[Profile], list[Query]]) -> None:
        profiles, queries = case
        index = coordinator(shards)
        index.load(profiles, barrier=1)
        assert by_engine(index, queries) == by_reference(profiles, queries)

    check()


@pytest.mark.parametrize("shards", SHARDS)
def test_a_full_only_answer_has_the_same_full_tier(shards: int) -> None:
    @given(cases())
    @settings(STEADY, max_examples=60)
    def check(case: tuple[list[Profile], list[Query]]) -> None:
        profiles, queries = case
        index = coordinator(shards)
        index.load(profiles, barrier=1)
        results = index.match(queries, full_only=True)
        for result, expected in zip(results, by_reference(profiles, queries), strict=True):
            assert (result.full_count, result.full.rows()) == (expected.full_count, expected.full)
            assert result.certificate.is_complete()

    check()


@pytest.mark.parametrize("shards", SHARDS)
def test_equals_the_reference_after_any_history(shards: int) -> None:
    changes = st.lists(st.tuples(st.integers(1, 30), st.none() | st.integers(0, 2**48)), max_size=12)

    @given(populations(20), st.lists(changes, max_size=4), st.integers(0, 2**110))
    @settings(STEADY, max_examples=50)
    def check(profiles: list[Profile], history: list[list[tuple[int, int | None]]], number: int) -> None:
        queries = frozen([order_document(number, 1)], Vocabulary())
        index = coordinator(shards)
        index.load(profiles, barrier=1)
        held = {profile.id: profile for profile in profiles}
        for barrier, step in enumerate(history, start=2):
            changed = [(user_id, _profile(user_id, drawn)) for user_id, drawn in step]
            for user_id, profile in changed:
                held.pop(user_id, None)
                if profile is not None:
                    held[user_id] = profile
            index.apply(changed, barrier)
            assert by_engine(index, queries) == by_reference(list(held.values()), queries)

    check()


def _profile(user_id: int, number: int | None) -> Profile | None:
    return None if number is None else parse_profile(profile_document(number, user_id), SMALL_TAXONOMY)


def test_equals_the_reference_on_many_users_with_many_ties() -> None:
    """More users than a limit and than a machine word, so that cuts fall inside ties."""
    profiles = [
        parse_profile(profile_document(number * 2_654_435_761 % 2**48, number + 1), SMALL_TAXONOMY)
        for number in range(1_500)
    ]
    queries = frozen(
        [order_document(n * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**110, n + 1) for n in range(150)], Vocabulary()
    )
    queries += [dataclasses.replace(query, id=query.id + 1_000, limit=1 + query.id % 40) for query in queries]
    index = coordinator(3)
    index.load(profiles, barrier=1)
    expected = by_reference(profiles, queries)
    assert by_engine(index, queries) == expected
    assert sum(answer.full_count > len(answer.full) for answer in expected) > 20
    assert sum(answer.partial_count > len(answer.partial) for answer in expected) > 20
