"""How many users an order would reach, before it is published; rounded, so that it never singles out a person."""

import json
from collections.abc import Mapping
from typing import Any, Final, Literal

from fastapi import APIRouter, Request, Response

from api.bodies import BodyOf, body_of, read_object
from api.callers import CallerOf, ServicesOf
from api.match_slots import MatchSlots
from api.once import answer
from api.v1.order_models import KeyGain, OrderDocument, PreviewAnswer, RoundedCount
from marketplace.orders import read_order, with_internal_exclusions

router = APIRouter(tags=["dispatches"])

SMALLEST_SHOWN: Final = 10
NAMES: Final[Mapping[str, str]] = {
    "keywords": "the keywords", "industry": "the industry", "region": "the region", "crowd": "the crowd"
}  # fmt: skip


@router.post(
    "/v1/dispatches:preview",
    response_model=PreviewAnswer,
    summary="How many would be reached, and what each key costs",
    openapi_extra=body_of(OrderDocument),
)
def preview(body: BodyOf, caller: CallerOf, services: ServicesOf, request: Request) -> Response:
    """Count both tiers for an order that is not submitted, and what dropping or widening each key would gain.

    Counts are rounded down to two digits and below 10 not told; previews of an owner are bounded per minute (429).
    Changes nothing, so it needs no Idempotency-Key. Needs the live index: 503 while matching is paused.
    """
    document = read_object(body)
    with services.database.read() as session:
        document = dict(with_internal_exclusions(session, caller.owner, [document])[0])  # type: ignore[call-overload]
    order = read_order(document, services.taxonomy)
    request.app.state.preview_budget.spend(caller.owner, now_ms=services.clock())
    asked = {name: value for name, value in order.key_information.to_document().items() if name != "id"}
    slots: MatchSlots = request.app.state.match_slots
    with slots.taken():
        found = services.match_service.preview(asked)
    return answer(_rounded(found))


def rounded(count: int) -> RoundedCount:
    """Return a count rounded down to two digits, steps of ten at least; below ten only that."""
    if count < SMALLEST_SHOWN:
        return RoundedCount(below=SMALLEST_SHOWN)
    digits = len(str(count)) - 2
    step = 10 ** max(1, digits)
    return RoundedCount(about=count // step * step)


def _rounded(found: Mapping[str, Any]) -> PreviewAnswer:
    warnings = []
    if found["full_count"] == 0:
        warnings.append("Nobody satisfies all of this order's key information now; widen or drop a key.")
    if found["full_count"] == 0 and found["partial_count"] == 0:
        warnings.append("Nobody satisfies even a part of it: it would reach nobody.")
    return PreviewAnswer(
        full=rounded(found["full_count"]),
        partial=rounded(found["partial_count"]),
        dimensions={name: rounded(count) for name, count in found["dimension_counts"].items()},
        gains=[_gain(each) for each in found["gains"]],
        extracted=list(found["extracted"]),
        query=json.loads(found["query"]),
        warnings=warnings,
    )


def _gain(found: Mapping[str, Any]) -> KeyGain:
    change: Literal["drop", "widen"] = "drop" if found["change"] == "drop" else "widen"
    gain = rounded(found["gain"])
    dimension = NAMES.get(found["dimension"], found["dimension"])
    changed = (
        f"without {dimension} {found['value']}" if change == "drop" else f"{dimension} widened to {found['value']}"
    )
    amount = f"about {gain.about:,} more" if gain.about is not None else f"fewer than {gain.below} more"
    return KeyGain(
        change=change,
        dimension=found["dimension"],
        value=found["value"],
        full=rounded(found["full_count"]),
        gain=gain,
        sentence=f"{changed}: {amount}",
    )
