"""Candidates for dispatch, from whichever coordinator this process has: resolves orders, matches in one batch."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace

import orjson

from engine.coordinator import Coordinator
from engine.extractors import Extractors
from engine.results import MatchResult, RankedUsers
from kit.clock import Stopwatch, not_measured
from kit.errors import QuanwangError
from marketplace.dispatch.ports import Candidates, MatchAnswer, MatchRefused, MatchRequest, MatchTiming
from matching.query import Query, parse_order, resolve
from matching.taxonomy import Taxonomy


class EngineCandidateSource:
    """Implements ``marketplace.dispatch.ports.CandidateSource`` over a coordinator.

    ``catch_up`` is called before every match: it returns when all profile changes committed so far are published, and
    raises Unavailable when that takes too long. An order must not close, or turn to the partial tier, over somebody
    whose profile was acknowledged before the order was. With a ``stopwatch`` every answer says how long it took.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        taxonomy: Taxonomy,
        extractors: Extractors,
        catch_up: Callable[[], None] = lambda: None,
        stopwatch: Stopwatch = not_measured,
    ) -> None:
        self._coordinator, self._taxonomy, self._extractors = coordinator, taxonomy, extractors
        self._catch_up = catch_up
        self._stopwatch = stopwatch

    def match(self, requests: Sequence[MatchRequest]) -> list[MatchAnswer | MatchRefused]:
        """Answer every request in order; one that cannot be resolved is refused alone.

        Raises Unavailable while the shards are not whole or lag behind: nothing may be recorded then.
        """
        started_s = self._stopwatch()
        self._catch_up()
        caught_up_s = self._stopwatch()
        frozen = [self._freeze(request) for request in requests]
        resolved_s = self._stopwatch()
        answers: list[MatchAnswer | MatchRefused | None] = [
            query if isinstance(query, MatchRefused) else None for query in frozen
        ]
        # A request for the full tier alone is much cheaper, so the two kinds travel apart.
        for full_only in (True, False):
            rows = [
                row
                for row, request in enumerate(requests)
                if answers[row] is None and request.with_partial is not full_only
            ]
            asked = [_narrowed(query, requests[row]) for row in rows if isinstance(query := frozen[row], Query)]
            asked_s = self._stopwatch()
            results = self._coordinator.match(asked, full_only=full_only)
            timing = MatchTiming(
                batch=len(rows),
                catch_up_us=_us(started_s, caught_up_s),
                resolve_us=_us(caught_up_s, resolved_s),
                match_us=_us(asked_s, self._stopwatch()),
            )
            for row, result in zip(rows, results, strict=True):
                query = frozen[row]
                assert isinstance(query, Query)  # noqa: S101  # narrows the type: refused rows are not among them
                answers[row] = _answer(query, requests[row], result, replace(timing, shards_us=result.shard_us))
        return [answer for answer in answers if answer is not None]

    def _freeze(self, request: MatchRequest) -> Query | MatchRefused:
        try:
            if request.query_json is not None:
                return Query.from_json(request.query_json)
            document = orjson.loads(request.order_json or "{}")
            order = replace(parse_order(document, self._taxonomy, require_id=False), id=request.dispatch_id)
            extractor = self._extractors.current() if order.text else None
            return resolve(order, self._coordinator.vocabulary, self._taxonomy, extractor=extractor)
        except QuanwangError as error:
            return MatchRefused(error.sentence)


def _narrowed(query: Query, request: MatchRequest) -> Query:
    """The frozen query without those who were told already, cut at what the wave can use."""
    excluded = query.exclude
    if len(request.exclude):
        excluded = tuple(sorted({*excluded, *request.exclude}))
    return replace(query, exclude=excluded, limit=max(1, request.limit))


def _us(from_s: float, until_s: float) -> int:
    return round((until_s - from_s) * 1e6)


def _answer(query: Query, request: MatchRequest, result: MatchResult, timing: MatchTiming) -> MatchAnswer:
    return MatchAnswer(
        query_json=request.query_json or query.to_json(),
        full_count=result.full_count,
        full=_candidates(result.full),
        partial_count=None if result.full_only else result.partial_count,
        partial=None if result.full_only else _candidates(result.partial),
        certificate=result.certificate.document(),
        dimension_counts=result.dimension_counts,
        timing=timing,
    )


def _candidates(users: RankedUsers) -> Candidates:
    return Candidates(
        array("q", users.ids.astype("<i8").tobytes()),
        array("i", users.scores.astype("<i4").tobytes()),
        array("i", users.ties.astype("<i4").tobytes()),
    )
