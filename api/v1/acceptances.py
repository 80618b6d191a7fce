"""Answers of receivers, given on their behalf, and the publisher's choice among them."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from api.bodies import RequestModel, body_of, read_model
from api.callers import CallerOf, ServicesOf, actor_of, owner_seen_by
from api.once import Answer, ChangeRequest, Changes, answer, changed
from api.v1.dispatch_models import AcceptAnswers, AcceptLine, Assignment, UserDone
from api.v1.dispatches import assignment_of
from api.v1.users import MAX_ID, DispatchIdPath, ExternalIdPath, OneUser, OwnId, any_user, names_of, own_user, own_users
from kit.db import Session
from marketplace import dispatch
from marketplace.access import Caller
from marketplace.dispatch.views import AcceptAnswer, AssignmentView

router = APIRouter(tags=["acceptances"])


class AcceptanceBatch(RequestModel):
    """Up to 1,000 of your users who accept the same dispatch, in the order in which they did."""

    external_ids: list[OwnId] = Field(min_length=1, max_length=1_000, examples=[["8841", "9102"]])


class DeclineRequest(OneUser):
    """A user who does not want the offer."""

    reason: str | None = Field(default=None, max_length=500)


class Confirmation(RequestModel):
    """Which assignment is meant: a late answer of an earlier one has another token."""

    token: int = Field(ge=1, le=MAX_ID, description="Of the assignment, as selecting answered it.")


class Failure(Confirmation):
    """Why the assignment failed."""

    reason: str = Field(min_length=1, max_length=500)


@router.post(
    "/v1/dispatches/{dispatch_id}/acceptances",
    response_model=AcceptAnswers,
    summary="Accept on behalf of one user or many",
    openapi_extra=body_of(OneUser, AcceptanceBatch),
)
def accept(dispatch_id: DispatchIdPath, change: Changes) -> Response:
    """Queue acceptances of users of yours who were told; the answer says each one's place.

    A single user who cannot accept is answered with a problem; in a batch each has an answer of its own. Accepting
    twice changes nothing. The dispatch may belong to another owner, when it was offered to the user.
    """
    if b'"external_ids"' in change.body:
        batch = read_model(change.body, AcceptanceBatch)
        return change.once(lambda session, now_ms: _accept_many(session, change, dispatch_id, batch, now_ms))
    wanted = read_model(change.body, OneUser)
    return change.once(lambda session, now_ms: _accept_one(session, change, dispatch_id, wanted, now_ms))


@router.delete(
    "/v1/dispatches/{dispatch_id}/acceptances/{id}", response_model=UserDone, summary="Withdraw an acceptance"
)
def withdraw(
    dispatch_id: DispatchIdPath,
    external_id: ExternalIdPath,
    caller: CallerOf,
    services: ServicesOf,
    reason: Annotated[str | None, Query(max_length=500, description="Shown in the timeline.")] = None,
) -> Response:
    """Take a user's acceptance back, also when he was selected, as long as the hold is not confirmed.

    A second time changes nothing, so it needs no Idempotency-Key.
    """

    def effect(session: Session) -> UserDone:
        user_id = own_user(session, caller, external_id=external_id, user_id=None)
        dispatch.withdraw_acceptance(
            session,
            services.ids,
            dispatch_id=dispatch_id,
            user_id=user_id,
            owner=_owner_for(session, caller, dispatch_id, user_id),
            actor=actor_of(caller),
            reason=reason,
            now_ms=services.clock(),
            reached=services.reached,
        )
        return UserDone(dispatch_id=dispatch_id, user_id=user_id, external_id=external_id, state="withdrawn")

    return answer(changed(services, effect))


@router.post(
    "/v1/dispatches/{dispatch_id}/declines",
    response_model=UserDone,
    summary="Decline on behalf of a user",
    openapi_extra=body_of(DeclineRequest),
)
def decline(dispatch_id: DispatchIdPath, change: Changes) -> Response:
    """Keep the no of a user who was told; he may still accept later."""
    wanted = read_model(change.body, DeclineRequest)

    def effect(session: Session, now_ms: int) -> Answer:
        user_id = own_user(session, change.caller, external_id=wanted.external_id, user_id=wanted.user_id)
        dispatch.decline_offer(
            session,
            dispatch_id=dispatch_id,
            user_id=user_id,
            owner=_owner_for(session, change.caller, dispatch_id, user_id),
            reason=wanted.reason,
            now_ms=now_ms,
        )
        name = names_of(session, change.caller, [user_id]).get(user_id)
        return Answer(200, UserDone(dispatch_id=dispatch_id, user_id=user_id, external_id=name, state="declined"))

    return change.once(effect)


@router.post(
    "/v1/dispatches/{dispatch_id}/selection",
    response_model=Assignment,
    summary="Select one of those who accepted",
    openapi_extra=body_of(OneUser),
)
def select(dispatch_id: DispatchIdPath, change: Changes) -> Response:
    """Assign the order to a user who waits in the queue; the others stay queued. The same again answers the same."""
    wanted = read_model(change.body, OneUser)

    def effect(session: Session, now_ms: int) -> Answer:
        user_id = any_user(session, change.caller, external_id=wanted.external_id, user_id=wanted.user_id)
        view = dispatch.select_acceptor(
            session,
            change.services.ids,
            dispatch_id=dispatch_id,
            user_id=user_id,
            owner=owner_seen_by(change.caller),
            actor=actor_of(change.caller),
            now_ms=now_ms,
            reached=change.services.reached,
        )
        return _assigned(session, change.caller, view)

    return change.once(effect)


@router.post(
    "/v1/dispatches/{dispatch_id}/confirmation",
    response_model=Assignment,
    summary="The selected user goes on",
    openapi_extra=body_of(Confirmation),
)
def confirm(dispatch_id: DispatchIdPath, change: Changes) -> Response:
    """End the hold: the assignment can no longer lapse. Without it the queue moves on when the hold is over."""
    wanted = read_model(change.body, Confirmation)

    def effect(session: Session, now_ms: int) -> Answer:
        view = dispatch.confirm_assignment(
            session,
            change.services.ids,
            dispatch_id=dispatch_id,
            token=wanted.token,
            owner=owner_seen_by(change.caller),
            actor=actor_of(change.caller),
            now_ms=now_ms,
        )
        return _assigned(session, change.caller, view)

    return change.once(effect)


@router.post(
    "/v1/dispatches/{dispatch_id}/failure",
    response_model=Assignment,
    summary="The selected user failed",
    openapi_extra=body_of(Failure),
)
def fail(dispatch_id: DispatchIdPath, change: Changes) -> Response:
    """Take the order back from the selected user: the queue moves on, and an empty queue resumes offering."""
    wanted = read_model(change.body, Failure)

    def effect(session: Session, now_ms: int) -> Answer:
        view = dispatch.fail_assignment(
            session,
            change.services.ids,
            dispatch_id=dispatch_id,
            token=wanted.token,
            reason=wanted.reason,
            owner=owner_seen_by(change.caller),
            actor=actor_of(change.caller),
            now_ms=now_ms,
        )
        return _assigned(session, change.caller, view)

    return change.once(effect)


def _assigned(session: Session, caller: Caller, view: AssignmentView) -> Answer:
    return Answer(200, assignment_of(view, names_of(session, caller, [view.user_id]).get(view.user_id)))


def _accept_one(session: Session, change: ChangeRequest, dispatch_id: int, wanted: OneUser, now_ms: int) -> Answer:
    user_id = own_user(session, change.caller, external_id=wanted.external_id, user_id=wanted.user_id)
    given = dispatch.accept_offer(
        session,
        change.services.ids,
        dispatch_id=dispatch_id,
        user_id=user_id,
        owner=_owner_for(session, change.caller, dispatch_id, user_id),
        now_ms=now_ms,
        reached=change.services.reached,
    )
    name = names_of(session, change.caller, [user_id]).get(user_id)
    return Answer(200, AcceptAnswers(accepted=1, errors=0, answers=[_line(given, name)]))


def _accept_many(
    session: Session, change: ChangeRequest, dispatch_id: int, batch: AcceptanceBatch, now_ms: int
) -> Answer:
    numbers = own_users(session, change.caller, batch.external_ids)
    known = [number for number in numbers if number is not None]
    owner = _owner_for(session, change.caller, dispatch_id, known[0]) if known else owner_seen_by(change.caller)
    if not known:
        # Nobody of them is known, but whether the dispatch is there is said first.
        dispatch.require_dispatch(session, dispatch_id=dispatch_id, owner=owner)
    given = iter(
        dispatch.accept_offers(
            session,
            change.services.ids,
            answers=[(dispatch_id, number) for number in known],
            owner=owner,
            now_ms=now_ms,
            reached=change.services.reached,
        )
    )
    lines = [
        _unknown(name) if number is None else _line(next(given), str(name))
        for name, number in zip(batch.external_ids, numbers, strict=True)
    ]
    errors = sum(line.status == "error" for line in lines)
    return Answer(200, AcceptAnswers(accepted=len(lines) - errors, errors=errors, answers=lines))


def _owner_for(session: Session, caller: Caller, dispatch_id: int, user_id: int) -> str | None:
    """Return whose dispatches may be meant: anybody's if this one was offered to the user, else the caller's own."""
    own = owner_seen_by(caller)
    if own is None or dispatch.notification_of(session, dispatch_id=dispatch_id, user_id=user_id) is not None:
        return None
    dispatch.require_dispatch(session, dispatch_id=dispatch_id, owner=own)
    return own


def _line(given: AcceptAnswer, external_id: str | None) -> AcceptLine:
    return AcceptLine(
        user_id=given.user_id,
        external_id=external_id,
        status=given.status,
        position=given.position,
        sentence=given.sentence,
    )


def _unknown(external_id: str | int) -> AcceptLine:
    sentence = f"there is no user {str(external_id)[:128]!r} of yours: put a profile for it first"
    return AcceptLine(user_id=None, external_id=str(external_id), status="error", sentence=sentence)
