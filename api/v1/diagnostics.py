"""Why a dispatch went as it went: waves, offers, funnel, timeline, and one user's explanation."""

import dataclasses
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.callers import CallerOf, ServicesOf, owner_seen_by
from api.match_slots import MatchSlots
from api.once import answer
from api.v1.dispatch_models import (
    FunnelAnswer,
    MatchTimes,
    Offer,
    OfferPage,
    OrderExplanation,
    ShardTime,
    SuppressionLine,
    SuppressionList,
    TimelineAnswer,
    TimelineLineAnswer,
    Wave,
    WavePage,
)
from api.v1.dispatches import Cursor, Limit
from api.v1.explanation_models import MatchExplanation
from api.v1.users import MAX_ID, DispatchIdPath, any_user, names_of, own_numbers
from kit.errors import Conflict
from marketplace import dispatch
from marketplace.dispatch.ports import MatchTiming
from marketplace.dispatch.views import Funnel, OfferView, Tier
from marketplace.inbox import opened_counts
from marketplace.users import UserNotFound

router = APIRouter(tags=["diagnostics"])


class NotMatchedYet(Conflict):
    """Nobody was asked for yet, so there is nothing to explain."""

    def __init__(self, dispatch_id: int) -> None:
        super().__init__(f"Dispatch {dispatch_id} has not been matched yet; ask again after its first wave.")


@router.get("/v1/dispatches/{dispatch_id}/waves", response_model=WavePage, summary="Waves, in the order they were sent")
def waves(
    dispatch_id: DispatchIdPath, caller: CallerOf, services: ServicesOf, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """Return the waves with the certificate of each: what was evaluated, at which state of the profiles."""
    with services.database.read() as session:
        dispatch.require_dispatch(session, dispatch_id=dispatch_id, owner=owner_seen_by(caller))
        page = dispatch.list_waves(session, dispatch_id=dispatch_id, cursor=cursor, limit=limit)
    items = [Wave.model_validate(each, from_attributes=True) for each in page.items]
    return answer(WavePage(items=items, next_cursor=page.next_cursor))


@router.get(
    "/v1/dispatches/{dispatch_id}/offers", response_model=OfferPage, summary="Who was told, and what they answered"
)
def offers(
    dispatch_id: DispatchIdPath,
    caller: CallerOf,
    services: ServicesOf,
    tier: Annotated[Tier | None, Query(description="Only this tier.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """Return the offers by wave and rank, with score and tie."""
    with services.database.read() as session:
        dispatch.require_dispatch(session, dispatch_id=dispatch_id, owner=owner_seen_by(caller))
        page = dispatch.list_offers(session, dispatch_id=dispatch_id, tier=tier, cursor=cursor, limit=limit)
        names = names_of(session, caller, [each.user_id for each in page.items])
    items = [offer_answer(each, names.get(each.user_id)) for each in page.items]
    return answer(OfferPage(items=items, next_cursor=page.next_cursor))


@router.get(
    "/v1/dispatches/{dispatch_id}/suppressions",
    response_model=SuppressionList,
    summary="Who fits and was passed over, and why",
)
def suppressions(dispatch_id: DispatchIdPath, caller: CallerOf, services: ServicesOf) -> Response:
    """Return how many users each wave passed over for which reason, and what became of them."""
    with services.database.read() as session:
        dispatch.require_dispatch(session, dispatch_id=dispatch_id, owner=owner_seen_by(caller))
        found = dispatch.suppression_counts(session, dispatch_id)
    lines = [SuppressionLine.model_validate(each, from_attributes=True) for each in found]
    return answer(SuppressionList(items=lines))


@router.get(
    "/v1/dispatches/{dispatch_id}/funnel", response_model=FunnelAnswer, summary="How many came through each stage"
)
def funnel(dispatch_id: DispatchIdPath, caller: CallerOf, services: ServicesOf) -> Response:
    """Return population, dimension counts, tiers, told, opened, accepted, and how long each stage took."""
    with services.database.read() as session:
        found = dispatch.funnel(session, dispatch_id=dispatch_id, owner=owner_seen_by(caller))
        opened = opened_counts(session, [dispatch_id]).get(dispatch_id, 0)
    return answer(funnel_answer(found, opened))


@router.get("/v1/dispatches/{dispatch_id}/timeline", response_model=TimelineAnswer, summary="Everything that happened")
def timeline(dispatch_id: DispatchIdPath, caller: CallerOf, services: ServicesOf) -> Response:
    """Return what happened to a dispatch, in order of time."""
    with services.database.read() as session:
        lines = dispatch.timeline(session, dispatch_id=dispatch_id, owner=owner_seen_by(caller))
        names = names_of(session, caller, [each.user_id for each in lines])
    shown = [
        TimelineLineAnswer(
            at_ms=each.at_ms,
            kind=each.kind,
            actor=each.actor,
            user_id=each.user_id,
            external_id=None if each.user_id is None else names.get(each.user_id),
            detail=each.detail,
        )
        for each in lines
    ]
    return answer(TimelineAnswer(dispatch_id=dispatch_id, lines=shown))


@router.get(
    "/v1/dispatches/{dispatch_id}/explain",
    response_model=OrderExplanation,
    summary="Why this user, or why not",
)
def explain(
    dispatch_id: DispatchIdPath,
    caller: CallerOf,
    services: ServicesOf,
    request: Request,
    user_id: Annotated[int | None, Query(ge=1, le=MAX_ID, description="The platform's number of the user.")] = None,
    external_id: Annotated[
        str | None, Query(min_length=1, max_length=128, description="Or your own id of the user.")
    ] = None,
) -> Response:
    """Explain one user's place in a dispatch, and the smallest change that would make him a full match.

    Users of other sources are explained only when they were told. Needs the live index: 503 while matching is paused.
    """
    with services.database.read() as session:
        view = dispatch.get_dispatch(session, dispatch_id=dispatch_id, owner=owner_seen_by(caller))
        number = any_user(session, caller, external_id=external_id, user_id=user_id)
        told = dispatch.notification_of(session, dispatch_id=dispatch_id, user_id=number)
        if told is None and number not in own_numbers(session, caller, [number]):
            raise UserNotFound(
                f"there is no user {number} of yours, and dispatch {dispatch_id} told nobody of that number"
            )
        name = names_of(session, caller, [number]).get(number)
    if view.query_json is None:
        raise NotMatchedYet(dispatch_id)
    slots: MatchSlots = request.app.state.match_slots
    with slots.taken():
        match = services.match_service.explain(view.query_json, number)
    return answer(
        OrderExplanation(
            dispatch_id=dispatch_id,
            user_id=number,
            external_id=name,
            notification=None if told is None else offer_answer(told, name),
            match=MatchExplanation.model_validate(match),
        )
    )


def funnel_answer(found: Funnel, opened: int) -> FunnelAnswer:
    """Return a funnel with how many opened the order."""
    fields = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    timing: MatchTiming | None = fields.pop("timing")
    times = None
    if timing is not None:
        shards = [ShardTime(shard=shard, us=us) for shard, us in timing.shards_us]
        measured = {name: getattr(timing, name) for name in MatchTimes.model_fields if name != "shards"}
        times = MatchTimes(shards=shards, **measured)
    return FunnelAnswer(**{**fields, "opened": opened, "match_times": times})


def offer_answer(view: OfferView, external_id: str | None) -> Offer:
    """Return an offer under the caller's name of the user."""
    fields = {field.name: getattr(view, field.name) for field in dataclasses.fields(view)}
    return Offer(external_id=external_id, **fields)
