"""An order's key information as it is shown: the frozen query if there is one, else what was submitted."""

from collections.abc import Sequence

from api.pages.dispatch_views import FoundKey, KeyInformation, TextPart
from api.pages.names import key_name, named_codes
from marketplace.dispatch.views import DispatchView
from matching.orders import parse_order
from matching.query import ExtractedKey, Group, Member, Query
from matching.taxonomy import Taxonomy

MAX_SHOWN_KEYS = 200


def key_information(dispatch: DispatchView, taxonomy: Taxonomy, language: str) -> KeyInformation:
    """Return what the order asks for."""
    order = parse_order(dispatch.document, taxonomy, require_id=False)
    text = order.text or dispatch.description
    if dispatch.query_json is None:
        groups = [Group(tuple(Member(word, of=word) for word in group.any), group.weight) for group in order.groups]
        query = Query(
            id=0,
            groups=tuple(groups),
            at_least=order.at_least,
            industries=order.industries,
            regions=order.regions,
            near=order.near,
            crowds=order.crowds,
        )
    else:
        query = Query.from_json(dispatch.query_json)
    return KeyInformation(
        text_parts=_text_parts(text, query.extracted),
        groups=query.groups,
        at_least=query.at_least,
        industries=named_codes(taxonomy.industries, query.industries, language),
        regions=named_codes(taxonomy.regions, query.regions, language),
        near=query.near,
        crowds=query.crowds,
        extracted=[
            FoundKey(
                kind=key.kind,
                name=key_name(taxonomy, key.kind, key.value, language),
                start=key.start + 1,
                end=key.end,
                confidence=key.confidence,
                applied=key.applied,
                why=key.why,
            )
            for key in query.extracted[:MAX_SHOWN_KEYS]
        ],
        frozen=dispatch.query_json is not None,
    )


def _text_parts(text: str, extracted: Sequence[ExtractedKey]) -> list[TextPart]:
    """Cut the text at the keys that were applied; of overlapping ones the first and longest is marked."""
    parts: list[TextPart] = []
    at = 0
    for key in sorted((key for key in extracted if key.applied), key=lambda key: (key.start, -key.end)):
        if key.start < at or key.end > len(text):
            continue
        if key.start > at:
            parts.append(TextPart(text[at : key.start], None))
        parts.append(TextPart(text[key.start : key.end], key.kind))
        at = key.end
    if at < len(text):
        parts.append(TextPart(text[at:], None))
    return parts
