"""A full set has everybody of the full tier, for any number of shards, and its pieces are bounded."""

from array import array
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.coordinator import Coordinator
from engine.in_process import in_process_shards
from engine.results import PIECE_IDS, Certificate, FullSet
from matching.profiles import Profile
from matching.query import Query
from matching.reference import match
from matching.vocabulary import Vocabulary
from tests.strategies import SMALL_TAXONOMY, STEADY, cases


@given(cases(), st.integers(1, 3))
@settings(STEADY, max_examples=60)
def test_it_is_the_full_tier_of_the_reference(case: tuple[list[Profile], list[Query]], shards: int) -> None:
    profiles, queries = case
    coordinator = Coordinator(in_process_shards(shards), SMALL_TAXONOMY, Vocabulary())
    coordinator.load(profiles, barrier=1)
    for query in queries:
        found = coordinator.full_set(query)
        expected = sorted(user for user, *_ in match(profiles, replace(query, limit=100_000), SMALL_TAXONOMY).full)
        assert found.order == query.id
        assert found.ids().tolist() == expected
        assert sorted(array("q", b"".join(found.packed()))) == expected
        assert len(found) == len(expected)
        assert found.certificate.is_complete()


def test_pieces_are_bounded_and_have_everybody_once() -> None:
    sizes = (PIECE_IDS - 1, 0, 2 * PIECE_IDS + 5, PIECE_IDS)
    parts = tuple(np.arange(size, dtype=np.int64) * 4 + shard + 2**50 for shard, size in enumerate(sizes))
    pieces = list(FullSet(7, parts, Certificate(1, 1, 1, 0, 0, 0)).packed())
    assert [len(piece) // 8 for piece in pieces] == [PIECE_IDS - 1, PIECE_IDS, PIECE_IDS, 5, PIECE_IDS]
    assert array("q", b"".join(pieces)).tolist() == np.concatenate(parts).tolist()
