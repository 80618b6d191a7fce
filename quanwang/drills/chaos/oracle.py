"""The exact answer of one's own: the orders are understood and matched again, in this process, over all profiles."""

import dataclasses
import random
from collections.abc import Callable, Mapping, Sequence

import orjson

from engine.coordinator import Coordinator
from engine.in_process import in_process_shards
from kit.errors import QuanwangError
from marketplace.dispatch import Policy
from matching.extraction import Extractor
from matching.orders import MAX_LIMIT
from matching.profiles import Profile
from matching.query import Query, parse_order, resolve
from matching.reference import match as reference_match
from matching.taxonomy import Taxonomy
from matching.vocabulary import Vocabulary
from quanwang.drills.chaos.check_tiers import Tiers
from quanwang.drills.chaos.findings import Code, Finding

BATCH = 32
LISTED = 4_000
"""Users of a tier that are compared by rank at first; an order with more of the full tier is asked again whole."""
REFERENCE_ORDERS = 4
"""Orders that plain code works out as well, user by user."""


class Oracle:
    """Holds the people of a run; answers orders by their documents."""

    def __init__(self, profiles: Sequence[Profile], taxonomy: Taxonomy, policy: Policy) -> None:
        self._profiles, self._taxonomy, self._policy = profiles, taxonomy, policy
        self._coordinator = Coordinator(in_process_shards(1), taxonomy, Vocabulary())
        self._coordinator.load(profiles, barrier=1)
        self._extractor = Extractor(self._coordinator.vocabulary, taxonomy, self._coordinator.crowd_tags())

    def tiers(self, documents: Mapping[int, str], stays: Callable[[int], bool]) -> dict[int, Tiers]:
        """Return the tiers of each order document (as JSON text, by dispatch id), with those who ``stay`` only."""
        found: dict[int, Tiers] = {}
        queries: list[tuple[int, Query]] = []
        for dispatch_id, document in documents.items():
            query = self._understood(document)
            if query is None:
                found[dispatch_id] = Tiers(refused=True)
            else:
                queries.append((dispatch_id, query))
        for batch in _batched(queries):
            asked = [query for _, query in batch]
            for (dispatch_id, query), answer in zip(batch, self._coordinator.match(asked), strict=True):
                if answer.full_count > LISTED:
                    answer = self._coordinator.match([dataclasses.replace(query, limit=MAX_LIMIT)])[0]
                partial = [row[0] for row in answer.partial.rows() if row[1] >= self._policy.partial_floor]
                found[dispatch_id] = Tiers(
                    full=[row[0] for row in answer.full.rows() if stays(row[0])],
                    partial=[user_id for user_id in partial if stays(user_id)],
                )
        return found

    def check_itself(self, documents: Mapping[int, str], *, seed: int) -> list[Finding]:
        """Work a few orders out by the reference as well: an oracle that errs proves nothing."""
        chosen = random.Random(f"{seed} reference").sample(sorted(documents), min(REFERENCE_ORDERS, len(documents)))
        found = []
        for dispatch_id in chosen:
            query = self._understood(documents[dispatch_id])
            if query is None:
                continue
            expected = reference_match(self._profiles, query, self._taxonomy)
            answer = self._coordinator.match([query])[0].to_match()
            if (expected.full, expected.full_count, expected.partial) != (
                answer.full,
                answer.full_count,
                answer.partial,
            ):
                found.append(Finding(Code.WRONGLY_TOLD, f"the matcher and the reference differ for {dispatch_id}"))
        return found

    def _understood(self, document: str) -> Query | None:
        try:
            order = parse_order(orjson.loads(document), self._taxonomy, require_id=False)
            query = resolve(order, self._coordinator.vocabulary, self._taxonomy, extractor=self._extractor)
        except QuanwangError:
            return None
        return dataclasses.replace(query, limit=LISTED)


def _batched(queries: Sequence[tuple[int, Query]]) -> list[Sequence[tuple[int, Query]]]:
    return [queries[start : start + BATCH] for start in range(0, len(queries), BATCH)]
