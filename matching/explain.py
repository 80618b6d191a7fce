"""Why a user fits an order, or why not, and the smallest change that would make it a full fit."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import ceil
from typing import Literal

from matching.geometry import distance_km
from matching.members import Group, Member
from matching.profiles import Profile
from matching.query import DEFAULT_WEIGHTS, Query, Weights
from matching.reference import groups_hit, satisfied_dimensions, score, tie
from matching.taxonomy import Taxonomy, Tree

Tier = Literal["full", "partial", "none"]


@dataclass(frozen=True, slots=True)
class GroupFinding:
    """One keyword group: the words that were asked for, whether it is hit, and by which held words."""

    asked: tuple[str, ...]
    weight: int
    hit: bool
    by: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class DimensionFinding:
    """One named dimension: satisfied or not, what it adds to the score, and a sentence why."""

    dimension: str
    satisfied: bool
    score: int
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """One step towards a full fit: what the user could add, and what the order could ask instead."""

    dimension: str
    user: str
    order: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that decides the place of one user in the answer to one query.

    ``tier`` is "none" also for a user who fits but is unavailable or excluded; ``closed_by`` says so then.
    ``distance_km`` is from the origin, None without origin or location; ``near_km`` from the centre of ``near``.
    ``changes`` is empty exactly when every named dimension is satisfied; each names one missing dimension.
    """

    order: int
    user: int
    tier: Tier
    closed_by: str
    score: int
    tie: int
    distance_km: float | None
    near_km: float | None
    dimensions: tuple[DimensionFinding, ...]
    groups: tuple[GroupFinding, ...]
    groups_needed: int
    changes: tuple[Change, ...]

    def to_document(self) -> dict[str, object]:
        """Return the explanation as a JSON object."""
        return asdict(self)


def explain(profile: Profile, query: Query, taxonomy: Taxonomy, weights: Weights = DEFAULT_WEIGHTS) -> Explanation:
    """Explain the place of ``profile`` in the answer to ``query``; decided by the reference itself."""
    satisfied = set(satisfied_dimensions(profile, query, taxonomy))
    hits = groups_hit(profile, query)
    whole_score = score(profile, query, taxonomy, weights)
    groups = tuple(_group(profile, group, hit=hit) for group, hit in zip(query.groups, hits, strict=True))
    findings = tuple(
        DimensionFinding(
            dimension,
            dimension in satisfied,
            _share(dimension, groups, weights, satisfied=dimension in satisfied),
            _REASONS[dimension](profile, query, taxonomy),
        )
        for dimension in query.dimensions()
    )
    missing = [finding.dimension for finding in findings if not finding.satisfied]
    closed_by = _closed_by(profile, query)
    return Explanation(
        order=query.id,
        user=profile.id,
        tier=_tier(closed_by, missing, satisfied or any(hits)),
        closed_by=closed_by,
        score=whole_score,
        tie=tie(profile, query),
        distance_km=_distance(profile, query.origin),
        near_km=None if query.near is None else _distance(profile, (query.near.lat, query.near.lon)),
        dimensions=findings,
        groups=groups,
        groups_needed=query.at_least,
        changes=tuple(_CHANGES[dimension](profile, query, taxonomy) for dimension in missing),
    )


def _tier(closed_by: str, missing: list[str], anything: object) -> Tier:
    if closed_by:
        return "none"
    if not missing:
        return "full"
    return "partial" if anything else "none"


def _closed_by(profile: Profile, query: Query) -> str:
    if not profile.available:
        return "the user is not available"
    return "the order excludes the user" if profile.id in query.exclude else ""


def _share(dimension: str, groups: tuple[GroupFinding, ...], weights: Weights, *, satisfied: bool) -> int:
    if dimension == "keywords":
        hit = sum(group.weight for group in groups if group.hit)
        return weights.keywords * hit // sum(group.weight for group in groups)
    worth = {"industry": weights.industry, "region": weights.region, "crowd": weights.crowd}[dimension]
    return worth if satisfied else 0


def _group(profile: Profile, group: Group, *, hit: bool) -> GroupFinding:
    asked = tuple(member.text for member in group.members if member.kind == "exact")
    return GroupFinding(asked, group.weight, hit, tuple(m for m in group.members if m.text in profile.keywords))


def _distance(profile: Profile, centre: tuple[float, float] | None) -> float | None:
    if centre is None or profile.location is None:
        return None
    return distance_km(*centre, *profile.location)


def _metres_up(kilometres: float) -> float:
    """Return kilometres rounded up to a metre, so that a circle asked for in these words holds the user."""
    return ceil(kilometres * 1000) / 1000


def _named(tree: Tree, codes: tuple[str, ...]) -> str:
    return ", ".join(f"{tree.name(tree.index(code))} ({code})" for code in codes) or "none"


def _related_pairs(tree: Tree, of_user: tuple[str, ...], of_order: tuple[str, ...]) -> list[tuple[str, str]]:
    return [
        (user, order) for user in of_user for order in of_order if tree.related(tree.index(user), tree.index(order))
    ]


def _path_reason(tree: Tree, of_user: tuple[str, ...], of_order: tuple[str, ...]) -> str:
    pairs = _related_pairs(tree, of_user, of_order)
    if not pairs:
        return f"asked for {_named(tree, of_order)}; the user has {_named(tree, of_user)}"
    user, order = pairs[0]
    if user == order:
        return f"both name {_named(tree, (user,))}"
    # In preorder an ancestor comes before its descendants.
    inner, outer = (user, order) if tree.index(user) > tree.index(order) else (order, user)
    whose = "the user's" if inner == user else "the order's"
    return f"{whose} {_named(tree, (inner,))} lies in {_named(tree, (outer,))}"


def _keywords_reason(profile: Profile, query: Query, taxonomy: Taxonomy) -> str:  # noqa: ARG001
    return f"{sum(groups_hit(profile, query))} of {len(query.groups)} groups are hit, {query.at_least} needed"


def _industry_reason(profile: Profile, query: Query, taxonomy: Taxonomy) -> str:
    return _path_reason(taxonomy.industries, profile.industries, query.industries)


def _region_reason(profile: Profile, query: Query, taxonomy: Taxonomy) -> str:
    reasons: list[str] = []
    if query.regions:
        reasons.append(_path_reason(taxonomy.regions, profile.regions, query.regions))
    if query.near is not None:
        away_km = _distance(profile, (query.near.lat, query.near.lon))
        where = "the user's place is not known" if away_km is None else f"the user is {away_km:.3f} km away"
        reasons.append(f"asked for within {query.near.radius_km:g} km; {where}")
    return "; or ".join(reasons)


def _crowd_reason(profile: Profile, query: Query, taxonomy: Taxonomy) -> str:  # noqa: ARG001
    shared = [tag for tag in profile.crowds if tag in query.crowds]
    if shared:
        return f"the user is one of {', '.join(shared)}"
    return f"asked for {', '.join(query.crowds)}; the user has {', '.join(profile.crowds) or 'none'}"


def _keywords_change(profile: Profile, query: Query, taxonomy: Taxonomy) -> Change:  # noqa: ARG001
    hits = groups_hit(profile, query)
    missed = [group.members[0].text for group, hit in zip(query.groups, hits, strict=True) if not hit]
    lacking = query.at_least - sum(hits)
    which = " and ".join(missed) if lacking == len(missed) else f"{lacking} of {', '.join(missed)}"
    # A rule of none at all does not exist: who hits no group needs other keywords, not another rule.
    order = f"ask for at least {sum(hits)}" if any(hits) else "name one of the user's keywords, or no keywords"
    return Change("keywords", f"hold {which}", order)


def _industry_change(profile: Profile, query: Query, taxonomy: Taxonomy) -> Change:
    order = _widened(taxonomy.industries, profile.industries, query.industries) or "name no industry"
    return Change("industry", f"name {_named(taxonomy.industries, query.industries[:1])}", order)


def _region_change(profile: Profile, query: Query, taxonomy: Taxonomy) -> Change:
    user, order = "", ""
    if query.near is not None:
        away_km = _distance(profile, (query.near.lat, query.near.lon))
        if away_km is None:
            user = "say where they are"
        else:
            order = f"ask within {_metres_up(away_km)} km"
            user = f"be {_metres_up(away_km - query.near.radius_km)} km nearer"
    if query.regions:
        user = f"serve {_named(taxonomy.regions, query.regions[:1])}"
        order = order or _widened(taxonomy.regions, profile.regions, query.regions)
    return Change("region", user, order or "name no region")


def _crowd_change(profile: Profile, query: Query, taxonomy: Taxonomy) -> Change:  # noqa: ARG001
    order = f"ask for {profile.crowds[0]} too" if profile.crowds else "name no crowd"
    return Change("crowd", f"be one of {', '.join(query.crowds)}", order)


def _widened(tree: Tree, of_user: tuple[str, ...], of_order: tuple[str, ...]) -> str:
    """Return the deepest node above both an order's and a user's node, as a request; "" if there is none."""
    shared = [
        node
        for user in of_user
        for order in of_order
        for node in set(tree.ancestors(tree.index(user))) & set(tree.ancestors(tree.index(order)))
    ]
    if not shared:
        return ""
    deepest = max(shared, key=lambda node: (tree.depths[node], -node))
    return f"ask for {_named(tree, (tree.codes[deepest],))}"


_REASONS: dict[str, Callable[[Profile, Query, Taxonomy], str]] = {
    "keywords": _keywords_reason,
    "industry": _industry_reason,
    "region": _region_reason,
    "crowd": _crowd_reason,
}
_CHANGES: dict[str, Callable[[Profile, Query, Taxonomy], Change]] = {
    "keywords": _keywords_change,
    "industry": _industry_change,
    "region": _region_change,
    "crowd": _crowd_change,
}
