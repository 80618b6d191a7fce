"""Finds out, before any lock is taken, which due dispatches want a wave, and asks the matcher for all at once."""

from array import array
from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kit.db import Session
from marketplace.dispatch import dispatch_repository, wave_repository
from marketplace.dispatch.dispatch_repository import DispatchRow, Queue
from marketplace.dispatch.machine import step
from marketplace.dispatch.policies import Policy
from marketplace.dispatch.ports import CandidateSource, MatchAnswer, MatchRefused, MatchRequest
from marketplace.dispatch.states import Decision, Matched, QueryWave, Refused, Woken
from marketplace.dispatch.wave_repository import FrozenQuery
from marketplace.orders import stored_documents

NOBODY: "array[int]" = array("q")


class IncompleteAnswer(RuntimeError):
    """The matcher answered with fewer candidates than it counted; such an answer is never recorded."""


@dataclass(slots=True)
class Loaded:
    """What was read for a batch of due dispatches, in one snapshot."""

    rows: Mapping[int, DispatchRow]
    policies: Mapping[int, Policy]
    queues: Mapping[int, Queue]
    told: Mapping[int, "array[int]"] = field(default_factory=dict)
    frozen: Mapping[int, FrozenQuery] = field(default_factory=dict)
    documents: Mapping[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class Plan:
    """The answers for one dispatch as it stood at ``version``."""

    version: int
    answers: list[MatchAnswer | MatchRefused] = field(default_factory=list)


def load(session: Session, dispatch_ids: Sequence[int]) -> Loaded:
    """Read states, queues, policies and, where a wave may follow, what its question needs."""
    rows = dispatch_repository.read_dispatches(session, dispatch_ids)
    policies = dispatch_repository.policies_by_id(session, [row.policy_id for row in rows.values()])
    open_rows = [row for row in rows.values() if _may_ask(row)]
    versions = {row.dispatch_id: row.state.order_version for row in open_rows if row.state.waves}
    frozen = wave_repository.frozen_queries(session, versions) if versions else {}
    waved = [row.dispatch_id for row in open_rows if row.state.waves]
    fresh = [row.order_id for row in open_rows if row.dispatch_id not in frozen]
    return Loaded(
        rows=rows,
        policies={policy_id: stored.policy for policy_id, stored in policies.items()},
        queues=dispatch_repository.queues(session, dispatch_ids),
        told=wave_repository.told_users(session, waved) if waved else {},
        frozen=frozen,
        documents=stored_documents(session, fresh) if fresh else {},
    )


def _may_ask(row: DispatchRow) -> bool:
    """Whether the machine may want a wave now: also when somebody holds the order, for the hold may be over."""
    assigned = row.state.assigned
    return not row.state.final and (assigned is None or assigned.hold_until_ms is not None)


def wake(row: DispatchRow, policy: Policy, queue: Queue, now_ms: int) -> Decision:
    """Let the machine look at the time and at the queue."""
    return step(row.state, policy, Woken(queue.count, queue.since_ms), now_ms)


def plan_waves(loaded: Loaded, source: CandidateSource, now_ms: int) -> dict[int, Plan]:
    """Ask for every wave that is due, in one call, and once more for those whose full tier turned out empty.

    Raises what the source raises: nothing is written then.
    """
    plans: dict[int, Plan] = {}
    decisions: dict[int, Decision] = {}
    for dispatch_id, row in loaded.rows.items():
        queue = loaded.queues.get(dispatch_id, Queue())
        decisions[dispatch_id] = wake(row, loaded.policies[row.policy_id], queue, now_ms)
        plans[dispatch_id] = Plan(row.version)
    for _ in range(2):
        asked = [(loaded.rows[each], query) for each, decision in decisions.items() if (query := asks(decision))]
        if not asked:
            break
        requests = [_request(loaded, row, query) for row, query in asked]
        answers = source.match(requests)
        for (row, query), answer in zip(asked, answers, strict=True):
            policy = loaded.policies[row.policy_id]
            plans[row.dispatch_id].answers.append(answer)
            decision = decisions[row.dispatch_id]
            event = matched_event(answer, query, policy)
            decisions[row.dispatch_id] = step(decision.state, policy, event, now_ms)
    for plan in plans.values():
        if _contradicts_itself(plan.answers):
            plan.answers.clear()
    return plans


def _contradicts_itself(answers: Sequence[MatchAnswer | MatchRefused]) -> bool:
    """Say whether somebody became full between the two questions: the partial tier must not open over him.

    Without answers the dispatch is asked anew at once.
    """
    if len(answers) < 2:
        return False
    first, second = answers[0], answers[1]
    return isinstance(first, MatchAnswer) and isinstance(second, MatchAnswer) and first.full_count < second.full_count


def asks(decision: Decision) -> QueryWave | None:
    """Return the question that the decision ends with, if any."""
    for instruction in decision.instructions:
        if isinstance(instruction, QueryWave):
            return instruction
    return None


def matched_event(answer: MatchAnswer | MatchRefused, query: QueryWave, policy: Policy) -> Matched | Refused:
    """Tell the machine how many candidates an answer holds. Raises IncompleteAnswer."""
    if isinstance(answer, MatchRefused):
        return Refused()
    if len(answer.full) < min(answer.full_count, query.limit):
        raise IncompleteAnswer(f"{len(answer.full)} of {answer.full_count} full candidates came back")
    if answer.partial is None or answer.partial_count is None:
        if query.with_partial:
            raise IncompleteAnswer("the partial tier was asked for and did not come back")
        return Matched(answer.full_count, None)
    return Matched(answer.full_count, above_floor(answer, policy.partial_floor))


def above_floor(answer: MatchAnswer, floor: int) -> int:
    """Count the partial candidates, ranked by score, that reach the floor."""
    if answer.partial is None:
        return 0
    scores = answer.partial.scores
    count = len(scores)
    while count and scores[count - 1] < floor:
        count -= 1
    return count


def _request(loaded: Loaded, row: DispatchRow, query: QueryWave) -> MatchRequest:
    exclude = loaded.told.get(row.dispatch_id, NOBODY)
    if row.publisher_user_id is not None and row.publisher_user_id not in exclude:
        with_publisher = list(exclude)
        insort(with_publisher, row.publisher_user_id)
        exclude = array("q", with_publisher)
    frozen = loaded.frozen.get(row.dispatch_id)
    return MatchRequest(
        dispatch_id=row.dispatch_id,
        order_json=loaded.documents[row.order_id] if frozen is None else None,
        query_json=None if frozen is None else frozen.query_json,
        exclude=exclude,
        limit=query.limit,
        with_partial=query.with_partial,
        partial_floor=loaded.policies[row.policy_id].partial_floor,
    )
