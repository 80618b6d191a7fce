"""The drawn orders: what they name, how large their answers are, where their words come from."""

from collections import Counter

from benchmarks.matching.contest import Operation
from benchmarks.matching.engine import Engine
from benchmarks.matching.orders import BUCKETS, OrderDraw, bucket_of, draw_workload, sample_evenly
from quanwang.demonstration.titles import split_titles
from tests.unit.benchmarks.conftest import ORDERS, USERS, Town


def test_the_size_of_an_answer_decides_its_bucket() -> None:
    edges = {0: 0, 1: 1, 100: 1, 101: 2, 10_000: 2, 10_001: 3, 1_000_000: 3}
    assert {size: bucket_of(size) for size in edges} == edges
    assert len(BUCKETS) == 4


def test_sizes_and_rules_have_fixed_shares(town: Town) -> None:
    counts = Counter(zip(town.workload.rules, town.workload.buckets, strict=True))
    for rule in ("any", "all"):
        assert sum(number for (its, _), number in counts.items() if its == rule) == ORDERS // 2
        assert counts[rule, 0] >= 8
        assert counts[rule, 1] >= 32
        assert counts[rule, 2] >= 8
    assert all(query.limit == 500 for query in town.workload.queries)


def test_orders_name_all_that_is_measured(town: Town) -> None:
    queries = town.workload.queries
    assert any(query.near and query.regions for query in queries)
    for name in ("near", "regions", "industries", "crowds", "exclude", "origin"):
        assert 0 < sum(bool(getattr(query, name)) for query in queries) < len(queries), name
    assert all(5 <= query.near.radius_km <= 50 for query in queries if query.near)
    assert any(group.weight > 1 for query in queries for group in query.groups)


def test_the_known_sizes_are_right(town: Town) -> None:
    assert [len(truth.full_ids) for truth in town.truths] == list(town.workload.full_counts)


def test_the_same_seed_draws_the_same_orders(town: Town) -> None:
    again = draw_workload(town.world, Engine(town.world, [town.columns]), ORDERS, USERS)
    assert again == town.workload


def test_no_title_is_behind_both_orders_and_profiles(town: Town) -> None:
    of_orders, of_profiles = split_titles()
    assert not {title.text for title in of_orders} & {title.text for title in of_profiles}
    assert OrderDraw(town.world, USERS).document(1, "any") == OrderDraw(town.world, USERS).document(1, "any")


def test_operations_divide_orders_by_rule(town: Town) -> None:
    any_rows, all_rows = (set(town.workload.rows(op)) for op in (Operation.FULL_ANY, Operation.FULL_ALL))
    assert not any_rows & all_rows
    assert any_rows | all_rows == set(town.workload.rows(Operation.PARTIAL))


def test_a_sample_takes_every_kind_of_order(town: Town) -> None:
    rows = sample_evenly(town.workload, range(ORDERS), 12)
    assert len(rows) == len(set(rows)) == 12
    kinds = {(town.workload.rules[row], town.workload.buckets[row]) for row in rows}
    assert kinds == set(zip(town.workload.rules, town.workload.buckets, strict=True))
    assert sample_evenly(town.workload, range(5), 50) == [0, 1, 2, 3, 4]
