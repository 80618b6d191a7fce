"""What planted bugs put in the place of the guards of waves."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from kit.work import NewWork
from marketplace.dispatch.judge_candidates import Judged
from marketplace.dispatch.ports import MatchRefused
from marketplace.dispatch.states import CaughtUp, Matched, QueryWave, Refused
from quanwang.planted_bugs.planting import Pause

BETWEEN_COMMITS_S: Final = 0.2
Replacement = Callable[..., Any]


def nobody_was_told(_original: Any, _pause: Pause) -> Replacement:
    """Know of nobody who was told."""
    return lambda _session, _dispatch_ids: {}


def counted_as_it_came(original: Any, _pause: Pause) -> Replacement:
    """Take the candidates that came back for all that there are."""

    def matched_event(found: Judged | MatchRefused, query: QueryWave) -> Matched | CaughtUp | Refused:
        if isinstance(found, Judged):
            found = replace(found, answer=replace(found.answer, full_count=len(found.answer.full)))
        event: Matched | CaughtUp | Refused = original(found, query)
        return event

    return matched_event


def without_lost_shards(original: Any, _pause: Pause) -> Replacement:
    """Answer from the shards that answer, and certify it as if nobody were missing."""
    from engine.coordinator import _Answered
    from engine.ports import ShardLost
    from engine.results import Certificate

    def collect(self: Any, asked: Any) -> Any:
        answers = []
        for shard, rows, handle in asked.handles:
            try:
                answers.append((rows, asked.question.collect(self._shards[shard], handle)))
            except ShardLost:
                continue
        if not answers:
            return original(self, asked)
        population = int(self._population.sizes(asked.barrier).sum())
        certificate = Certificate(
            asked.barrier, asked.placement.version, self.vocabulary.version, population, 0, population
        )
        return _Answered(asked.queries, answers, [certificate] * len(asked.queries))

    return collect


def nothing_to_await(_original: Any, _pause: Pause) -> Replacement:
    """Say that the log of profiles is empty, so that nobody waits for it."""
    return lambda _log: 0


_later = threading.local()


def kept_for_later(_original: Any, _pause: Pause) -> Replacement:
    """Keep the deliveries of a wave in memory instead of writing them with it."""

    def enqueue(_session: Any, _ids: Any, works: Sequence[NewWork], _now_ms: int) -> None:
        _later.works = list(works)

    return enqueue


def delivering_afterwards(original: Any, pause: Pause) -> Replacement:
    """Write the deliveries when the waves are committed, a moment later."""
    from kit.work import enqueue

    def run_due_dispatches(database: Any, ids: Any, *arguments: Any, now_ms: int, **options: Any) -> None:
        _later.works = []
        original(database, ids, *arguments, now_ms=now_ms, **options)
        works = list(_later.works)
        if works:
            pause(BETWEEN_COMMITS_S)
            database.run(lambda session: enqueue(session, ids, works, now_ms))

    return run_due_dispatches
