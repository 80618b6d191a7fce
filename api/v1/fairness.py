"""How it goes for users: what each was offered, opened and won, and how often he could have been offered an order."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from api.callers import CallerOf, ServicesOf
from api.once import answer
from api.v1.dispatches import Cursor
from api.v1.inbox import UserOfPath
from api.v1.users import names_of
from kit.db import Session
from marketplace import dispatch, inbox
from marketplace.access import Caller
from marketplace.dispatch.views import Fairness

router = APIRouter(tags=["fairness"])


class FairnessAnswer(BaseModel):
    """How it went for one user since the platform began. Offers are counted every ten minutes."""

    user_id: int
    external_id: str | None
    offered: int
    opened: int = Field(description="Offers that the user marked as read.")
    won: int = Field(description="Times that a publisher selected the user.")
    eligible_estimate: int | None = Field(
        description="Orders that the user satisfied in full, told or not: a hundred times those among the sampled"
        " orders. Null while no order was sampled."
    )
    sampled_orders: int = Field(description="One order in a hundred of those that told anybody.")
    counted_at_ms: int | None = Field(description="Until when offers are counted; null: not yet.")


class FairnessPage(BaseModel):
    """A part of all users who were ever offered anything, by number."""

    items: list[FairnessAnswer]
    next_cursor: str | None


@router.get("/v1/users/{id}/fairness", response_model=FairnessAnswer, summary="What a user was offered and won")
def of_user(user_id: UserOfPath, caller: CallerOf, services: ServicesOf) -> Response:
    """Return what one of your users was offered, opened and won."""
    with services.database.read() as session:
        found = dispatch.fairness_of(session, user_id=user_id)
        return answer(_shown(session, caller, [found])[0])


@router.get("/v1/fairness", response_model=FairnessPage, summary="What all users were offered and won")
def of_all(
    caller: CallerOf,
    services: ServicesOf,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=900, description="Most items of a page.")] = 100,
) -> Response:
    """Return everybody who was ever offered anything, page by page."""
    with services.database.read() as session:
        page = dispatch.list_fairness(session, cursor=cursor, limit=limit)
        items = _shown(session, caller, page.items)
    return answer(FairnessPage(items=items, next_cursor=page.next_cursor))


def _shown(session: Session, caller: Caller, found: Sequence[Fairness]) -> list[FairnessAnswer]:
    users = [each.user_id for each in found]
    opened = inbox.opened_by_users(session, users)
    names = names_of(session, caller, users)
    return [
        FairnessAnswer(
            user_id=each.user_id,
            external_id=names.get(each.user_id),
            offered=each.offered,
            opened=opened[each.user_id],
            won=each.won,
            eligible_estimate=each.eligible_estimate,
            sampled_orders=each.sampled_orders,
            counted_at_ms=each.counted_at_ms,
        )
        for each in found
    ]
