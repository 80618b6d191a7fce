"""What the diagnostics pages show, ready to be written: names instead of codes, numbers instead of arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matching.query import Group, Near


@dataclass(frozen=True, slots=True)
class DispatchRow:
    """One line of the list. Counts are None until the first wave was asked for."""

    id: int
    external_id: str | None
    title: str
    state: str
    full_count: int | None
    partial_count: int | None
    told: int
    accepted: int
    approved_at_ms: int


@dataclass(frozen=True, slots=True)
class DispatchList:
    """One page of the list. ``counts`` starts with ("", all dispatches)."""

    rows: Sequence[DispatchRow]
    counts: Sequence[tuple[str, int]]
    state: str | None
    search: str
    cursor: str | None
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class DispatchHead:
    """What stands above the details. ``trouble`` is a sentence when something keeps the dispatch from going on.

    ``unmatchable``: the matcher refused the order, so the page says in its own words what is wrong.
    """

    id: int
    order_id: int
    external_id: str | None
    title: str
    owner: str
    policy: str
    state: str
    final: bool
    approved_at_ms: int
    next_step_at_ms: int | None
    trouble: str | None
    unmatchable: bool
    waves: int


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of the order's text; ``key`` is the kind of key that was found there, or None."""

    text: str
    key: str | None


@dataclass(frozen=True, slots=True)
class NamedCode:
    """A node of a tree, with its name in the reader's language."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key that was extracted from the text; ``start`` and ``end`` count characters from 1, both included."""

    kind: str
    name: str
    start: int
    end: int
    confidence: int
    applied: bool
    why: str


@dataclass(frozen=True, slots=True)
class KeyInformation:
    """The order's text and its key information; ``frozen`` once the variants were looked up."""

    text_parts: Sequence[TextPart]
    groups: Sequence[Group]
    at_least: int
    industries: Sequence[NamedCode]
    regions: Sequence[NamedCode]
    near: Near | None
    crowds: Sequence[str]
    extracted: Sequence[FoundKey]
    frozen: bool


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """One step; ``tone`` names its colour in the chart."""

    label: str
    value: int
    tone: str


@dataclass(frozen=True, slots=True)
class FunnelView:
    """From all users to those who accepted; no rows before the first wave."""

    rows: Sequence[FunnelRow]
    population: int | None
    chart: Sequence[Mapping[str, Any]]

    @property
    def has_dimensions(self) -> bool:
        """Whether users were counted per dimension: that is done with the partial tier."""
        return any(row.tone == "dimension" for row in self.rows)


@dataclass(frozen=True, slots=True)
class TierView:
    """One tier: how many qualify (None: not asked yet), how many were told, how long the window is."""

    name: str
    count: int | None
    told: int
    window_ms: int


@dataclass(frozen=True, slots=True)
class CertificateView:
    """What a wave proves about itself: evaluated + closed_by_routing = population."""

    barrier: int
    placement_version: int
    vocabulary_version: int
    evaluated: int
    closed_by_routing: int
    population: int

    @property
    def complete(self) -> bool:
        """Whether every user is accounted for."""
        return self.evaluated + self.closed_by_routing == self.population


@dataclass(frozen=True, slots=True)
class WaveView:
    """One wave and how many users of each tier it told."""

    number: int
    at_ms: int
    told_full: int
    told_partial: int
    certificate: CertificateView | None


@dataclass(frozen=True, slots=True)
class RecipientRow:
    """One told user; ``answer`` is None while there is none."""

    user: str
    tier: str
    score: int
    tie: int
    wave: int
    told_at_ms: int
    answer: str | None


@dataclass(frozen=True, slots=True)
class Recipients:
    """One page of told users, best first, of one tier or of both."""

    rows: Sequence[RecipientRow]
    tier: str | None
    cursor: str | None
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class AcceptanceRow:
    """One acceptance in the order of its arrival; ``position`` is its place in the queue while it waits."""

    user: str
    state: str
    position: int | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Acceptances:
    """The first acceptances, and how many more there are."""

    rows: Sequence[AcceptanceRow]
    more: int


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One thing that happened, in words; ``detail`` stands below it."""

    at_ms: int
    text: str
    detail: str | None = None
