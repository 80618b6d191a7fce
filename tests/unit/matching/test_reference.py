"""The oracle itself: small cases worked out by hand, one sentence of the contract each."""

import math
from typing import Any

import pytest

from matching.geometry import distance_km
from matching.profiles import parse_profile
from matching.query import Weights, parse_order, resolve
from matching.reference import Match, match
from matching.taxonomy import builtin_taxonomy
from tests.strategies import vocabulary_of

CENTRE = (22.54, 114.05)


def answer(profiles: list[dict[str, Any]], weights: Weights | None = None, **order: Any) -> Match:
    taxonomy = builtin_taxonomy()
    parsed = [parse_profile({"id": i} | document, taxonomy) for i, document in enumerate(profiles, start=1)]
    query = resolve(parse_order({"id": 1, "fuzzy": False} | order, taxonomy), vocabulary_of(parsed), taxonomy)
    return match(parsed, query, taxonomy, weights or Weights())


@pytest.mark.parametrize(
    ("user", "order", "hit"),
    [
        ("33", "33", True), ("C", "3311", True), ("3311", "C", True), ("331", "332", False), ("33", "34", False),
        ("C", "P", False), ("34", "3410", True),
    ],
)  # fmt: skip
def test_industries_hit_on_one_root_path(user: str, order: str, hit: bool) -> None:
    assert answer([{"industries": [user]}], industries=[order]).full_count == int(hit)


@pytest.mark.parametrize(
    ("user", "order", "hit"),
    [("440300", "440305", True), ("100000", "650000", True), ("650000", "100000", True), ("440300", "440100", False)],
)
def test_regions_hit_on_one_root_path(user: str, order: str, hit: bool) -> None:
    assert answer([{"regions": [user]}], regions=[order]).full_count == int(hit)


def test_a_user_without_a_region_is_not_everywhere() -> None:
    assert answer([{}], regions=["100000"]).full_count == 0


def test_the_edge_of_a_circle_belongs_to_it() -> None:
    place = (22.6, 114.1)
    radius_km = distance_km(*CENTRE, *place)
    near = {"lat": CENTRE[0], "lon": CENTRE[1], "radius_km": radius_km}
    assert answer([{"location": place}], near=near).full_count == 1
    assert answer([{"location": place}], near=near | {"radius_km": math.nextafter(radius_km, 0)}).full_count == 0
    assert answer([{"location": None}], near=near | {"radius_km": 20_038}).full_count == 0
    assert answer([{"location": [-22.54, -65.95]}], near=near | {"radius_km": 20_038}).full_count == 1


def test_regions_and_near_are_one_dimension() -> None:
    found = answer(
        [{"regions": ["310000"]}, {"location": CENTRE}, {"location": CENTRE, "regions": ["310000"]}, {}],
        regions=["310000"],
        near={"lat": CENTRE[0], "lon": CENTRE[1], "radius_km": 1},
    )
    assert [(user_id, score) for user_id, score, _ in found.full] == [(1, 2400), (2, 2400), (3, 2400)]


def test_tags_are_literal() -> None:
    assert answer([{"crowds": ["Student"]}], crowds=["student"]).full_count == 0


def test_score_is_graded_by_the_weights_of_groups_and_rounded_down() -> None:
    groups = [{"any": ["a"], "weight": 1}, {"any": ["b"], "weight": 6}]
    found = answer([{"keywords": ["a"]}, {"keywords": ["b"]}, {"keywords": ["a", "b"]}], keywords=groups)
    assert found.full == [(3, 4100, 120)]
    assert found.partial == [(2, 3514, 120), (1, 585, 120)]  # 4100*6/7 = 3514.28, 4100/7 = 585.71


def test_the_rule_counts_groups_not_weights() -> None:
    groups = [{"any": ["a"], "weight": 15}, "b", "c"]
    found = answer([{"keywords": ["a"]}, {"keywords": ["b", "c"]}], keywords=groups, keyword_rule={"at_least": 2})
    assert [row[0] for row in found.full] == [2]
    assert found.full[0][1] == 4100 * 2 // 17
    assert found.partial == [(1, 4100 * 15 // 17, 120)]


def test_a_hit_group_below_the_rule_scores_and_makes_partial() -> None:
    found = answer([{"keywords": ["a"], "crowds": ["x"]}, {}], keywords=["a", "b"], crowds=["x"])
    assert (found.full, found.partial) == ([], [(1, 1500 + 2050, 120)])
    assert found.dimension_counts == {"keywords": 0, "crowd": 1}


def test_tie_falls_by_one_every_four_kilometres_and_at_most_255() -> None:
    def tie_at(place: object) -> int:
        return answer([{"location": place, "rating": 100, "crowds": ["x"]}], crowds=["x"], origin=[0, 0]).full[0][2]

    degree_km = distance_km(0, 0, 0, 1)
    assert degree_km == pytest.approx(math.pi * 6371.0088 / 180, abs=1e-9)
    assert tie_at([0, 0]) == 200
    assert tie_at([0, 3.9 / degree_km]) == 200
    assert tie_at([0, 4.1 / degree_km]) == 199
    assert tie_at([0, 1019 / degree_km]) == 200 - 254
    assert tie_at([0, 1021 / degree_km]) == 200 - 255
    assert tie_at([0, 180]) == 200 - 255
    assert tie_at(None) == 200 - 255


def test_order_of_results() -> None:
    users: list[dict[str, Any]] = [
        {"id": 7, "crowds": ["x"]}, {"id": 3, "crowds": ["x"]}, {"id": 5, "crowds": ["x"], "rating": 61},
        {"id": 4, "keywords": ["a"], "rating": 0},
    ]  # fmt: skip
    found = answer(users, keywords=["a"], crowds=["x"])
    assert found.partial == [(4, 4100, 0), (5, 1500, 122), (3, 1500, 120), (7, 1500, 120)]


def test_unavailable_and_excluded_users_are_in_no_result_and_no_count() -> None:
    users: list[dict[str, Any]] = [{"crowds": ["x"]}, {"crowds": ["x"], "available": False}, {"crowds": ["x"]}]
    found = answer(users, crowds=["x"], keywords=["a"], exclude=[3, 99])
    assert (found.full_count, found.partial_count, found.dimension_counts) == (0, 1, {"keywords": 0, "crowd": 1})


def test_a_limit_cuts_lists_and_not_counts() -> None:
    found = answer(
        [{"crowds": ["x"], "keywords": ["a"][i % 2 :]} for i in range(9)], crowds=["x"], keywords=["a"], limit=2
    )
    assert (found.full_count, found.partial_count) == (5, 4)
    assert [row[0] for row in found.full] == [1, 3]
    assert [row[0] for row in found.partial] == [2, 4]


def test_other_weights() -> None:
    weights = Weights(keywords=8, industry=4, region=2, crowd=1)
    user = {"keywords": ["a"], "industries": ["C"], "regions": ["440000"], "crowds": ["x"]}
    found = answer([user], weights, keywords=["a"], industries=["33"], regions=["440300"], crowds=["x"])
    assert found.full == [(1, 15, 120)]
