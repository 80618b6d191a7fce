"""What the dispatcher answers on its internal socket: match, preview, explain, health."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from engine.coordinator import Coordinator
from engine.extractors import Extractors
from engine.reach import reach
from kit.errors import NotFound, Unavailable
from matching.explain import explain
from matching.profiles import Profile
from matching.query import Query, parse_order, resolve
from matching.taxonomy import Taxonomy


class NoSuchProfile(NotFound):
    """Nobody has this user id."""


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

    def handlers(self) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
        """Every call by its name, as the socket's server takes them."""
        return {
            "match": lambda arguments: self.match(arguments["order"]),
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
