"""How many users an order would reach, before it is published; rounded, so that it never singles out a person."""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request, Response

from api.bodies import BodyOf, body_of, read_object
from api.callers import CallerOf
from api.once import answer
from api.previews import Gain, Preview, Rounded, preview_order
from api.v1.order_models import KeyGain, OrderDocument, PreviewAnswer, RoundedCount

router = APIRouter(tags=["dispatches"])

NAMES: Final[Mapping[str, str]] = {
    "keywords": "the keywords", "industry": "the industry", "region": "the region", "crowd": "the crowd"
}  # fmt: skip


@router.post(
    "/v1/dispatches:preview",
    response_model=PreviewAnswer,
    summary="How many would be reached, and what each key costs",
    openapi_extra=body_of(OrderDocument),
)
def preview(body: BodyOf, caller: CallerOf, request: Request) -> Response:
    """Count both tiers for an order that is not submitted, and what dropping or widening each key would gain.

    Counts are rounded down to two digits and below 10 not told; previews of an owner are bounded per minute (429).
    Changes nothing, so it needs no Idempotency-Key. Needs the live index: 503 while matching is paused.
    """
    return answer(_shown(preview_order(request, caller, read_object(body))))


def _shown(found: Preview) -> PreviewAnswer:
    warnings = []
    if found.nobody_full:
        warnings.append("Nobody satisfies all of this order's key information now; widen or drop a key.")
    if found.nobody:
        warnings.append("Nobody satisfies even a part of it: it would reach nobody.")
    return PreviewAnswer(
        full=_count(found.full),
        partial=_count(found.partial),
        dimensions={name: _count(count) for name, count in found.dimensions.items()},
        gains=[_gain(each) for each in found.gains],
        extracted=[dict(key) for key in found.extracted],
        query=dict(found.query),
        warnings=warnings,
    )


def _count(count: Rounded) -> RoundedCount:
    return RoundedCount(about=count.about, below=count.below)


def _gain(found: Gain) -> KeyGain:
    dimension = NAMES.get(found.dimension, found.dimension)
    changed = (
        f"without {dimension} {found.value}" if found.change == "drop" else f"{dimension} widened to {found.value}"
    )
    gain = found.gain
    amount = f"about {gain.about:,} more" if gain.about is not None else f"fewer than {gain.below} more"
    return KeyGain(
        change=found.change,
        dimension=found.dimension,
        value=found.value,
        full=_count(found.full),
        gain=_count(gain),
        sentence=f"{changed}: {amount}",
    )
