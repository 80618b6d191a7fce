"""For admins: dead letters, queue and shard health, kill switches."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response

from api.bodies import BodyOf, body_of, read_model
from api.callers import CallerOf, ServicesOf, actor_of
from api.cursors import decode_number, encode_cursor
from api.once import Answer, Changes, answer, changed
from api.operations import queue_states, shard_health, turn_switch
from api.v1.dispatches import Cursor
from api.v1.operations_models import (
    DeadLetterAnswer,
    DeadLetterPage,
    LetterDecisionAnswer,
    LetterDecisions,
    QueueAnswer,
    QueueHealth,
    Reason,
    ShardHealth,
    SwitchAnswer,
    SwitchChangeAnswer,
    SwitchesAnswer,
    SwitchSetting,
)
from api.v1.users import MAX_ID
from kit.db import Session
from marketplace import operations
from marketplace.settings import Switch, last_changes, switch_log

router = APIRouter(tags=["operations"])

LETTERS: Final = "dead-letters"
LetterId = Annotated[int, Path(ge=1, le=MAX_ID, description="As the list names it.")]


@router.get("/v1/operations/dead-letters", response_model=DeadLetterPage, summary="Work that failed too often")
def dead_letters(
    _caller: CallerOf,
    services: ServicesOf,
    kind: Annotated[str | None, Query(min_length=1, max_length=40, description="Only work of this kind.")] = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Return what waits for a person: the work, how often it failed, and the sentence of the last failure."""
    after = decode_number(LETTERS, cursor) or 0
    with services.database.read() as session:
        page = operations.list_letters(session, kind=kind, after=after, limit=limit)
        counts = operations.count_letters(session)
    items = [DeadLetterAnswer.model_validate(letter, from_attributes=True) for letter in page.items]
    next_cursor = None if page.next_after is None else encode_cursor(LETTERS, page.next_after)
    return answer(DeadLetterPage(counts=counts, items=items, next_cursor=next_cursor))


@router.get(
    "/v1/operations/dead-letters/decisions",
    response_model=LetterDecisions,
    summary="What was decided about dead letters",
)
def letter_decisions(
    _caller: CallerOf, services: ServicesOf, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> Response:
    """Return who let work be tried again or gave it up, when and why, newest first."""
    with services.database.read() as session:
        found = operations.decisions(session, limit=limit)
    items = [LetterDecisionAnswer.model_validate(each, from_attributes=True) for each in found]
    return answer(LetterDecisions(items=items))


@router.post(
    "/v1/operations/dead-letters/{letter_id}/retry",
    response_model=LetterDecisionAnswer,
    summary="Try dead work again",
    openapi_extra=body_of(Reason),
)
def retry(letter_id: LetterId, change: Changes) -> Response:
    """Make the work due at once, its failures forgotten."""
    return _decide(letter_id, change, "retry")


@router.post(
    "/v1/operations/dead-letters/{letter_id}/dismissal",
    response_model=LetterDecisionAnswer,
    summary="Give dead work up",
    openapi_extra=body_of(Reason),
)
def dismiss(letter_id: LetterId, change: Changes) -> Response:
    """Take the work away: it is never done."""
    return _decide(letter_id, change, "dismiss")


def _decide(letter_id: int, change: Changes, action: operations.Action) -> Response:
    wanted = read_model(change.body, Reason)

    def effect(session: Session, now_ms: int) -> Answer:
        decided = operations.decide_letter(
            session,
            change.services.ids,
            letter_id=letter_id,
            action=action,
            actor=actor_of(change.caller),
            reason=wanted.reason,
            now_ms=now_ms,
        )
        return Answer(200, LetterDecisionAnswer.model_validate(decided, from_attributes=True))

    return change.once(effect)


@router.get("/v1/operations/queues", response_model=QueueHealth, summary="Background work by kind and state")
def queues(_caller: CallerOf, services: ServicesOf) -> Response:
    """Return how much work there is, since when it is due, and when leases end."""
    now_ms = services.clock()
    with services.database.read() as session:
        found = queue_states(session, now_ms)
    items = [
        QueueAnswer.model_validate(
            {
                "kind": each.count.kind,
                "state": each.count.state,
                "count": each.count.count,
                "earliest_due_at_ms": each.count.earliest_due_at_ms,
                "earliest_ready_at_ms": each.count.earliest_ready_at_ms,
                "overdue_ms": each.overdue_ms,
            }
        )
        for each in found
    ]
    return answer(QueueHealth(at_ms=now_ms, items=items))


@router.get("/v1/operations/shards", response_model=ShardHealth, summary="What the shards hold")
def shards(_caller: CallerOf, services: ServicesOf) -> Response:
    """Return barrier, users, segments and merges of every shard; while matching is away, why."""
    return answer(ShardHealth(**shard_health(services.match_service)))


@router.get("/v1/operations/switches", response_model=SwitchesAnswer, summary="Kill switches and their log")
def switches(_caller: CallerOf, services: ServicesOf) -> Response:
    """Return what is paused, and who paused or resumed what, when and why."""
    with services.database.read() as session:
        return answer(_switches(session))


@router.put(
    "/v1/operations/switches/{switch}",
    response_model=SwitchesAnswer,
    summary="Pause or resume dispatch, deliveries or payouts",
    openapi_extra=body_of(SwitchSetting),
)
def set_one(
    switch: Annotated[str, Path(max_length=40, description="dispatch, deliveries or payouts.")],
    body: BodyOf,
    caller: CallerOf,
    services: ServicesOf,
) -> Response:
    """Set one kill switch; it takes effect with the next batch of work. One that stands so already is left alone."""
    wanted = read_model(body, SwitchSetting)
    now_ms = services.clock()

    def effect(session: Session) -> SwitchesAnswer:
        turn_switch(
            session,
            switch=switch,
            paused=wanted.paused,
            set_by=actor_of(caller),
            reason=wanted.reason,
            now_ms=now_ms,
        )
        return _switches(session)

    return answer(changed(services, effect))


def _switches(session: Session) -> SwitchesAnswer:
    log = switch_log(session)
    newest = last_changes(session)
    return SwitchesAnswer(
        switches=[
            SwitchAnswer(
                switch=switch,
                paused=switch in newest and newest[switch].paused,
                set_by=newest[switch].set_by if switch in newest else None,
                reason=newest[switch].reason if switch in newest else None,
                set_at_ms=newest[switch].set_at_ms if switch in newest else None,
            )
            for switch in Switch
        ],
        log=[SwitchChangeAnswer.model_validate(change, from_attributes=True) for change in log],
    )
