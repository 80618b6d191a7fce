"""The handler of work kind "dispatch": wakes up to 256 machines, matches in one batch, commits waves in one go.

A crash anywhere repeats safely: nothing is written before the one transaction, and that one begins by locking the
dispatches (so that answers and selections made meanwhile are seen), then the work rows (so that a worker which was
frozen and wakes up late changes nothing). The machine decides again under those locks; the answers of the matcher are
used only if the dispatch is still as it was when they were asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from kit.db import Database, Session, next_sequence
from kit.ids import IdAllocator
from kit.work import Claimed, NewWork, complete, enqueue, hold, kinds_enqueued, reschedule
from marketplace.dispatch import dispatch_repository, wave_repository
from marketplace.dispatch.apply_decisions import Change, apply_decisions
from marketplace.dispatch.attention import Attention
from marketplace.dispatch.crash_points import Reached, passing_by
from marketplace.dispatch.dispatch_repository import DispatchRow, Queue
from marketplace.dispatch.judge_candidates import Judged
from marketplace.dispatch.machine import step
from marketplace.dispatch.notify_users import enqueue_wave_notices
from marketplace.dispatch.packing import pack
from marketplace.dispatch.pass_over import Passing, full_left, write_suppressions
from marketplace.dispatch.plan_waves import Loaded, Plan, asks, load, matched_event, plan_waves, told_of, wake
from marketplace.dispatch.policies import Policy
from marketplace.dispatch.ports import CandidateSource, Gate, MatchAnswer, MatchRefused, always_open
from marketplace.dispatch.states import Decision, QueryWave, SendWave
from marketplace.dispatch.wave_repository import FrozenQuery, NewWaveChunk

DELIVERY_WORK: Final = "delivery"
WAVE_SEQUENCE: Final = "wave"

Notify = Callable[[Sequence[str]], object]
"""Is told, after the commit, which kinds of work were written."""


def run_due_dispatches(
    database: Database,
    ids: IdAllocator,
    source: CandidateSource,
    claims: Sequence[Claimed],
    *,
    now_ms: int,
    attention: Attention | None = None,
    notify: Notify | None = None,
    gate: Gate = always_open,
    reached: Reached = passing_by,
) -> None:
    """Wake the claimed dispatches. Raises Unavailable when matching is paused: nothing was written, try again later.

    ``gate`` is asked first and raises Unavailable where dispatch is switched off.

    ``attention`` is kept from batch to batch by whoever calls again and again; without it the offers of the last
    24 hours are read anew where a policy counts them.
    """
    dispatch_ids = [claimed.subject_id for claimed in claims]
    budgets = Attention() if attention is None else attention
    with database.read() as session:
        gate(session)
        loaded = load(session, dispatch_ids, budgets, now_ms)
    reached("dispatch.claims_read")
    plans = plan_waves(loaded, source, budgets, now_ms)
    reached("dispatch.candidates_found")
    written = database.run(lambda session: _commit(session, ids, claims, loaded, plans, now_ms, reached))
    reached("dispatch.committed")
    if notify is not None and written:
        notify(sorted(written))


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one dispatch; ``found`` is the answer that was used, ``again``: it asked and had no answer."""

    change: Change
    found: Judged | None
    again: bool


def _commit(
    session: Session,
    ids: IdAllocator,
    claims: Sequence[Claimed],
    loaded: Loaded,
    plans: Mapping[int, Plan],
    now_ms: int,
    reached: Reached,
) -> frozenset[str]:
    subjects = [claimed.subject_id for claimed in claims]
    rows = dispatch_repository.lock_dispatches(session, subjects, loaded.rows)
    mine = hold(session, claims)
    reached("dispatch.rows_locked")
    queues = dispatch_repository.queues(session, subjects)
    outcomes = {
        claimed.subject_id: _decide(
            rows[claimed.subject_id],
            loaded.policies[rows[claimed.subject_id].policy_id],
            queues.get(claimed.subject_id, Queue()),
            plans[claimed.subject_id],
            now_ms,
        )
        for claimed in mine
        if claimed.subject_id in rows and claimed.subject_id in plans
    }
    apply_decisions(session, ids, [outcome.change for outcome in outcomes.values()], now_ms)
    reached("dispatch.decisions_written")
    write_suppressions(session, ids, [_passed_over(outcome) for outcome in outcomes.values()], now_ms)
    chunks = _write_waves(session, list(outcomes.values()), loaded, now_ms)
    reached("dispatch.waves_written")
    enqueue(session, ids, [NewWork(DELIVERY_WORK, chunk.wave_id, now_ms) for chunk in chunks], now_ms)
    enqueue_wave_notices(session, ids, [chunk.wave_id for chunk in chunks], now_ms)
    _end_work(session, mine, outcomes, now_ms)
    reached("dispatch.work_ended")
    return kinds_enqueued(session)


def _decide(row: DispatchRow, policy: Policy, queue: Queue, plan: Plan, now_ms: int) -> _Outcome:
    """Run the machine on the locked state; use the answers only if nothing changed since they were asked for."""
    first = wake(row, policy, queue, now_ms)
    decision, instructions = first, list(first.instructions)
    answers = list(plan.answers) if plan.version == row.version else []
    used: Judged | None = None
    while (query := asks(decision)) is not None and answers:
        found = answers.pop(0)
        if isinstance(found, Judged) and not _answers(found, query):
            continue
        decision = step(decision.state, policy, matched_event(found, query), now_ms)
        instructions += decision.instructions
        if isinstance(found, MatchRefused):
            whole = Decision(decision.state, tuple(instructions), decision.due_at_ms)
            return _Outcome(Change(row, whole, reason=found.sentence), None, again=False)
        used = found
    whole = Decision(decision.state, tuple(instructions), decision.due_at_ms)
    # A question without an answer: somebody changed the dispatch in between, so it is asked anew, at once.
    left = None if used is None else full_left(used, instructions)
    return _Outcome(Change(row, whole, full_left=left), used, again=asks(decision) is not None)


def _answers(found: Judged, query: QueryWave) -> bool:
    return found.catch_up is query.catch_up and not (query.with_partial and found.partial is None)


def _passed_over(outcome: _Outcome) -> Passing:
    return Passing(outcome.change.row, outcome.change.decision.instructions, outcome.found)


def _write_waves(session: Session, outcomes: Sequence[_Outcome], loaded: Loaded, now_ms: int) -> list[NewWaveChunk]:
    chunks = [chunk for outcome in outcomes for chunk in _cut(outcome, now_ms)]
    if chunks:
        # The counter stays locked until the commit, so it is taken as late as possible.
        first_id = next_sequence(session, WAVE_SEQUENCE, len(chunks))
        chunks = [replace(chunk, wave_id=first_id + place) for place, chunk in enumerate(chunks)]
        wave_repository.insert_waves(session, chunks)
    wave_repository.save_frozen(
        session,
        [
            _frozen(outcome.change, outcome.found.answer, now_ms)
            for outcome in outcomes
            if outcome.found is not None
            and _tells_more(loaded.frozen.get(outcome.change.row.dispatch_id), outcome.found.answer)
        ],
    )
    return chunks


def _tells_more(known: FrozenQuery | None, answer: MatchAnswer) -> bool:
    """The first answer freezes the query; the first one with a partial tier completes its counts."""
    return known is None or (known.partial_count is None and answer.partial_count is not None)


def _cut(outcome: _Outcome, now_ms: int) -> list[NewWaveChunk]:
    row, instructions = outcome.change.row, outcome.change.decision.instructions
    sends = [instruction for instruction in instructions if isinstance(instruction, SendWave)]
    if not sends or outcome.found is None:
        return []
    answer, send = outcome.found.answer, sends[0]
    full, partial = told_of(outcome.found, instructions)
    packed = [("full", chunk) for chunk in pack(full)] + [("partial", chunk) for chunk in pack(partial)]
    return [
        NewWaveChunk(
            wave_id=0,
            dispatch_id=row.dispatch_id,
            number=send.number,
            chunk=place,
            tier=tier,
            order_version=row.state.order_version,
            packed=chunk,
            certificate=outcome.found.certificate,
            full_count=answer.full_count,
            partial_count=answer.partial_count,
            dimension_counts=answer.dimension_counts,
            sent_at_ms=now_ms,
            expires_at_ms=send.expires_at_ms,
            timing=answer.timing,
        )
        for place, (tier, chunk) in enumerate(packed)
    ]


def _frozen(change: Change, answer: MatchAnswer, now_ms: int) -> FrozenQuery:
    # Users of the full tier who were told or passed over are excluded later on, and satisfy every dimension.
    state = change.row.state
    told = state.notified_full + state.set_aside_full + state.suppressed
    counts = {} if answer.partial_count is None else answer.dimension_counts
    return FrozenQuery(
        dispatch_id=change.row.dispatch_id,
        order_version=change.row.state.order_version,
        query_json=answer.query_json,
        certificate=answer.certificate,
        full_count=answer.full_count,
        partial_count=answer.partial_count,
        dimension_counts={name: count + told for name, count in counts.items()},
        frozen_at_ms=now_ms,
    )


def _end_work(session: Session, mine: Sequence[Claimed], outcomes: Mapping[int, _Outcome], now_ms: int) -> None:
    due: dict[int, int] = {}
    done: list[Claimed] = []
    later: list[Claimed] = []
    for claimed in mine:
        outcome = outcomes.get(claimed.subject_id)
        due_at_ms = None if outcome is None else outcome.change.decision.due_at_ms
        if due_at_ms is None:
            done.append(claimed)
        else:
            later.append(claimed)
            due[claimed.id] = now_ms if outcome is not None and outcome.again else due_at_ms
    complete(session, done)
    reschedule(session, later, due)
