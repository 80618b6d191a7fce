"""Submit orders, list dispatches, read one, cancel one."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from pydantic import Field

from api.bodies import RequestModel, body_of, read_model
from api.callers import CallerOf, ServicesOf, actor_of, owner_seen_by
from api.once import Answer, Changes, answer
from api.strict_json import parse_json
from api.v1.dispatch_models import (
    Acceptance,
    Assignment,
    DispatchEnded,
    DispatchLine,
    DispatchPage,
    DispatchWhole,
    OrderRevised,
    SubmitAnswers,
    SubmitLine,
)
from api.v1.order_models import OrderBatch, OrderDocument
from api.v1.users import DispatchIdPath, names_of
from kit.db import Session
from kit.errors import InvalidInput
from marketplace import dispatch
from marketplace.access import Caller
from marketplace.dispatch.views import AssignmentView, DispatchSummary, DispatchView
from marketplace.orders import MAX_POLICY_REFERENCE

router = APIRouter(tags=["dispatches"])

MAX_TEXT_CHARACTERS: Final = 200

Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before.", min_length=1, max_length=200)]
Limit = Annotated[int, Query(ge=1, le=1_000, description="Most items of a page.")]


class Cancellation(RequestModel):
    """Why a dispatch is taken back."""

    reason: str | None = Field(default=None, max_length=500, examples=["the publisher changed his mind"])


@router.post(
    "/v1/dispatches",
    status_code=201,
    response_model=SubmitAnswers,
    summary="Submit one approved order or up to 1,000",
    openapi_extra=body_of(OrderDocument, OrderBatch),
    responses={200: {"model": SubmitAnswers, "description": "Nothing was created: duplicates and errors only."}},
)
def submit(change: Changes) -> Response:
    """Keep orders and open a dispatch for each; all that is created was committed before the answer.

    One order is sent as itself, several as `{"orders": [...]}`, with an answer for each: a bad one stops no other. A
    single bad order is answered with 422. An order whose `id` was submitted before is a duplicate. Matching need not
    run: orders are kept and go out when it does.
    """
    documents, policy, single = _orders_of(parse_json(change.body))

    def effect(session: Session, now_ms: int) -> Answer:
        services = change.services
        answers = dispatch.submit_orders(
            session,
            services.ids,
            caller=change.caller,
            documents=documents,
            taxonomy=services.taxonomy,
            policy=policy,
            now_ms=now_ms,
            reached=services.reached,
        )
        lines = [SubmitLine.model_validate(each, from_attributes=True) for each in answers]
        if single and answers[0].status == "error":
            raise answers[0].error or InvalidInput("order", None, "was refused", show_value=False)
        return _submitted(lines)

    return change.once(effect)


@router.get("/v1/dispatches", response_model=DispatchPage, summary="List dispatches, newest first")
def list_all(
    caller: CallerOf,
    services: ServicesOf,
    state: Annotated[
        str | None, Query(description='A state, or "open": neither over nor assigned.', max_length=40)
    ] = None,
    search: Annotated[
        str | None,
        Query(description="An order id of yours, a dispatch id, or a part of a title.", max_length=MAX_TEXT_CHARACTERS),
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Return your dispatches page by page."""
    with services.database.read() as session:
        page = dispatch.list_dispatches(
            session, owner=owner_seen_by(caller), state=state, search=search, cursor=cursor, limit=limit
        )
    return answer(DispatchPage(items=[line_of(each) for each in page.items], next_cursor=page.next_cursor))


@router.get("/v1/dispatches/{dispatch_id}", response_model=DispatchWhole, summary="One dispatch whole")
def get_one(dispatch_id: DispatchIdPath, caller: CallerOf, services: ServicesOf) -> Response:
    """Return a dispatch with its order, frozen query, policy, queue of acceptances and assignment."""
    with services.database.read() as session:
        view = dispatch.get_dispatch(session, dispatch_id=dispatch_id, owner=owner_seen_by(caller))
        return answer(_whole(session, caller, view))


@router.post(
    "/v1/dispatches/{dispatch_id}/cancellation",
    response_model=DispatchEnded,
    summary="Take an order back",
    openapi_extra=body_of(Cancellation),
)
def cancel(dispatch_id: DispatchIdPath, change: Changes) -> Response:
    """End a dispatch that nobody is assigned to; everybody who waits is released. A second time changes nothing."""
    wanted = read_model(change.body, Cancellation)

    def effect(session: Session, now_ms: int) -> Answer:
        dispatch.cancel_dispatch(
            session,
            change.services.ids,
            dispatch_id=dispatch_id,
            owner=owner_seen_by(change.caller),
            actor=actor_of(change.caller),
            reason=wanted.reason,
            now_ms=now_ms,
        )
        return Answer(200, DispatchEnded(dispatch_id=dispatch_id, state="cancelled"))

    return change.once(effect)


@router.post(
    "/v1/dispatches/{dispatch_id}/revision",
    response_model=OrderRevised,
    summary="Edit an approved order",
    openapi_extra=body_of(OrderDocument),
)
def revise(dispatch_id: DispatchIdPath, change: Changes) -> Response:
    """Replace the order by the whole new document, as a new version; nobody is told a second time.

    Users who were told see the change in the order, those who were not are offered the new version, the full tier
    first. Acceptances stay queued. The order's id, publisher and policy stay. Refused once somebody is assigned.
    """
    document = parse_json(change.body)

    def effect(session: Session, now_ms: int) -> Answer:
        version = dispatch.revise_order(
            session,
            change.services.ids,
            dispatch_id=dispatch_id,
            document=document,
            taxonomy=change.services.taxonomy,
            owner=owner_seen_by(change.caller),
            actor=actor_of(change.caller),
            now_ms=now_ms,
        )
        return Answer(200, OrderRevised(dispatch_id=dispatch_id, order_version=version))

    return change.once(effect)


def line_of(summary: DispatchSummary) -> DispatchLine:
    """Return a row of a list."""
    return DispatchLine.model_validate(summary, from_attributes=True)


def assignment_of(view: AssignmentView, external_id: str | None) -> Assignment:
    """Return an assignment under the caller's name of the user."""
    fields = {name: getattr(view, name) for name in Assignment.model_fields if name != "external_id"}
    return Assignment(external_id=external_id, **fields)


def _whole(session: Session, caller: Caller, view: DispatchView) -> DispatchWhole:
    users = [each.user_id for each in view.acceptances]
    if view.assignment is not None:
        users.append(view.assignment.user_id)
    names = names_of(session, caller, users)
    acceptances = [
        Acceptance(
            user_id=each.user_id,
            external_id=names.get(each.user_id),
            position=each.position,
            state=each.state,
            tier=each.tier,
            accepted_at_ms=each.accepted_at_ms,
        )
        for each in view.acceptances
    ]
    assignment = view.assignment
    return DispatchWhole(
        **line_of(view.summary).model_dump(),
        description=view.description,
        publisher_user_id=view.publisher_user_id,
        key_information=dict(view.document),
        query=None if view.query_json is None else json.loads(view.query_json),
        order_version=view.order_version,
        policy=json.loads(view.policy.to_json()),
        policy_version=view.policy_version,
        acceptances=acceptances,
        assignment=None if assignment is None else assignment_of(assignment, names.get(assignment.user_id)),
    )


def _orders_of(body: Any) -> tuple[Sequence[object], str | None, bool]:
    """Return the orders of a body, the policy for those that name none, and whether it was one order by itself."""
    if not isinstance(body, dict):
        raise InvalidInput("body", body, 'must be one order or {"orders": [...]}')
    if "orders" not in body:
        return [body], None, True
    for name in body:
        if name not in ("orders", "policy"):
            raise InvalidInput(
                name, body[name], "is no field beside orders; known are orders, policy", show_value=False
            )
    orders, policy = body["orders"], body.get("policy")
    if not isinstance(orders, list) or not orders:
        raise InvalidInput("orders", orders, "must be a list of at least one order")
    if policy is not None and (not isinstance(policy, str) or not 1 <= len(policy) <= MAX_POLICY_REFERENCE):
        raise InvalidInput("policy", policy, "must be the name of a policy")
    return orders, policy, False


def _submitted(lines: list[SubmitLine]) -> Answer:
    created = sum(line.status == "created" for line in lines)
    duplicates = sum(line.status == "duplicate" for line in lines)
    answers = SubmitAnswers(
        created=created, duplicates=duplicates, errors=len(lines) - created - duplicates, answers=lines
    )
    return Answer(201 if created else 200, answers)
