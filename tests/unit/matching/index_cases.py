"""Segments of small sizes, and answers as the reference writes them."""

import numpy as np

from matching.compilation import DIMENSIONS, CompiledBatch, compile_queries
from matching.index.columns import CrowdIds, ProfileColumns, encode_profiles
from matching.index.segment import Trees
from matching.index.segment_set import SegmentSetState
from matching.profiles import Profile
from matching.query import Query
from matching.ranking import unpack_keys
from matching.reference import Match
from matching.vocabulary import Vocabulary
from tests.strategies import SMALL_TAXONOMY

NOBODY = np.zeros(0, np.int64)
TREES = Trees(np.array(SMALL_TAXONOMY.regions.parents, np.int32), np.array(SMALL_TAXONOMY.industries.parents, np.int32))


class Numbers:
    """A vocabulary and crowd numbers that grow with the profiles encoded."""

    def __init__(self) -> None:
        self.vocabulary = Vocabulary()
        self.crowds = CrowdIds()

    def encode(self, profiles: list[Profile]) -> ProfileColumns:
        for profile in profiles:
            self.vocabulary.add(profile.keywords)
            self.crowds.add(profile.crowds)
        return encode_profiles(profiles, self.vocabulary, SMALL_TAXONOMY, self.crowds)

    def compile(self, queries: list[Query]) -> CompiledBatch:
        return compile_queries(queries, self.vocabulary, SMALL_TAXONOMY, self.crowds)


def answers(state: SegmentSetState, batch: CompiledBatch, queries: list[Query]) -> list[Match]:
    """Both tiers of a state, as the reference gives them."""
    answer = state.match(batch)
    matches = []
    for q, query in enumerate(queries):
        tiers = []
        for starts, keys, ids in (
            (answer.full_starts, answer.full_keys, answer.full_ids),
            (answer.partial_starts, answer.partial_keys, answer.partial_ids),
        ):
            rows = slice(starts[q], starts[q + 1])
            scores, ties = unpack_keys(keys[rows])
            tiers.append(list(zip(ids[rows].tolist(), scores.tolist(), ties.tolist(), strict=True)))
        counts = dict(zip(DIMENSIONS, answer.dimension_counts[q].tolist(), strict=True))
        matches.append(
            Match(
                order=query.id,
                full_count=int(answer.full_counts[q]),
                partial_count=int(answer.partial_counts[q]),
                full=tiers[0],
                partial=tiers[1],
                dimension_counts={name: counts[name] for name in query.dimensions()},
            )
        )
    return matches
