"""The naive oracle: the contract of matching, written down sentence by sentence, with no index and no cleverness.

Every faster path must give exactly this. It is not for large inputs.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from matching.geometry import distance_km
from matching.profiles import Profile
from matching.query import DEFAULT_WEIGHTS, Query, Weights
from matching.taxonomy import Taxonomy, Tree

Ranked = tuple[int, int, int]
"""User id, score, tie."""


@dataclass(frozen=True, slots=True)
class Match:
    """The answer to one query: whole counts, lists cut at the limit of the query.

    ``dimension_counts`` says for every named dimension how many users satisfy it, among the available users who are
    not excluded.
    """

    order: int
    full_count: int
    partial_count: int
    full: list[Ranked]
    partial: list[Ranked]
    dimension_counts: dict[str, int] = field(default_factory=dict)


def match(profiles: Iterable[Profile], query: Query, taxonomy: Taxonomy, weights: Weights = DEFAULT_WEIGHTS) -> Match:
    """Return who fits ``query``, ranked: score descending, tie descending, id ascending, within each tier."""
    named = query.dimensions()
    full: list[Ranked] = []
    partial: list[Ranked] = []
    counts = dict.fromkeys(named, 0)
    excluded = set(query.exclude)
    for profile in profiles:
        if not profile.available or profile.id in excluded:
            continue
        satisfied = satisfied_dimensions(profile, query, taxonomy)
        for dimension in satisfied:
            counts[dimension] += 1
        ranked = (profile.id, score(profile, query, taxonomy, weights), tie(profile, query))
        if all(dimension in satisfied for dimension in named):
            full.append(ranked)
        elif satisfied or any(groups_hit(profile, query)):
            partial.append(ranked)
    full.sort(key=_rank)
    partial.sort(key=_rank)
    return Match(
        order=query.id,
        full_count=len(full),
        partial_count=len(partial),
        full=full[: query.limit],
        partial=partial[: query.limit],
        dimension_counts=counts,
    )


def _rank(ranked: Ranked) -> tuple[int, int, int]:
    user_id, its_score, its_tie = ranked
    return -its_score, -its_tie, user_id


def satisfied_dimensions(profile: Profile, query: Query, taxonomy: Taxonomy) -> list[str]:
    """Return the named dimensions that the user satisfies."""
    satisfied: list[str] = []
    if query.groups and sum(groups_hit(profile, query)) >= query.at_least:
        satisfied.append("keywords")
    if on_one_path(taxonomy.industries, profile.industries, query.industries):
        satisfied.append("industry")
    if on_one_path(taxonomy.regions, profile.regions, query.regions) or is_near(profile, query):
        satisfied.append("region")
    if any(tag in query.crowds for tag in profile.crowds):
        satisfied.append("crowd")
    return satisfied


def groups_hit(profile: Profile, query: Query) -> list[bool]:
    """Say for each keyword group whether the user holds any of its members."""
    return [any(member.text in profile.keywords for member in group.members) for group in query.groups]


def on_one_path(tree: Tree, of_user: Iterable[str], of_order: Iterable[str]) -> bool:
    """Say whether a user's node and an order's node are equal, or one is above the other."""
    wanted = set(of_order)
    return any(user in path(tree, order) or order in path(tree, user) for user in of_user for order in wanted)


def path(tree: Tree, code: str) -> list[str]:
    """Return ``code`` and every code above it."""
    node = tree.index(code)
    codes = [code]
    while tree.parents[node] >= 0:
        node = tree.parents[node]
        codes.append(tree.codes[node])
    return codes


def is_near(profile: Profile, query: Query) -> bool:
    """Say whether the user's location is within the circle, its edge included."""
    if query.near is None or profile.location is None:
        return False
    return distance_km(query.near.lat, query.near.lon, *profile.location) <= query.near.radius_km


def score(profile: Profile, query: Query, taxonomy: Taxonomy, weights: Weights = DEFAULT_WEIGHTS) -> int:
    """Return the weights of the satisfied dimensions, the keywords' by the weight of the groups hit."""
    satisfied = satisfied_dimensions(profile, query, taxonomy)
    total = 0
    if "industry" in satisfied:
        total += weights.industry
    if "region" in satisfied:
        total += weights.region
    if "crowd" in satisfied:
        total += weights.crowd
    if query.groups:
        hit = sum(g.weight for g, is_hit in zip(query.groups, groups_hit(profile, query), strict=True) if is_hit)
        total += weights.keywords * hit // sum(group.weight for group in query.groups)
    return total


def tie(profile: Profile, query: Query) -> int:
    """Return 2 * rating less a step for every 4 km between the user and the origin, at most 255."""
    if query.origin is None:
        return 2 * profile.rating
    if profile.location is None:
        return 2 * profile.rating - 255
    return 2 * profile.rating - min(255, int(distance_km(*query.origin, *profile.location) / 4))
