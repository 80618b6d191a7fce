"""A small market for tests: users in memory, the naive matcher as the engine, a clock that the test moves."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import orjson

from kit.db import Database
from kit.errors import QuanwangError
from kit.ids import IdAllocator
from kit.work import Claimed, claim
from marketplace import dispatch
from marketplace.access import Caller
from marketplace.dispatch.crash_points import passing_by
from marketplace.dispatch.policies import Policy
from marketplace.dispatch.ports import Candidates, MatchAnswer, MatchRefused, MatchRequest, WaveChunk
from marketplace.dispatch.views import DispatchView, SubmitAnswer
from matching.profiles import Profile
from matching.query import Query, parse_order, resolve
from matching.reference import match
from matching.taxonomy import builtin_taxonomy
from matching.vocabulary import Vocabulary

SHANGHAI, PUDONG, BEIJING = "310000", "310115", "110000"
WELDER = {"keywords": ["电焊工"], "regions": [SHANGHAI]}
LEASE_MS = 10_000

FAST = Policy(
    "fast",
    wave_size=5,
    wave_interval_ms=100,
    full_window_ms=1_000,
    partial_window_ms=1_000,
    partial_limit=6,
    offer_expiry_ms=60_000,
    publisher_idle_ms=50_000,
    hold_ms=20_000,
    dispatch_expiry_ms=500_000,
)


class NaiveSource:
    """Implements CandidateSource by the naive oracle over a list of profiles."""

    def __init__(self, profiles: Sequence[Profile]) -> None:
        self.profiles = list(profiles)
        self.vocabulary = Vocabulary()
        for profile in profiles:
            self.vocabulary.add(profile.keywords)
        self.calls: list[int] = []
        self.before_answer: Callable[[], None] = lambda: None

    def match(self, requests: Sequence[MatchRequest]) -> list[MatchAnswer | MatchRefused]:
        self.calls.append(len(requests))
        answers = [self._answer(request) for request in requests]
        self.before_answer()
        return answers

    def _answer(self, request: MatchRequest) -> MatchAnswer | MatchRefused:
        taxonomy = builtin_taxonomy()
        try:
            if request.query_json is not None:
                query = Query.from_json(request.query_json)
            else:
                order = parse_order(orjson.loads(request.order_json or ""), taxonomy)
                query = resolve(order, self.vocabulary, taxonomy)
        except QuanwangError as error:
            return MatchRefused(error.sentence)
        exclude = tuple(sorted({*query.exclude, *request.exclude}))
        found = match(self.profiles, replace(query, exclude=exclude, limit=request.limit), taxonomy)
        with_partial = request.with_partial
        return MatchAnswer(
            query_json=query.to_json(),
            full_count=found.full_count,
            full=Candidates.of(found.full),
            partial_count=found.partial_count if with_partial else None,
            partial=Candidates.of(found.partial) if with_partial else None,
            certificate={"barrier": len(self.calls), "population": len(self.profiles)},
            dimension_counts=found.dimension_counts if with_partial else {},
        )


class Inboxes:
    """Implements InboxDelivery in memory; idempotent per (dispatch, wave, chunk)."""

    def __init__(self) -> None:
        self.entries: dict[tuple[int, int], list[int]] = {}
        self.seen: set[tuple[int, int, int]] = set()
        self.states: dict[int, str] = {}
        self.titles: dict[int, str] = {}
        self.calls = 0

    def deliver(self, chunks: Sequence[WaveChunk]) -> None:
        self.calls += 1
        for chunk in chunks:
            key = (chunk.entry.dispatch_id, chunk.entry.wave, chunk.entry.chunk)
            if key not in self.seen:
                self.seen.add(key)
                for user_id in chunk.user_ids:
                    self.entries.setdefault((chunk.entry.dispatch_id, user_id), []).append(chunk.entry.event_id)

    def set_state(self, dispatch_id: int, state: str) -> None:
        self.states[dispatch_id] = state

    def set_title(self, dispatch_id: int, title: str) -> None:
        self.titles[dispatch_id] = title


class Market:
    """Everything that a test of dispatch needs, around one database."""

    def __init__(self, database: Database, ids: IdAllocator, *, full: int = 12, partial: int = 8) -> None:
        self.database, self.ids = database, ids
        self.now_ms = 1_000_000
        self.caller = Caller(1, "shop", frozenset({"admin"}))
        welders = [Profile(id=user, keywords=("电焊工",), regions=(PUDONG,)) for user in range(1, full + 1)]
        others = [Profile(id=user, keywords=("木工",), regions=(PUDONG,)) for user in range(101, 101 + partial)]
        self.source = NaiveSource([*welders, *others])
        self.inboxes = Inboxes()
        self.publish(FAST)

    def publish(self, policy: Policy) -> None:
        with self.database.transaction() as session:
            dispatch.publish_policy(session, self.ids, policy=policy, now_ms=self.now_ms)

    def submit(self, *documents: object, policy: str = "fast") -> list[SubmitAnswer]:
        return self.database.run(
            lambda session: dispatch.submit_orders(
                session,
                self.ids,
                caller=self.caller,
                documents=documents,
                taxonomy=builtin_taxonomy(),
                policy=policy,
                now_ms=self.now_ms,
            )
        )

    def open(self, document: dict[str, Any] | None = None, policy: str = "fast") -> int:
        answer = self.submit(document or WELDER, policy=policy)[0]
        assert answer.dispatch_id is not None, answer.sentence
        return answer.dispatch_id

    def claims(self, kind: str) -> list[Claimed]:
        return self.database.run(lambda session: claim(session, [kind], 256, self.now_ms, LEASE_MS))

    def step(self, reached: Callable[[str], None] = passing_by) -> int:
        """Work once on everything that is due now; return how many rows were claimed."""
        claims = self.claims("dispatch")
        if claims:
            dispatch.run_due_dispatches(
                self.database, self.ids, self.source, claims, now_ms=self.now_ms, reached=reached
            )
        deliveries = self.claims("delivery")
        if deliveries:
            dispatch.deliver_waves(self.database, self.inboxes, deliveries, now_ms=self.now_ms, reached=reached)
        labels = self.claims("dispatch_label")
        if labels:
            dispatch.show_labels(self.database, self.inboxes, labels)
        return len(claims) + len(deliveries) + len(labels)

    def settle(self) -> None:
        """Work until nothing is due at this moment."""
        for _ in range(50):
            if not self.step():
                return
        raise AssertionError("work never ends at one moment")

    def advance(self, milliseconds: int) -> None:
        """Let time pass in small steps, working all the while."""
        end_ms = self.now_ms + milliseconds
        self.settle()
        while self.now_ms < end_ms:
            self.now_ms = min(end_ms, self.now_ms + 50)
            self.settle()

    def get(self, dispatch_id: int) -> DispatchView:
        with self.database.read() as session:
            return dispatch.get_dispatch(session, dispatch_id=dispatch_id)

    def told(self, dispatch_id: int) -> list[int]:
        """Users told so far, in the order of the waves and of rank."""
        with self.database.read() as session:
            return [offer.user_id for offer in dispatch.list_offers(session, dispatch_id=dispatch_id).items]

    def accept(self, dispatch_id: int, user_id: int) -> int | None:
        answer = self.database.run(
            lambda session: dispatch.accept_offer(
                session, self.ids, dispatch_id=dispatch_id, user_id=user_id, now_ms=self.now_ms
            )
        )
        return answer.position

    def do(self, use_case: Callable[..., Any], dispatch_id: int, **arguments: Any) -> Any:
        """Run a use case that changes one dispatch in a transaction of its own."""
        return self.database.run(
            lambda session: use_case(session, self.ids, dispatch_id=dispatch_id, now_ms=self.now_ms, **arguments)
        )
