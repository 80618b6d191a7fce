"""Candidates by the naive reference over a copy of the profiles that follows the real log."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

import orjson

from kit.db import Database
from kit.errors import QuanwangError, Unavailable
from marketplace.dispatch.ports import Candidates, MatchAnswer, MatchRefused, MatchRequest
from marketplace.profiles import DatabaseProfileLog
from matching.profiles import Profile
from matching.query import Query, parse_order, resolve
from matching.reference import match
from matching.taxonomy import Taxonomy
from matching.vocabulary import Vocabulary

PAGE: Final = 10_000
SHARDS: Final = 2


class MatchingAway(Unavailable):
    """The simulated shards are being restored."""


class MatchFaults(Protocol):
    """Decides what goes wrong with a question to the matcher."""

    def at_match(self) -> str:
        """``whole``; ``away``: nobody answers; ``torn``: what ``lost_shard`` found is missing."""
        ...

    @property
    def lost_shard(self) -> int:
        """Which of the shards lost what it held."""
        ...


class NaiveCandidates:
    """Implements CandidateSource. A dispatcher has its own, and loses it when it dies.

    As the engine does, it waits before every match until every committed change of a profile is in its copy.
    """

    def __init__(
        self, database: Database, taxonomy: Taxonomy, faults: MatchFaults, pause_at: Callable[[str], None]
    ) -> None:
        self._log = DatabaseProfileLog(database)
        self._taxonomy, self._faults, self._pause_at = taxonomy, faults, pause_at
        self._profiles: dict[int, Profile] = {}
        self._vocabulary = Vocabulary()
        self._barrier = -1

    def match(self, requests: Sequence[MatchRequest]) -> list[MatchAnswer | MatchRefused]:
        """Answer every request in order, at one barrier. Raises MatchingAway."""
        wanted = self._log.last_seq()
        if self._barrier < wanted:
            self._follow()
        self._pause_at("matching")
        fate = self._faults.at_match()
        if fate == "away":
            raise MatchingAway("matching is paused by the simulation; orders wait", 1)
        answers = [self._answer(request) for request in requests]
        self._pause_at("matched")
        return [_torn(each, self._faults.lost_shard) for each in answers] if fate == "torn" else answers

    def _follow(self) -> None:
        seq, changes = self._log.read_changes(max(self._barrier, 0), PAGE)
        for user_id, profile in changes:
            known = self._profiles.pop(user_id, None)
            if known is not None:
                self._vocabulary.remove(known.keywords)
            if profile is not None:
                self._profiles[user_id] = profile
                self._vocabulary.add(profile.keywords)
        self._barrier = seq

    def _answer(self, request: MatchRequest) -> MatchAnswer | MatchRefused:
        try:
            if request.query_json is not None:
                query = Query.from_json(request.query_json)
            else:
                order = parse_order(orjson.loads(request.order_json or "{}"), self._taxonomy, require_id=False)
                query = resolve(replace(order, id=request.dispatch_id), self._vocabulary, self._taxonomy)
        except QuanwangError as error:
            return MatchRefused(error.sentence)
        exclude = tuple(sorted({*query.exclude, *request.exclude}))
        asked = replace(query, exclude=exclude, limit=request.limit)
        found = match(self._profiles.values(), asked, self._taxonomy)
        with_partial = request.with_partial
        return MatchAnswer(
            query_json=request.query_json or query.to_json(),
            full_count=found.full_count,
            full=Candidates.of(found.full),
            partial_count=found.partial_count if with_partial else None,
            partial=Candidates.of(found.partial) if with_partial else None,
            certificate={"barrier": self._barrier, "population": len(self._profiles)},
            dimension_counts=found.dimension_counts if with_partial else {},
        )


def _torn(answer: MatchAnswer | MatchRefused, lost_shard: int) -> MatchAnswer | MatchRefused:
    """An answer without what one shard had found, which still counts it."""
    if isinstance(answer, MatchRefused):
        return answer
    full = answer.full
    found = zip(full.user_ids, full.scores, full.ties, strict=True)
    return replace(answer, full=Candidates.of([row for row in found if row[0] % SHARDS != lost_shard]))
