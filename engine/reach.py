"""How many users an order would reach, and what each of its keys costs: for the preview before publishing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from engine.coordinator import Coordinator
from matching.compilation import DIMENSIONS
from matching.query import Group, Query
from matching.reach import (
    ANYTHING,
    CIRCLE_DROPPED,
    CIRCLE_WIDENED,
    CROWD_DROPPED,
    FULL_NOW,
    GROUP_DROPPED,
    INDUSTRY_DROPPED,
    INDUSTRY_WIDENED,
    LEAST_ONE,
    OF_DIMENSION,
    REGIONS_DROPPED,
    REGIONS_WIDENED,
    widened,
)
from matching.taxonomy import Taxonomy, Tree

Change = Literal["drop", "widen"]


@dataclass(frozen=True, slots=True)
class KeyGain:
    """What changing one key would do.

    dimension: keywords, industry, region or crowd; value: the key as people read it; full_count: users of the full tier
    afterwards; gain: how many more than now; codes: the industries or regions that value names.
    """

    change: Change
    dimension: str
    value: str
    full_count: int
    gain: int
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reach:
    """Exact counts at one moment; rounding for the eyes of others is up to the caller."""

    full_count: int
    partial_count: int
    dimension_counts: dict[str, int]
    gains: tuple[KeyGain, ...]
    population: int


def reach(coordinator: Coordinator, query: Query, taxonomy: Taxonomy) -> Reach:
    """Count both tiers, and the full tier with each key dropped or widened, at one barrier and without any list."""
    wider = widened(query, taxonomy)
    counts, certificate = coordinator.count_reach(query, wider)
    now = int(counts[FULL_NOW])
    gains = [
        KeyGain(change, dimension, value, int(counts[column]), int(counts[column]) - now, codes)
        for change, dimension, value, column, codes in _changes(query, wider, taxonomy)
    ]
    return Reach(
        now,
        int(counts[ANYTHING]) - now,
        {
            name: int(counts[OF_DIMENSION + place])
            for place, name in enumerate(DIMENSIONS)
            if name in query.dimensions()
        },
        tuple(sorted(gains, key=lambda gain: (-gain.gain, gain.dimension, gain.value))),
        certificate.population,
    )


def _changes(query: Query, wider: Query, taxonomy: Taxonomy) -> Iterator[tuple[Change, str, str, int, tuple[str, ...]]]:
    """Every single change of the order's keys that changes something and leaves a dimension: column, codes."""
    has_others = len(query.dimensions()) > 1
    if has_others or len(query.groups) > 1:
        for place, group in enumerate(query.groups):
            yield "drop", "keywords", _label(group), GROUP_DROPPED + place, ()
    if query.at_least > 1:
        yield "widen", "keywords", f"{query.at_least} -> 1", LEAST_ONE, ()
    if query.industries and has_others:
        yield "drop", "industry", _names(taxonomy.industries, query.industries), INDUSTRY_DROPPED, query.industries
    if wider.industries != query.industries:
        yield "widen", "industry", _names(taxonomy.industries, wider.industries), INDUSTRY_WIDENED, wider.industries
    if query.regions and (has_others or query.near):
        yield "drop", "region", _names(taxonomy.regions, query.regions), REGIONS_DROPPED, query.regions
    if wider.regions != query.regions:
        yield "widen", "region", _names(taxonomy.regions, wider.regions), REGIONS_WIDENED, wider.regions
    if query.near and (has_others or query.regions):
        yield "drop", "region", f"{query.near.radius_km:g} km", CIRCLE_DROPPED, ()
    if query.near and wider.near and wider.near != query.near:
        yield "widen", "region", f"{wider.near.radius_km:g} km", CIRCLE_WIDENED, ()
    if query.crowds and has_others:
        yield "drop", "crowd", ", ".join(query.crowds), CROWD_DROPPED, ()


def _label(group: Group) -> str:
    exact = [member.text for member in group.members if member.kind == "exact"]
    return " / ".join(exact)


def _names(tree: Tree, codes: tuple[str, ...]) -> str:
    return ", ".join(tree.name(tree.index(code)) for code in codes)
