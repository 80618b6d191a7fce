"""What the dispatcher answers on its internal socket: match, preview, explain, health."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from engine.coordinator import Coordinator
from engine.extractors import Extractors
from engine.reach import reach
from engine.wire import RETRY_AFTER_S, InPieces
from kit.errors import NotFound, Unavailable
from matching.explain import explain
from matching.profiles import Profile
from matching.query import Query, parse_order, resolve
from matching.taxonomy import Taxonomy

MAX_FULL_SETS = 2
"""So many full sets are handed over at a time: each is kept until its reader has it, 8 bytes a user."""


class NoSuchProfile(NotFound):
    """Nobody has this user id."""


class TooManyFullSets(Unavailable):
    """As many full sets as may be are being handed over; one more would have to wait for their readers."""


class MatchService:
    """Answers over a coordinator; the documents are JSON objects.

    ``profile_of`` reads a user's profile as it stands in the database, or None.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        taxonomy: Taxonomy,
        extractors: Extractors,
        profile_of: Callable[[int], Profile | None],
    ) -> None:
        self._coordinator, self._taxonomy, self._extractors = coordinator, taxonomy, extractors
        self._profile_of = profile_of
        self._full_sets = threading.BoundedSemaphore(MAX_FULL_SETS)

    def handlers(self) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
        """Every call by its name, as the socket's server takes them."""
        return {
            "match": lambda arguments: self.match(arguments["order"]),
            "full_set": lambda arguments: self.full_set(arguments["order"]),
            "preview": lambda arguments: self.preview(arguments["order"]),
            "explain": lambda arguments: self.explain(str(arguments["query"]), int(arguments["user_id"])),
            "keywords": lambda arguments: self.keywords(
                str(arguments["text"]), int(arguments["most"]), list(arguments["without"])
            ),
            "health": lambda _: self.health(),
        }

    def match(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Both tiers of an order now: counts, [id, score, tie] lists, what was extracted, and the certificate."""
        query = self._resolve(document)
        result = self._coordinator.match([query])[0]
        return {
            "order": query.id,
            "full_count": result.full_count,
            "full": result.full.rows(),
            "partial": result.partial.rows(),
            "partial_count": result.partial_count,
            "dimension_counts": result.dimension_counts,
            "extracted": [key._asdict() for key in query.extracted],
            "certificate": asdict(result.certificate),
        }

    def full_set(self, document: Mapping[str, Any]) -> InPieces:
        """The ids of an order's whole full tier now, whatever its limit (int64, little endian, in no order); then their
        number and the certificate.

        Found at one barrier before the first piece leaves, so that slow readers change nothing. Raises TooManyFullSets.
        """
        query = self._resolve(document)
        if not self._full_sets.acquire(blocking=False):
            raise TooManyFullSets(
                f"{MAX_FULL_SETS} full sets are being handed over, and no more are kept at a time; ask again in"
                f" {RETRY_AFTER_S} seconds",
                RETRY_AFTER_S,
            )
        try:
            found = self._coordinator.full_set(query)
        except BaseException:
            self._full_sets.release()
            raise
        answer = {"order": query.id, "full_count": len(found), "certificate": asdict(found.certificate)}
        return InPieces(found.packed(), answer, self._full_sets.release)

    def preview(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Exact counts of both tiers and the gain of dropping or widening each key."""
        query = self._resolve(document)
        reached = reach(self._coordinator, query, self._taxonomy)
        return {
            **asdict(reached),
            "query": query.to_json(),
            "extracted": [key._asdict() for key in query.extracted],
        }

    def explain(self, query_json: str, user_id: int) -> dict[str, Any]:
        """Why a user is or is not in the answer of a frozen query, as his profile stands now."""
        profile = self._profile_of(user_id)
        if profile is None:
            raise NoSuchProfile(f"user {user_id} has no profile: nobody with this id is matched; check the id")
        # By the same weights as the offers: an explanation whose score is another one explains nothing.
        query, weights = Query.from_json(query_json), self._coordinator.weights
        return explain(profile, query, self._taxonomy, weights).to_document()

    def keywords(self, text: str, most: int, without: list[str]) -> list[str]:
        """At most ``most`` known keywords that a profile's text names besides those in ``without``, heaviest first."""
        return list(self._extractors.current().keywords(text, most=most, without=without))

    def health(self) -> dict[str, Any]:
        """Whether the shards are whole, and what each holds."""
        try:
            shards = self._coordinator.stats()
            lost = self._coordinator.lost_shards()
        except Unavailable as error:
            return {"ready": False, "barrier": None, "population": 0, "shards": [], "why": error.sentence}
        return {
            "ready": self._coordinator.barrier is not None and not lost,
            "barrier": self._coordinator.barrier,
            "population": sum(shard.population for shard in shards),
            "vocabulary_words": len(self._coordinator.vocabulary),
            "shards": [asdict(shard) for shard in shards],
        }

    def _resolve(self, document: Mapping[str, Any]) -> Query:
        order = parse_order(document, self._taxonomy, require_id=False)
        extractor = self._extractors.current() if order.text else None
        return resolve(order, self._coordinator.vocabulary, self._taxonomy, extractor=extractor)
