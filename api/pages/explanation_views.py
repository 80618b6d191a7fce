"""Why a user is in a dispatch or not, ready to be written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marketplace.dispatch import OfferView
from matching.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class ExplanationView:
    user: str
    document: Mapping[str, Any]
    offer: OfferView | None
    lines: Sequence[str]


def explanation_view(
    user: str, document: Mapping[str, Any], offer: OfferView | None, taxonomy: Taxonomy, language: str
) -> ExplanationView:
    return ExplanationView(user, document, offer, ())
