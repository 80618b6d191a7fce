"""The smallest changes that would satisfy a missing dimension, on the user's side and on the order's."""

from collections.abc import Callable, Iterable
from math import ceil
from typing import Final

from matching.geometry import distance_km
from matching.members import Group
from matching.profiles import Profile
from matching.query import Query
from matching.reference import groups_hit
from matching.statements import Code, Statement
from matching.taxonomy import Taxonomy, Tree

MOST_WORDS: Final = 3
"""Of the user's keywords that the order could name, so many are given as examples."""

Changes = tuple[Statement, ...]


def most_alike(words: Iterable[str], groups: Iterable[Group]) -> tuple[str, ...]:
    """Return words by how many different characters they share with those of keyword groups, the most alike first."""
    characters = {character for group in groups for member in group.members for character in member.text}
    return tuple(sorted(words, key=lambda word: -len(characters.intersection(word))))


def user_changes(dimension: str, profile: Profile, query: Query, taxonomy: Taxonomy) -> Changes:
    """Return what the user could change, the smallest first; each is enough for a dimension that is not satisfied."""
    return _OF_USER[dimension](profile, query, taxonomy)


def order_changes(dimension: str, profile: Profile, query: Query, taxonomy: Taxonomy) -> Changes:
    """Return what the order could change, the smallest first; each is enough for a dimension that is not satisfied.

    Leaving the dimension out is offered only when nothing smaller is there, and when the order names another one.
    """
    return _OF_ORDER[dimension](profile, query, taxonomy) or (_without(dimension, query),)


def _without(dimension: str, query: Query) -> Statement:
    if len(query.dimensions()) > 1:
        return Statement(Code.NAME_NOTHING, {"dimension": dimension})
    return Statement(Code.NOTHING_ELSE, {})


def _user_keywords(profile: Profile, query: Query, taxonomy: Taxonomy) -> Changes:  # noqa: ARG001
    hits = groups_hit(profile, query)
    missed = tuple(group.members[0].text for group, hit in zip(query.groups, hits, strict=True) if not hit)
    return (Statement(Code.HOLD_KEYWORDS, {"words": missed, "count": query.at_least - sum(hits)}),)


def _order_keywords(profile: Profile, query: Query, taxonomy: Taxonomy) -> Changes:  # noqa: ARG001
    hit = sum(groups_hit(profile, query))
    if hit:
        return (Statement(Code.NEED_FEWER_GROUPS, {"count": hit}),)
    # A rule of none at all does not exist: who hits no group needs other keywords, not another rule.
    if len(profile.keywords) < query.at_least:
        return ()
    words = most_alike(profile.keywords, query.groups)[: max(MOST_WORDS, query.at_least)]
    return (Statement(Code.NAME_HELD_KEYWORDS, {"count": query.at_least, "words": words}),)


def _user_industry(profile: Profile, query: Query, taxonomy: Taxonomy) -> Changes:
    _, order = _closest(taxonomy.industries, profile.industries, query.industries)
    return (Statement(Code.NAME_INDUSTRY, {"node": order}),)


def _order_industry(profile: Profile, query: Query, taxonomy: Taxonomy) -> Changes:
    return _nodes_of_order(taxonomy.industries, profile.industries, query.industries)


def _user_region(profile: Profile, query: Query, taxonomy: Taxonomy) -> Changes:
    changes: list[Statement] = []
    if query.regions:
        _, order = _closest(taxonomy.regions, profile.regions, query.regions)
        changes.append(Statement(Code.SERVE_REGION, {"node": order}))
    if query.near is not None:
        away_km = _away_km(profile, query)
        if away_km is None:
            changes.append(Statement(Code.BE_WITHIN, {"radius_km": query.near.radius_km}))
        else:
            changes.append(Statement(Code.COME_NEARER, {"nearer_km": _metres_up(away_km - query.near.radius_km)}))
    return tuple(changes)


def _order_region(profile: Profile, query: Query, taxonomy: Taxonomy) -> Changes:
    changes: list[Statement] = []
    away_km = _away_km(profile, query)
    if away_km is not None:
        changes.append(Statement(Code.WIDEN_RADIUS, {"radius_km": _metres_up(away_km)}))
    if query.regions:
        changes += _nodes_of_order(taxonomy.regions, profile.regions, query.regions)
    elif profile.regions and away_km is None:
        changes.append(Statement(Code.ADD_NODE, {"node": profile.regions[0]}))
    return tuple(changes)


def _user_crowd(profile: Profile, query: Query, taxonomy: Taxonomy) -> Changes:  # noqa: ARG001
    return (Statement(Code.JOIN_CROWD, {"tags": query.crowds}),)


def _order_crowd(profile: Profile, query: Query, taxonomy: Taxonomy) -> Changes:  # noqa: ARG001
    return (Statement(Code.ADD_CROWD, {"tag": profile.crowds[0]}),) if profile.crowds else ()


def _nodes_of_order(tree: Tree, of_user: tuple[str, ...], of_order: tuple[str, ...]) -> Changes:
    """Ask for the user's own node too, or for the deepest node above his and the order's, unless that is everything."""
    if not of_user:
        return ()
    user, order = _closest(tree, of_user, of_order)
    changes = [Statement(Code.ADD_NODE, {"node": user})]
    shared = _shared(tree, user, order)
    if shared is not None and not (tree.kind == "region" and tree.depths[shared] == 0):
        changes.append(Statement(Code.WIDEN_NODE, {"node": tree.codes[shared]}))
    return tuple(changes)


def _closest(tree: Tree, of_user: tuple[str, ...], of_order: tuple[str, ...]) -> tuple[str, str]:
    """Return the user's node and the order's that share the deepest node; without a user's, the order's first."""
    if not of_user:
        return "", of_order[0]

    def depth(pair: tuple[str, str]) -> int:
        shared = _shared(tree, *pair)
        return -1 if shared is None else tree.depths[shared]

    return max(((user, order) for user in of_user for order in of_order), key=depth)


def _shared(tree: Tree, user: str, order: str) -> int | None:
    """Return the deepest node above both."""
    both = set(tree.ancestors(tree.index(user))) & set(tree.ancestors(tree.index(order)))
    return max(both, key=lambda node: tree.depths[node], default=None)


def _away_km(profile: Profile, query: Query) -> float | None:
    if query.near is None or profile.location is None:
        return None
    return distance_km(query.near.lat, query.near.lon, *profile.location)


def _metres_up(kilometres: float) -> float:
    """Return kilometres rounded up to a metre, so that a circle asked for in these words holds the user."""
    return ceil(kilometres * 1000) / 1000


_OF_USER: Final[dict[str, Callable[[Profile, Query, Taxonomy], Changes]]] = {
    "keywords": _user_keywords,
    "industry": _user_industry,
    "region": _user_region,
    "crowd": _user_crowd,
}
_OF_ORDER: Final[dict[str, Callable[[Profile, Query, Taxonomy], Changes]]] = {
    "keywords": _order_keywords,
    "industry": _order_industry,
    "region": _order_region,
    "crowd": _order_crowd,
}
