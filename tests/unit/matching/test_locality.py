"""Users stand near each other by the smallest region that holds all of theirs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from matching.index.locality import locality_order
from matching.profiles import Profile
from matching.taxonomy import Tree
from tests.strategies import SMALL_TAXONOMY, STEADY
from tests.unit.matching.index_cases import TREES, Numbers

NODES = SMALL_TAXONOMY.regions


def _common(tree: Tree, codes: tuple[str, ...]) -> int:
    """The lowest node above all, or one of them, by plain sets."""
    lines = [{tree.index(code), *tree.ancestors(tree.index(code))} for code in codes]
    return max(set.intersection(*lines)) if lines else -1


@given(st.lists(st.lists(st.sampled_from(NODES.codes), unique=True, max_size=4), max_size=30))
@STEADY
def test_users_are_ordered_by_the_lowest_region_above_all_of_theirs(served: list[list[str]]) -> None:
    profiles = [Profile(id=number, regions=tuple(sorted(codes))) for number, codes in enumerate(served, 1)]
    columns = Numbers().encode(profiles)
    order = locality_order(columns, TREES.region_parents)
    common = [_common(NODES, profiles[row].regions) for row in order]
    assert sorted(order.tolist()) == list(range(len(profiles)))
    assert common == sorted(common)
    assert np.array_equal(order, locality_order(columns, TREES.region_parents))
