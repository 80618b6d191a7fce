"""How many users an order would reach, and what each of its keys costs: for the preview before publishing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from engine.coordinator import Coordinator
from matching.orders import MAX_RADIUS_KM
from matching.query import Group, Query
from matching.taxonomy import Taxonomy, Tree

Change = Literal["drop", "widen"]
WIDER_RADIUS = 2.0


@dataclass(frozen=True, slots=True)
class KeyGain:
    """What changing one key would do.

    dimension: keywords, industry, region or crowd; value: the key as people read it; full_count: users of the full tier
    afterwards; gain: how many more than now.
    """

    change: Change
    dimension: str
    value: str
    full_count: int
    gain: int


@dataclass(frozen=True, slots=True)
class Reach:
    """Exact counts at one moment; rounding for the eyes of others is up to the caller."""

    full_count: int
    partial_count: int
    dimension_counts: dict[str, int]
    gains: tuple[KeyGain, ...]
    population: int


def reach(coordinator: Coordinator, query: Query, taxonomy: Taxonomy) -> Reach:
    """Count both tiers, and the full tier with each key dropped or widened (one batch, lists are not made)."""
    changed = list(_changes(query, taxonomy))
    now = coordinator.match([replace(query, limit=1)])[0]
    counted = coordinator.match([replace(other, limit=1) for *_, other in changed], full_only=True)
    gains = (
        KeyGain(change, dimension, value, result.full_count, result.full_count - now.full_count)
        for (change, dimension, value, _), result in zip(changed, counted, strict=True)
    )
    return Reach(
        now.full_count,
        now.partial_count,
        now.dimension_counts,
        tuple(sorted(gains, key=lambda gain: (-gain.gain, gain.dimension, gain.value))),
        now.certificate.population,
    )


def _changes(query: Query, taxonomy: Taxonomy) -> Iterator[tuple[Change, str, str, Query]]:
    """Every single change of the order's keys that leaves it a dimension."""
    for change, dimension, value, other in _all_changes(query, taxonomy):
        if other.dimensions() and other != query:
            yield change, dimension, value, other


def _all_changes(query: Query, taxonomy: Taxonomy) -> Iterator[tuple[Change, str, str, Query]]:
    for place, group in enumerate(query.groups):
        rest = query.groups[:place] + query.groups[place + 1 :]
        yield "drop", "keywords", _label(group), replace(query, groups=rest, at_least=min(query.at_least, len(rest)))
    if query.at_least > 1:
        yield "widen", "keywords", f"{query.at_least} -> 1", replace(query, at_least=1)
    if query.industries:
        codes = query.industries
        yield "drop", "industry", _names(taxonomy.industries, codes), replace(query, industries=())
        yield (
            "widen",
            "industry",
            _names(taxonomy.industries, _parents(taxonomy.industries, codes)),
            replace(query, industries=_parents(taxonomy.industries, codes)),
        )
    if query.regions:
        codes = query.regions
        yield "drop", "region", _names(taxonomy.regions, codes), replace(query, regions=())
        yield (
            "widen",
            "region",
            _names(taxonomy.regions, _parents(taxonomy.regions, codes)),
            replace(query, regions=_parents(taxonomy.regions, codes)),
        )
    if query.near:
        radius_km = query.near.radius_km
        wider = min(MAX_RADIUS_KM, radius_km * WIDER_RADIUS)
        yield "drop", "region", f"{radius_km:g} km", replace(query, near=None)
        yield "widen", "region", f"{wider:g} km", replace(query, near=replace(query.near, radius_km=wider))
    if query.crowds:
        yield "drop", "crowd", ", ".join(query.crowds), replace(query, crowds=())


def _label(group: Group) -> str:
    exact = [member.text for member in group.members if member.kind == "exact"]
    return " / ".join(exact)


def _names(tree: Tree, codes: tuple[str, ...]) -> str:
    return ", ".join(tree.name(tree.index(code)) for code in codes)


def _parents(tree: Tree, codes: tuple[str, ...]) -> tuple[str, ...]:
    """The codes one level up; a root stays."""
    above = (tree.parents[tree.index(code)] for code in codes)
    return tuple(sorted({tree.codes[up] if up >= 0 else code for up, code in zip(above, codes, strict=True)}))
