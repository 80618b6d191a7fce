"""What is counted to say how many users a query reaches, and how many it would with one of its keys changed."""

from dataclasses import replace

from matching.orders import MAX_RADIUS_KM
from matching.query import Query
from matching.taxonomy import Taxonomy, Tree

WIDER_RADIUS = 2.0

FULL_NOW, ANYTHING = 0, 1
OF_DIMENSION = 2
LEAST_ONE = 6
INDUSTRY_DROPPED, INDUSTRY_WIDENED = 7, 8
REGIONS_DROPPED, REGIONS_WIDENED, CIRCLE_DROPPED, CIRCLE_WIDENED = 9, 10, 11, 12
CROWD_DROPPED = 13
GROUP_DROPPED = 14
COLUMNS = 30
"""Columns of the counts, all of users who are available and not excluded: the full tier; both tiers together; who
satisfies each dimension (OF_DIMENSION + its place in matching.compilation.DIMENSIONS); and the full tier if the query
asked for one group at least, or had one key dropped or widened (matching.reach.widened), or had no group g
(GROUP_DROPPED + g; of the others as many are needed as before, or all of them). A column means nothing where the query
has no such key, or no dimension without it."""


def widened(query: Query, taxonomy: Taxonomy) -> Query:
    """The industries and regions of a query one level up, a root staying as it is, its circle of twice the radius; and
    nothing else of it.
    """
    return Query(
        id=query.id,
        industries=_parents(taxonomy.industries, query.industries),
        regions=_parents(taxonomy.regions, query.regions),
        near=query.near and replace(query.near, radius_km=min(MAX_RADIUS_KM, query.near.radius_km * WIDER_RADIUS)),
    )


def _parents(tree: Tree, codes: tuple[str, ...]) -> tuple[str, ...]:
    above = (tree.parents[tree.index(code)] for code in codes)
    return tuple(sorted({tree.codes[up] if up >= 0 else code for up, code in zip(above, codes, strict=True)}))
