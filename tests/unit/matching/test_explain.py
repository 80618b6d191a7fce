"""An explanation says what the reference decides, and its suggested changes really make a full fit."""

import dataclasses
import json
from typing import Any

from hypothesis import given, settings

from matching.explain import explain
from matching.geometry import distance_km
from matching.members import Group, Member
from matching.profiles import Profile, parse_profile
from matching.query import Query, parse_order, resolve
from matching.reference import match, satisfied_dimensions
from matching.statements import Code, Statement
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
        "industry": ("name 3311 (3311)", "ask for 3411 (3411) too; or ask for 制造业 (C)"),
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


def test_a_region_is_mended_by_the_smallest_change_first() -> None:
    """The user's own region beside the order's; never the whole country."""
    query = asked(regions=["310115", "440304"], crowds=["student"])

    def order_changes(*regions: str) -> list[tuple[str, object]]:
        found = explain(user(regions=list(regions), crowds=["student"]), query, builtin_taxonomy())
        return [(change.code, change.parameters.get("node")) for change in found.changes[0].order_changes]

    assert order_changes("110105") == [("add_node", "110105")]
    assert order_changes("110105", "440305") == [("add_node", "440305"), ("widen_node", "440300")]
    assert order_changes() == [("name_nothing", None)]
    found = explain(user(regions=["110105", "440305"], crowds=["student"]), query, builtin_taxonomy())
    assert found.changes[0].user == "serve 福田区 (440304)", "the one that is nearest to what he serves"
    assert found.changes[0].order == "ask for 南山区 (440305) too; or ask for 深圳市 (440300)"


def test_where_keywords_are_missed_it_says_what_the_user_holds() -> None:
    """A few, those most like the missed ones first, and none of those that hit."""
    words = ["会计", "税务", "焊工", "搬运", "保洁", "驾驶", "导游", "翻译", "电焊"]
    found = explain(user(keywords=words), asked(keywords=["焊接", "电焊"]), builtin_taxonomy())
    assert found.dimensions[0].reason == (
        "1 of 2 groups are hit, 2 needed; the user holds 焊工, 会计, 保洁, 导游, 搬运, 税务 and 2 more"
    )
    assert found.dimensions[0].reasons[1] == Statement(
        Code.KEYWORDS_HELD, {"words": ("焊工", "会计", "保洁", "导游", "搬运", "税务"), "more": 2}
    )
    enough = explain(user(keywords=words), asked(keywords=["焊接", "电焊"], keyword_rule="any"), builtin_taxonomy())
    assert enough.dimensions[0].reason == "1 of 2 groups are hit, 1 needed"
    nobody = explain(user(), asked(keywords=["焊接"]), builtin_taxonomy())
    assert nobody.dimensions[0].reason == "0 of 1 groups are hit, 1 needed; the user holds no keyword"
    assert nobody.changes[0].order == "nothing, for it asks for nothing else"


def test_words_that_look_like_the_sentence_stay_one_word_each() -> None:
    """Programs read the statements: a tag with commas, quotes or the words of a sentence in it changes nothing."""
    odd = "a; or asked for x, y; the user has z"
    found = explain(user(crowds=[odd]), asked(crowds=["b, c", "d"]), builtin_taxonomy())
    assert found.dimensions[0].reasons == (Statement(Code.CROWDS_APART, {"asked": ("b, c", "d"), "held": (odd,)}),)
    assert found.changes[0].order_changes == (Statement(Code.ADD_CROWD, {"tag": odd}),)


@given(cases(most_profiles=6, most_orders=3))
@settings(STEADY, max_examples=200)
def test_every_change_is_enough_for_its_dimension(case: tuple[list[Profile], list[Query]]) -> None:
    profiles, queries = case
    for profile in profiles:
        for query in queries:
            for change in explain(profile, query, SMALL_TAXONOMY).changes:
                assert change.user_changes
                assert change.order_changes
                for statement in change.user_changes:
                    changed = user_with(profile, query, statement)
                    if changed is not None:
                        assert change.dimension in satisfied_dimensions(changed, query, SMALL_TAXONOMY)
                for statement in change.order_changes:
                    asking = order_with(query, profile, statement)
                    if asking is not None:
                        now = satisfied_dimensions(profile, asking, SMALL_TAXONOMY)
                        assert change.dimension in now or change.dimension not in asking.dimensions()


def user_with(profile: Profile, query: Query, statement: Statement) -> Profile | None:
    """The user after the change; None where the change names no single new profile."""
    given: Any = statement.parameters
    match statement.code:
        case Code.HOLD_KEYWORDS:
            return dataclasses.replace(profile, keywords=(*profile.keywords, *given["words"][: given["count"]]))
        case Code.NAME_INDUSTRY:
            return dataclasses.replace(profile, industries=(*profile.industries, given["node"]))
        case Code.SERVE_REGION:
            return dataclasses.replace(profile, regions=(*profile.regions, given["node"]))
        case Code.BE_WITHIN:
            assert query.near is not None
            return dataclasses.replace(profile, location=(query.near.lat, query.near.lon))
        case Code.JOIN_CROWD:
            return dataclasses.replace(profile, crowds=(*profile.crowds, given["tags"][-1]))
        case Code.COME_NEARER:
            assert query.near is not None
            assert profile.location is not None
            away_km = distance_km(query.near.lat, query.near.lon, *profile.location)
            assert 0 <= query.near.radius_km - (away_km - given["nearer_km"]) <= 0.0011
            return None
    raise AssertionError(f"{statement} is no change of a user")


def order_with(query: Query, profile: Profile, statement: Statement) -> Query | None:
    """The order after the change; None where it would have to be another order."""
    given: Any = statement.parameters
    match statement.code:
        case Code.NEED_FEWER_GROUPS:
            return dataclasses.replace(query, at_least=given["count"])
        case Code.NAME_HELD_KEYWORDS:
            assert set(given["words"]) <= set(profile.keywords)
            added = [Group((Member(word),)) for word in given["words"][: given["count"]]]
            return dataclasses.replace(query, groups=(*query.groups, *added))
        case Code.ADD_NODE | Code.WIDEN_NODE:
            if given["node"] in SMALL_TAXONOMY.industries:
                return dataclasses.replace(query, industries=(*query.industries, given["node"]))
            return dataclasses.replace(query, regions=(*query.regions, given["node"]))
        case Code.WIDEN_RADIUS:
            assert query.near is not None
            return dataclasses.replace(query, near=dataclasses.replace(query.near, radius_km=given["radius_km"]))
        case Code.ADD_CROWD:
            return dataclasses.replace(query, crowds=(*query.crowds, given["tag"]))
        case Code.NAME_NOTHING:
            assert len(query.dimensions()) > 1
            empty: dict[str, dict[str, Any]] = {
                "keywords": {"groups": (), "at_least": 0},
                "industry": {"industries": ()},
                "region": {"regions": (), "near": None},
                "crowd": {"crowds": ()},
            }
            return dataclasses.replace(query, **empty[given["dimension"]])
        case Code.NOTHING_ELSE:
            assert len(query.dimensions()) == 1
            return None
    raise AssertionError(f"{statement} is no change of an order")


def test_who_is_closed_is_told_why() -> None:
    query = asked(crowds=["student"], exclude=[5])
    assert explain(user(crowds=["student"]), query, builtin_taxonomy()).closed_by == "the order excludes the user"
    found = explain(user(crowds=["student"], available=False), asked(crowds=["student"]), builtin_taxonomy())
    assert (found.tier, found.closed_by, found.changes) == ("none", "the user is not available", ())
    assert found.closed == Statement(Code.UNAVAILABLE, {})


def test_distances() -> None:
    query = asked(crowds=["x"], origin=[22.54, 114.05])
    assert explain(user(), query, builtin_taxonomy()).distance_km is None
    away_km = explain(user(location=[22.54, 114.06]), query, builtin_taxonomy()).distance_km
    assert away_km is not None
    assert round(away_km, 3) == 1.027
