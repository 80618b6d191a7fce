"""Why a user is in a dispatch or not, ready to be written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.pages.explanation_sentences import Translate, in_words
from api.pages.words import DIMENSIONS
from kit.errors import Unavailable
from marketplace.dispatch.views import OfferView
from matching.members import Member
from matching.taxonomy import Taxonomy


class NotAskedYet(Unavailable):
    """Why a user matches can be told once the query is frozen."""

    def __init__(self) -> None:
        super().__init__("The query of this dispatch is frozen with its first wave; try again in a moment.", 2)


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
    """The smallest change of one dimension: on the user's side, or on the order's."""

    label: str
    user: str
    order: str


@dataclass(frozen=True, slots=True)
class ExplanationView:
    """The place of one user in one order, as his profile stands now.

    ``closed_by`` is empty unless the user is barred whatever he fits; ``offer`` is None when he was not told.
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

    @property
    def changed_since(self) -> bool:
        """Whether the user was told in another tier than he is in now."""
        return self.offer is not None and self.offer.tier != self.tier


def explanation_view(
    user: str,
    document: Mapping[str, Any],
    offer: OfferView | None,
    taxonomy: Taxonomy,
    translate: Translate,
    language: str,
    *,
    to_the_user: bool = False,
) -> ExplanationView:
    """Shape ``matching.explain``'s document for a reader, who may be the user himself."""

    def said(sentence: str, dimension: str) -> str:
        if not sentence:
            return ""
        return in_words(sentence, dimension, taxonomy, translate, language, to_the_user=to_the_user)

    return ExplanationView(
        user=user,
        tier=document["tier"],
        closed_by=said(document["closed_by"], ""),
        score=document["score"],
        tie=document["tie"],
        distance_km=document["distance_km"],
        dimensions=[
            DimensionRow(
                translate(DIMENSIONS[found["dimension"]].label),
                found["satisfied"],
                found["score"],
                said(found["reason"], found["dimension"]),
            )
            for found in document["dimensions"]
        ],
        groups=[
            GroupRow(group["asked"], group["hit"], [Member(**member) for member in group["by"]])
            for group in document["groups"]
        ],
        changes=[
            ChangeRow(
                translate(DIMENSIONS[change["dimension"]].label),
                said(change["user"], change["dimension"]),
                said(change["order"], change["dimension"]),
            )
            for change in document["changes"]
        ],
        offer=offer,
    )
