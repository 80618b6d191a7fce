"""Why a user fits an order, or why not, and the smallest changes that would make it a full fit."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final, Literal

from matching.changes import most_alike, order_changes, user_changes
from matching.geometry import distance_km
from matching.members import Group, Member
from matching.profiles import Profile
from matching.query import DEFAULT_WEIGHTS, Query, Weights
from matching.reference import groups_hit, satisfied_dimensions, score, tie
from matching.statements import Code, Statement, sentence
from matching.taxonomy import Taxonomy, Tree

Tier = Literal["full", "partial", "none"]

MOST_HELD_WORDS: Final = 6
"""Of the keywords that hit nothing, so many are named; the others are counted."""


@dataclass(frozen=True, slots=True)
class GroupFinding:
    """One keyword group: the words that were asked for, whether it is hit, and by which held words."""

    asked: tuple[str, ...]
    weight: int
    hit: bool
    by: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class DimensionFinding:
    """One named dimension: satisfied or not, what it adds to the score, and why: as statements and as a sentence."""

    dimension: str
    satisfied: bool
    score: int
    reason: str
    reasons: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One step towards a full fit: what the user could add, and what the order could ask instead.

    Each of ``user_changes`` and ``order_changes`` is enough by itself, the smallest first; ``user`` and ``order`` say
    them in a sentence.
    """

    dimension: str
    user: str
    order: str
    user_changes: tuple[Statement, ...]
    order_changes: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that decides the place of one user in the answer to one query.

    ``tier`` is "none" also for a user who fits but is unavailable or excluded; ``closed`` and ``closed_by`` say so
    then. ``distance_km`` is from the origin, None without origin or location; ``near_km`` from the centre of ``near``.
    ``changes`` is empty exactly when every named dimension is satisfied; each names one missing dimension.
    """

    order: int
    user: int
    tier: Tier
    closed_by: str
    closed: Statement | None
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
    groups = tuple(_group(profile, group, hit=hit) for group, hit in zip(query.groups, hits, strict=True))
    findings = tuple(
        _finding(
            dimension,
            _REASONS[dimension](profile, query, taxonomy),
            taxonomy,
            _share(dimension, groups, weights, satisfied=dimension in satisfied),
            satisfied=dimension in satisfied,
        )
        for dimension in query.dimensions()
    )
    missing = [finding.dimension for finding in findings if not finding.satisfied]
    closed = _closed(profile, query)
    return Explanation(
        order=query.id,
        user=profile.id,
        tier=_tier(closed, missing, satisfied or any(hits)),
        closed_by="" if closed is None else sentence([closed], None),
        closed=closed,
        score=score(profile, query, taxonomy, weights),
        tie=tie(profile, query),
        distance_km=_distance(profile, query.origin),
        near_km=None if query.near is None else _distance(profile, (query.near.lat, query.near.lon)),
        dimensions=findings,
        groups=groups,
        groups_needed=query.at_least,
        changes=tuple(_change(dimension, profile, query, taxonomy) for dimension in missing),
    )


def tree_of(dimension: str, taxonomy: Taxonomy) -> Tree | None:
    """Return the tree whose codes a dimension names."""
    return {"industry": taxonomy.industries, "region": taxonomy.regions}.get(dimension)


def _finding(
    dimension: str, reasons: tuple[Statement, ...], taxonomy: Taxonomy, worth: int, *, satisfied: bool
) -> DimensionFinding:
    # A region is asked for by nodes or by a circle; what is said about keywords is true together.
    joined = "; or " if dimension == "region" else "; "
    reason = sentence(reasons, tree_of(dimension, taxonomy), joined=joined)
    return DimensionFinding(dimension, satisfied, worth, reason, reasons)


def _change(dimension: str, profile: Profile, query: Query, taxonomy: Taxonomy) -> Change:
    of_user, of_order = (
        user_changes(dimension, profile, query, taxonomy),
        order_changes(dimension, profile, query, taxonomy),
    )
    tree = tree_of(dimension, taxonomy)
    return Change(dimension, sentence(of_user, tree), sentence(of_order, tree), of_user, of_order)


def _tier(closed: Statement | None, missing: list[str], anything: object) -> Tier:
    if closed is not None:
        return "none"
    if not missing:
        return "full"
    return "partial" if anything else "none"


def _closed(profile: Profile, query: Query) -> Statement | None:
    if not profile.available:
        return Statement(Code.UNAVAILABLE, {})
    return Statement(Code.EXCLUDED, {}) if profile.id in query.exclude else None


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


def _path_reason(tree: Tree, of_user: tuple[str, ...], of_order: tuple[str, ...]) -> Statement:
    if not of_user:
        return Statement(Code.NO_NODE_HELD, {"asked_nodes": of_order})
    pairs = [
        (user, order) for user in of_user for order in of_order if tree.related(tree.index(user), tree.index(order))
    ]
    if not pairs:
        return Statement(Code.NODES_APART, {"asked_nodes": of_order, "held_nodes": of_user})
    user, order = pairs[0]
    if user == order:
        return Statement(Code.SAME_NODE, {"node": user})
    # In preorder an ancestor comes before its descendants.
    if tree.index(user) > tree.index(order):
        return Statement(Code.USER_NODE_INSIDE, {"inner": user, "outer": order})
    return Statement(Code.ORDER_NODE_INSIDE, {"inner": order, "outer": user})


def _keywords_reasons(profile: Profile, query: Query, taxonomy: Taxonomy) -> tuple[Statement, ...]:  # noqa: ARG001
    hits = groups_hit(profile, query)
    counts = Statement(Code.GROUPS_HIT, {"hit": sum(hits), "all": len(hits), "needed": query.at_least})
    if sum(hits) >= query.at_least:
        return (counts,)
    if not profile.keywords:
        return counts, Statement(Code.NO_KEYWORD_HELD, {})
    wanted = {member.text for group in query.groups for member in group.members}
    idle = [word for word in profile.keywords if word not in wanted]
    missed = [group for group, hit in zip(query.groups, hits, strict=True) if not hit]
    if not idle:
        return (counts,)
    shown = most_alike(idle, missed)[:MOST_HELD_WORDS]
    return counts, Statement(Code.KEYWORDS_HELD, {"words": shown, "more": len(idle) - len(shown)})


def _industry_reasons(profile: Profile, query: Query, taxonomy: Taxonomy) -> tuple[Statement, ...]:
    return (_path_reason(taxonomy.industries, profile.industries, query.industries),)


def _region_reasons(profile: Profile, query: Query, taxonomy: Taxonomy) -> tuple[Statement, ...]:
    reasons: list[Statement] = []
    if query.regions:
        reasons.append(_path_reason(taxonomy.regions, profile.regions, query.regions))
    if query.near is not None:
        away_km = _distance(profile, (query.near.lat, query.near.lon))
        asked = {"radius_km": query.near.radius_km}
        if away_km is None:
            reasons.append(Statement(Code.PLACE_UNKNOWN, asked))
        else:
            reasons.append(Statement(Code.DISTANCE, {**asked, "away_km": round(away_km, 3)}))
    return tuple(reasons)


def _crowd_reasons(profile: Profile, query: Query, taxonomy: Taxonomy) -> tuple[Statement, ...]:  # noqa: ARG001
    shared = tuple(tag for tag in profile.crowds if tag in query.crowds)
    if shared:
        return (Statement(Code.CROWD_SHARED, {"tags": shared}),)
    if not profile.crowds:
        return (Statement(Code.NO_CROWD_HELD, {"asked": query.crowds}),)
    return (Statement(Code.CROWDS_APART, {"asked": query.crowds, "held": profile.crowds}),)


_REASONS: Final[dict[str, Callable[[Profile, Query, Taxonomy], tuple[Statement, ...]]]] = {
    "keywords": _keywords_reasons,
    "industry": _industry_reasons,
    "region": _region_reasons,
    "crowd": _crowd_reasons,
}
