"""What the preview page shows, ready to be written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.pages.dispatch_views import FoundKey, NamedCode
from api.pages.formats import Formats
from api.pages.language import catalogue
from api.pages.names import code_name, key_name, named_codes
from api.pages.words import DIMENSIONS, mark
from api.previews import Gain, Preview, Rounded
from marketplace.dispatch import Policy
from matching.query import ExtractedKey, Group, Query
from matching.taxonomy import Taxonomy

CHARTED_GAINS = 12
NO_GAIN = mark("hardly any more")
FEWER = mark("fewer than now")


@dataclass(frozen=True, slots=True)
class GainRow:
    """What one change would do, in words."""

    label: str
    gain: str
    full: str


@dataclass(frozen=True, slots=True)
class Pace:
    """How a policy would tell so many: ``waves`` of at most ``size``, the last so long after the first."""

    policy: str
    size: int
    waves: int
    last: str
    window: str
    told_at_most: int


@dataclass(frozen=True, slots=True)
class PreviewView:
    """A preview in words."""

    full: str
    partial: str
    dimensions: Sequence[tuple[str, str]]
    gains: Sequence[GainRow]
    chart: Sequence[Mapping[str, Any]]
    groups: Sequence[Group]
    industries: Sequence[NamedCode]
    regions: Sequence[NamedCode]
    extracted: Sequence[FoundKey]
    pace: Pace
    nobody_full: bool
    nobody: bool


def preview_view(found: Preview, policy: Policy, taxonomy: Taxonomy, form: Formats, language: str) -> PreviewView:
    """Say a preview in the reader's language."""
    query = Query.from_json(json.dumps(found.query))
    gains = [
        GainRow(_label(each, taxonomy, language), _more(each, found.full, form, language), told(each.full, form))
        for each in found.gains
    ]
    return PreviewView(
        full=told(found.full, form),
        partial=told(found.partial, form),
        dimensions=[
            (catalogue(language).gettext(DIMENSIONS[name].label), told(count, form))
            for name, count in found.dimensions.items()
        ],
        gains=gains,
        chart=[
            {"label": row.label, "value": each.gain.about or 0, "text": row.gain, "tone": "full"}
            for row, each in list(zip(gains, found.gains, strict=True))[:CHARTED_GAINS]
        ],
        groups=query.groups,
        industries=named_codes(taxonomy.industries, query.industries, language),
        regions=named_codes(taxonomy.regions, query.regions, language),
        extracted=[_key(key, taxonomy, language) for key in query.extracted],
        pace=_pace(policy, found.full, form),
        nobody_full=found.nobody_full,
        nobody=found.nobody,
    )


def told(count: Rounded, form: Formats) -> str:
    """Return a rounded count as it is written."""
    return f"<{count.below}" if count.about is None else form.number(count.about)


def _more(gain: Gain, now: Rounded, form: Formats, language: str) -> str:
    """Return what a change gains; without one of several groups that were enough, fewer may be left."""
    if gain.gain.about is not None:
        return f"+{form.number(gain.gain.about)}"
    return catalogue(language).gettext(FEWER if (gain.full.about or 0) < (now.about or 0) else NO_GAIN)


def _label(gain: Gain, taxonomy: Taxonomy, language: str) -> str:
    """Return what a change is called: codes by their names in the reader's language."""
    translate = catalogue(language).gettext
    value = gain.value
    if gain.codes:
        tree = taxonomy.industries if gain.dimension == "industry" else taxonomy.regions
        value = translate(mark(", ")).join(code_name(tree, code, language) for code in gain.codes)
    if gain.dimension == "keywords" and gain.change == "widen":
        return translate(mark("Any one keyword group is enough"))
    message = mark("Without %(value)s") if gain.change == "drop" else mark("Widened to %(value)s")
    return translate(message) % {"value": value}


def _pace(policy: Policy, full: Rounded, form: Formats) -> Pace:
    count = min(full.about or 0, policy.full_limit)
    waves = max(1, -(-count // policy.wave_size))
    return Pace(
        policy=policy.name,
        size=policy.wave_size,
        waves=waves,
        last=form.duration((waves - 1) * policy.wave_interval_ms),
        window=form.duration(policy.full_window_ms),
        told_at_most=policy.full_limit,
    )


def _key(key: ExtractedKey, taxonomy: Taxonomy, language: str) -> FoundKey:
    name = key_name(taxonomy, key.kind, key.value, language)
    return FoundKey(key.kind, name, key.start + 1, key.end, key.confidence, key.applied, key.why)
