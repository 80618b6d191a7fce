"""Compiled queries against what their definition says, number by number."""

from itertools import pairwise
from math import isnan

from matching.compilation import (
    CROWD_NAMED,
    INDUSTRY_NAMED,
    KEYWORDS_NAMED,
    REGION_NAMED,
    CompiledBatch,
    compile_queries,
)
from matching.index.columns import CrowdIds
from matching.index.keys import (
    CROWD,
    INDUSTRY_BELOW,
    INDUSTRY_OWN,
    KEYWORD,
    REGION_BELOW,
    REGION_OWN,
    key_of,
)
from matching.query import Group, Member, Near, Query
from matching.taxonomy import Node, Taxonomy, Tree
from matching.vocabulary import Vocabulary
from tests.strategies import SMALL_TAXONOMY


def test_a_query_of_every_dimension() -> None:
    vocabulary, crowds = Vocabulary(), CrowdIds()
    vocabulary.add(["焊接", "电工", "木工"])
    crowds.add(["student", "veteran"])
    word = {text: key_of(KEYWORD, vocabulary.ids()[text]) for text in ("焊接", "电工", "木工")}
    groups = (
        Group((Member("焊接"), Member("电工"), Member("焊接"), Member("unheard")), 6),
        Group((Member("木工"),), 9),
        Group((Member("unheard"),), 15),
    )
    whole = Query(
        7, groups, 2, near=Near(1.0, 2.0, 3.0), crowds=("nobody", "veteran"), origin=(4.0, 5.0), exclude=(8, 9), limit=3
    )
    batch = compile_queries([whole, Query(8, regions=("440300",))], vocabulary, SMALL_TAXONOMY, crowds)
    assert batch.order_ids.tolist() == [7, 8]
    assert batch.plane_starts.tolist() == [0, 6, 9]
    assert batch.plane_weights.tolist() == [2, 3, 5, 0, 0, 0, 0, 0, 0]
    planes = _planes(batch)
    assert planes[:3] == [sorted([word["焊接"], word["电工"]]), [word["木工"]], []]
    assert planes[3:6] == [[], [], [key_of(CROWD, 1)]]
    assert planes[6] == planes[8] == []
    assert batch.named.tolist() == [KEYWORDS_NAMED | REGION_NAMED | CROWD_NAMED, REGION_NAMED]
    assert batch.at_least.tolist() == [2, 0]
    assert batch.near[0].tolist() == [1.0, 2.0, 3.0]
    assert batch.origin[0].tolist() == [4.0, 5.0]
    assert all(map(isnan, [*batch.near[1], *batch.origin[1]]))
    assert batch.exclude_starts.tolist() == [0, 2, 2]
    assert batch.excluded.tolist() == [8, 9]
    assert batch.limits.tolist() == [3, 500]


def test_a_node_asks_for_what_lies_below_it_and_for_each_node_above_it_once() -> None:
    tree = SMALL_TAXONOMY.industries
    query = Query(1, industries=("33", "3311", "C"))
    batch = compile_queries([query], Vocabulary(), SMALL_TAXONOMY, CrowdIds())
    nodes = [tree.index(code) for code in query.industries]
    above = {ancestor for node in nodes for ancestor in tree.ancestors(node)}
    assert batch.named.tolist() == [INDUSTRY_NAMED]
    assert _planes(batch)[0] == sorted(
        [key_of(INDUSTRY_BELOW, node) for node in nodes] + [key_of(INDUSTRY_OWN, node) for node in above]
    )


def test_a_replaced_tree_answers_with_its_own_numbers() -> None:
    root, south, north = Node("100000", ""), Node("440000", "100000"), Node("110000", "100000")
    for nodes, expected in (([root, south], 1), ([root, north, south], 2)):
        taxonomy = Taxonomy(Tree("region", nodes), SMALL_TAXONOMY.industries)
        for _ in range(2):
            batch = compile_queries([Query(1, regions=("440000",))], Vocabulary(), taxonomy, CrowdIds())
            assert _planes(batch)[1] == sorted([key_of(REGION_BELOW, expected), key_of(REGION_OWN, 0)])


def test_a_batch_of_nothing() -> None:
    batch = compile_queries([], Vocabulary(), SMALL_TAXONOMY, CrowdIds())
    assert len(batch) == 0
    assert batch.near.shape == (0, 3)
    assert batch.key_starts.tolist() == [0]


def _planes(batch: CompiledBatch) -> list[list[int]]:
    """Keys of each plane, ascending."""
    keys, starts = batch.keys.tolist(), batch.key_starts.tolist()
    return [sorted(keys[first:end]) for first, end in pairwise(starts)]
