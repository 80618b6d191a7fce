"""Why a user is in a dispatch or not, ready to be written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.pages.explanation_sentences import Teller
from api.pages.words import DIMENSIONS
from kit.errors import Conflict, NotFound, Unavailable
from marketplace.dispatch.views import OfferView
from matching.members import Member


class NotAskedYet(Unavailable):
    """Why a user matches can be told once the query is frozen."""

    def __init__(self) -> None:
        super().__init__("The query of this dispatch is frozen with its first wave; try again in a moment.", 2)


class AskedNobody(Conflict):
    """The dispatch was over before its query was frozen."""

    def __init__(self, dispatch_id: int) -> None:
        super().__init__(f"Dispatch {dispatch_id} ended before its first wave, so nobody was ever looked for.")


class UnknownUser(NotFound):
    """No profile stands behind what was entered."""

    def __init__(self, text: str) -> None:
        super().__init__(f"There is no user {text[:40]!r}; enter the id under which the profile was put.")


@dataclass(frozen=True, slots=True)
class DimensionRow:
    """One named dimension: satisfied or not, what it adds to the score, and why."""

    label: str
    satisfied: bool
    score: int
    reason: str


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One keyword group: the words asked for, and the held words that hit it."""

    asked: Sequence[str]
    hit: bool
    by: Sequence[Member]


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """The smallest changes of one dimension, on the user's side and on the order's; each is enough by itself."""

    label: str
    user: Sequence[str]
    order: Sequence[str]


@dataclass(frozen=True, slots=True)
class ExplanationView:
    """The place of one user in one order, as his profile stands now.

    ``closed_by`` is empty unless the user is barred whatever he fits; ``offer`` is None when he was not told.
    ``passed_over``: the wave that spared him last, why, and what became of it.
    """

    user: str
    tier: str
    closed_by: str
    score: int
    tie: int
    distance_km: float | None
    dimensions: Sequence[DimensionRow]
    groups: Sequence[GroupRow]
    changes: Sequence[ChangeRow]
    offer: OfferView | None
    passed_over: tuple[int, str, str] | None = None

    @property
    def changed_since(self) -> bool:
        """Whether the user was told in another tier than he is in now."""
        return self.offer is not None and self.offer.tier != self.tier


def explanation_view(
    user: str,
    document: Mapping[str, Any],
    offer: OfferView | None,
    teller: Teller,
    passed_over: tuple[int, str, str] | None = None,
) -> ExplanationView:
    """Shape ``matching.explain``'s document for a reader."""
    closed = document["closed"]
    return ExplanationView(
        user=user,
        tier=document["tier"],
        closed_by="" if closed is None else teller.told([closed], ""),
        score=document["score"],
        tie=document["tie"],
        distance_km=document["distance_km"],
        dimensions=[
            DimensionRow(
                teller.translate(DIMENSIONS[found["dimension"]].label),
                found["satisfied"],
                found["score"],
                teller.told(found["reasons"], found["dimension"]),
            )
            for found in document["dimensions"]
        ],
        groups=[
            GroupRow(group["asked"], group["hit"], [Member(**member) for member in group["by"]])
            for group in document["groups"]
        ],
        changes=[
            ChangeRow(
                teller.translate(DIMENSIONS[change["dimension"]].label),
                teller.choices(change["user_changes"], change["dimension"]),
                teller.choices(change["order_changes"], change["dimension"]),
            )
            for change in document["changes"]
        ],
        offer=offer,
        passed_over=passed_over,
    )
