"""How many users an order would reach before it is published: rounded and budgeted, for REST and pages alike."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from fastapi import Request

from api.callers import services_of
from api.match_slots import MatchSlots
from api.preview_budget import PreviewBudget
from marketplace.access import Caller
from marketplace.orders import read_order, with_internal_exclusions

SMALLEST_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Rounded:
    """A count that does not single out a person: exactly one of the two is given."""

    about: int | None = None
    below: int | None = None


@dataclass(frozen=True, slots=True)
class Gain:
    """What dropping or widening one key would do to the full tier. ``codes``: those that ``value`` names, if any."""

    change: Literal["drop", "widen"]
    dimension: str
    value: str
    codes: Sequence[str]
    full: Rounded
    gain: Rounded


@dataclass(frozen=True, slots=True)
class Preview:
    """What may be told of a reach. ``nobody_full``: the full tier is empty; ``nobody``: both tiers are."""

    full: Rounded
    partial: Rounded
    dimensions: Mapping[str, Rounded]
    gains: Sequence[Gain]
    extracted: Sequence[Mapping[str, Any]]
    query: Mapping[str, Any]
    nobody_full: bool
    nobody: bool


def preview_order(request: Request, caller: Caller, document: Mapping[str, Any]) -> Preview:
    """Count for an order that is not submitted; exact counts do not leave this function.

    Raises InvalidInput, PreviewBudgetSpent, MatchingBusy, Unavailable while matching is paused. What is refused for its
    content spends nothing of the owner's budget.
    """
    services = services_of(request)
    with services.database.read() as session:
        own = dict(with_internal_exclusions(session, caller.owner, [document])[0])  # type: ignore[call-overload]
    order = read_order(own, services.taxonomy)
    budget: PreviewBudget = request.app.state.preview_budget
    budget.spend(caller.owner, now_ms=services.clock())
    asked = {name: value for name, value in order.key_information.to_document().items() if name != "id"}
    slots: MatchSlots = request.app.state.match_slots
    with slots.taken():
        found = services.match_service.preview(asked)
    return _rounded(found)


def rounded(count: int) -> Rounded:
    """Return a count rounded down to two digits, steps of ten at least; below ten only that."""
    if count < SMALLEST_SHOWN:
        return Rounded(below=SMALLEST_SHOWN)
    digits = len(str(count)) - 2
    step = 10 ** max(1, digits)
    return Rounded(about=count // step * step)


def _rounded(found: Mapping[str, Any]) -> Preview:
    return Preview(
        full=rounded(found["full_count"]),
        partial=rounded(found["partial_count"]),
        dimensions={name: rounded(count) for name, count in found["dimension_counts"].items()},
        gains=[
            Gain(
                change="drop" if each["change"] == "drop" else "widen",
                dimension=each["dimension"],
                value=each["value"],
                codes=tuple(each.get("codes", ())),
                full=rounded(each["full_count"]),
                gain=rounded(each["gain"]),
            )
            for each in found["gains"]
        ],
        extracted=list(found["extracted"]),
        query=json.loads(found["query"]),
        nobody_full=found["full_count"] == 0,
        nobody=found["full_count"] == 0 and found["partial_count"] == 0,
    )
