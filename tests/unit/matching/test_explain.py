"""An explanation says what the reference decides, and its suggested changes really make a full fit."""

import dataclasses
import json
from typing import Any

from hypothesis import given, settings

from matching.explain import explain
from matching.profiles import Profile, parse_profile
from matching.query import Query, parse_order, resolve
from matching.reference import match
from matching.synonyms import Synonyms
from matching.taxonomy import builtin_taxonomy
from matching.vocabulary import Vocabulary
from tests.strategies import SMALL_TAXONOMY, STEADY, cases


def asked(**document: Any) -> Query:
    known = Vocabulary(Synonyms([("焊接", "烧焊")]))
    return resolve(parse_order({"id": 1, **document}, builtin_taxonomy()), known, builtin_taxonomy())


def user(**document: Any) -> Profile:
    return parse_profile({"id": 5, **document}, builtin_taxonomy())


@given(cases())
@settings(STEADY, max_examples=100)
def test_says_what_the_reference_says(case: tuple[list[Profile], list[Query]]) -> None:
    profiles, queries = case
    for query in queries:
        answer = match(profiles, dataclasses.replace(query, limit=100_000), SMALL_TAXONOMY)
        rows = {row[0]: ("full", *row[1:]) for row in answer.full} | {
            row[0]: ("partial", *row[1:]) for row in answer.partial
        }
        for profile in profiles:
            found = explain(profile, query, SMALL_TAXONOMY)
            assert found.tier == rows.get(profile.id, ("none",))[0]
            if found.tier != "none":
                assert (found.tier, found.score, found.tie) == rows[profile.id]
            assert sum(finding.score for finding in found.dimensions) == found.score
            assert bool(found.changes) == any(not finding.satisfied for finding in found.dimensions)
            assert all(group.hit == bool(group.by) for group in found.groups)
            json.dumps(found.to_document(), allow_nan=False)


def test_names_the_word_that_hit_and_how() -> None:
    found = explain(user(keywords=["烧焊"]), asked(keywords=["焊接", "电工"], keyword_rule="any"), builtin_taxonomy())
    assert [(m.text, m.kind, m.similarity, m.of) for m in found.groups[0].by] == [("烧焊", "synonym", 100, "焊接")]
    assert (found.groups[1].hit, found.groups[1].asked) == (False, ("电工",))
    assert found.dimensions[0].reason == "1 of 2 groups are hit, 1 needed"
    assert found.dimensions[0].score == 2050


def test_says_why_a_path_hits_or_misses() -> None:
    query = asked(regions=["440305"], industries=["33"], crowds=["student"])
    found = explain(user(regions=["440300"], industries=["P"], crowds=["veteran"]), query, builtin_taxonomy())
    assert [finding.reason for finding in found.dimensions] == [
        "asked for 金属制品业 (33); the user has 教育 (P)",
        "the order's 南山区 (440305) lies in 深圳市 (440300)",
        "asked for student; the user has veteran",
    ]


def test_changes_would_make_a_full_fit() -> None:
    near = {"lat": 22.54, "lon": 114.05, "radius_km": 5}
    query = asked(keywords=["焊接", "电工", "翻译"], industries=["3311"], near=near, crowds=["student"])
    profile = user(keywords=["焊接"], industries=["3411"], location=[22.7, 114.05], crowds=["veteran"])
    found = explain(profile, query, builtin_taxonomy())
    changes = {change.dimension: (change.user, change.order) for change in found.changes}
    assert changes == {
        "keywords": ("hold 电工 and 翻译", "ask for at least 1"),
        "industry": ("name 3311 (3311)", "ask for 制造业 (C)"),
        "region": ("be 12.792 km nearer", "ask within 17.792 km"),
        "crowd": ("be one of student", "ask for veteran too"),
    }
    widened = asked(
        keywords=["焊接", "电工", "翻译"], keyword_rule={"at_least": 1}, industries=["C"],
        near=near | {"radius_km": 17.792}, crowds=["student", "veteran"],
    )  # fmt: skip
    assert explain(profile, widened, builtin_taxonomy()).tier == "full"
    assert found.near_km is not None
    assert 17.791 < found.near_km <= 17.792


def test_who_is_closed_is_told_why() -> None:
    query = asked(crowds=["student"], exclude=[5])
    assert explain(user(crowds=["student"]), query, builtin_taxonomy()).closed_by == "the order excludes the user"
    found = explain(user(crowds=["student"], available=False), asked(crowds=["student"]), builtin_taxonomy())
    assert (found.tier, found.closed_by, found.changes) == ("none", "the user is not available", ())


def test_distances() -> None:
    query = asked(crowds=["x"], origin=[22.54, 114.05])
    assert explain(user(), query, builtin_taxonomy()).distance_km is None
    away_km = explain(user(location=[22.54, 114.06]), query, builtin_taxonomy()).distance_km
    assert away_km is not None
    assert round(away_km, 3) == 1.027
