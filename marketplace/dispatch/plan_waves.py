"""Finds out, before any lock is taken, which due dispatches want a wave, and asks the matcher for all at once."""

from array import array
from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kit.db import Session
from marketplace.dispatch import dispatch_repository, suppression_repository, wave_repository
from marketplace.dispatch.attention import Attention
from marketplace.dispatch.dispatch_repository import DispatchRow, Queue
from marketplace.dispatch.judge_candidates import Judged, judge, judge_catch_up, told_by
from marketplace.dispatch.machine import step
from marketplace.dispatch.policies import Policy
from marketplace.dispatch.ports import (
    NO_CANDIDATES,
    Candidates,
    CandidateSource,
    MatchAnswer,
    MatchRefused,
    MatchRequest,
)
from marketplace.dispatch.rotate_equals import ROTATION_REACH
from marketplace.dispatch.states import (
    CaughtUp,
    Decision,
    Instruction,
    Matched,
    QueryWave,
    Refused,
    SendWave,
    SetAside,
    Woken,
)
from marketplace.dispatch.suppression_repository import PassedOver
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
    passed_over: Mapping[int, PassedOver] = field(default_factory=dict)


@dataclass(slots=True)
class Plan:
    """The answers for one dispatch as it stood at ``version``."""

    version: int
    answers: list[Judged | MatchRefused] = field(default_factory=list)


def load(session: Session, dispatch_ids: Sequence[int], attention: Attention, now_ms: int) -> Loaded:
    """Read states, queues, policies and, where a wave may follow, what its question and its budgets need."""
    rows = dispatch_repository.read_dispatches(session, dispatch_ids)
    policies = dispatch_repository.policies_by_id(session, [row.policy_id for row in rows.values()])
    open_rows = [row for row in rows.values() if _may_ask(row)]
    versions = {row.dispatch_id: row.state.order_version for row in open_rows if row.state.begun}
    thinned = {
        row.dispatch_id: row.state.order_version for row in open_rows if row.state.set_aside or row.state.suppressed
    }
    attention.refresh(session, [stored.policy for stored in policies.values()], now_ms)
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
        passed_over=suppression_repository.passed_over(session, thinned) if thinned else {},
    )


def _may_ask(row: DispatchRow) -> bool:
    """Whether the machine may want a wave now: also when somebody holds the order, for the hold may be over."""
    assigned = row.state.assigned
    return not row.state.final and (assigned is None or assigned.hold_until_ms is not None)


def wake(row: DispatchRow, policy: Policy, queue: Queue, now_ms: int) -> Decision:
    """Let the machine look at the time and at the queue."""
    return step(row.state, policy, Woken(queue.count, queue.since_ms), now_ms)


def plan_waves(loaded: Loaded, source: CandidateSource, attention: Attention, now_ms: int) -> dict[int, Plan]:
    """Ask for every wave that is due, in one call, and once more for those whose full tier turned out empty.

    Who is offered something by one dispatch of the batch counts as told for those after it, where a policy counts.
    Raises what the source raises: nothing is written then.
    """
    counts = any(policy.counts_attention for policy in loaded.policies.values())
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
            found = _judged(loaded, row, query, answer, attention, now_ms)
            plans[row.dispatch_id].answers.append(found)
            decision = step(decisions[row.dispatch_id].state, policy, matched_event(found, query), now_ms)
            decisions[row.dispatch_id] = decision
            if counts and isinstance(found, Judged):
                for told in told_of(found, decision.instructions):
                    attention.expect(told.user_ids)
    for plan in plans.values():
        if _contradicts_itself(plan.answers):
            plan.answers.clear()
    return plans


def _judged(
    loaded: Loaded,
    row: DispatchRow,
    query: QueryWave,
    answer: MatchAnswer | MatchRefused,
    attention: Attention,
    now_ms: int,
) -> Judged | MatchRefused:
    if isinstance(answer, MatchRefused):
        return answer
    policy = loaded.policies[row.policy_id]
    if not query.catch_up:
        return judge(answer, policy, attention, order_id=row.order_id, now_ms=now_ms)
    waiting = loaded.passed_over.get(row.dispatch_id, PassedOver()).waiting
    return judge_catch_up(answer, policy, attention, waiting=waiting, now_ms=now_ms)


def told_of(found: Judged, instructions: Sequence[Instruction]) -> tuple[Candidates, Candidates]:
    """Return who of the full and of the partial tier is told by the wave among the instructions, if there is one."""
    for send in instructions:
        if isinstance(send, SendWave):
            asides = [each for each in instructions if isinstance(each, SetAside)]
            return told_by(found, send, asides[0] if asides else None)
    return NO_CANDIDATES, NO_CANDIDATES


def _contradicts_itself(answers: Sequence[Judged | MatchRefused]) -> bool:
    """Say whether somebody became full between the two questions: the partial tier must not open over him.

    Without answers the dispatch is asked anew at once.
    """
    if len(answers) < 2:
        return False
    first, second = answers[0], answers[1]
    if not isinstance(first, Judged) or not isinstance(second, Judged):
        return False
    return first.answer.full_count < second.answer.full_count


def asks(decision: Decision) -> QueryWave | None:
    """Return the question that the decision ends with, if any."""
    for instruction in decision.instructions:
        if isinstance(instruction, QueryWave):
            return instruction
    return None


def matched_event(found: Judged | MatchRefused, query: QueryWave) -> Matched | CaughtUp | Refused:
    """Tell the machine how many candidates an answer holds. Raises IncompleteAnswer."""
    if isinstance(found, MatchRefused):
        return Refused()
    answer = found.answer
    if len(answer.full) < min(answer.full_count, query.limit):
        raise IncompleteAnswer(f"{len(answer.full)} of {answer.full_count} full candidates came back")
    if found.partial is None and query.with_partial:
        raise IncompleteAnswer("the partial tier was asked for and did not come back")
    partial = None if found.partial is None else len(found.partial)
    if query.catch_up:
        held_full, held_partial = len(found.held_full), len(found.held_partial)
        suppressed = held_full + held_partial + len(found.outranked)
        return CaughtUp(len(found.full) - held_full, (partial or 0) - held_partial, suppressed, found.more)
    return Matched(answer.full_count, partial, tuple(found.held_full), tuple(found.held_partial))


def _request(loaded: Loaded, row: DispatchRow, query: QueryWave) -> MatchRequest:
    policy = loaded.policies[row.policy_id]
    exclude = loaded.told.get(row.dispatch_id, NOBODY)
    passed_over = loaded.passed_over.get(row.dispatch_id)
    if passed_over is not None:
        waiting = NOBODY if query.catch_up else passed_over.waiting
        exclude = array("q", sorted([*exclude, *passed_over.final, *waiting]))
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
        limit=max(query.limit, ROTATION_REACH) if policy.rotate_equals else query.limit,
        with_partial=query.with_partial,
        partial_floor=policy.partial_floor,
    )
