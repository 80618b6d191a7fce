"""What is typed into a preview becomes an order document, and what comes back is said without telling too much."""

import json
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from api.pages.formats import Formats
from api.pages.language import locale_of
from api.pages.preview_form import PreviewForm, place_of, read_form
from api.pages.preview_views import preview_view
from api.previews import Gain, Preview, Rounded
from marketplace.dispatch import DEFAULT
from matching.query import Query
from matching.taxonomy import builtin_taxonomy

TAXONOMY = builtin_taxonomy()
FORM = Formats(locale_of("en"), ZoneInfo("Asia/Shanghai"), 0)


def test_lines_are_groups_and_slashes_part_words() -> None:
    typed = PreviewForm(keywords=" 氩弧焊工 / 电焊工 \n\n钢结构//\n", keyword_rule="at_least", at_least=" 2 ")
    read = read_form(typed, TAXONOMY)
    assert read.problems == {}
    assert read.document["keywords"] == [["氩弧焊工", "电焊工"], ["钢结构"]]
    assert read.document["keyword_rule"] == {"at_least": 2}


def test_an_empty_form_names_nothing() -> None:
    assert read_form(PreviewForm(fuzzy=False), TAXONOMY).document == {"fuzzy": False}


@pytest.mark.parametrize(
    ("typed", "codes"),
    [
        ("310115", ["310115"]),
        ("浦东新区", ["310115"]),
        ("上海市 浦东新区", ["310115"]),
        ("浦东新，江苏省", ["310115", "320000"]),
        ("江苏、浙江；江苏\n上海", ["320000", "330000", "310000"]),
        ("北京市", ["110000"]),
    ],
)
def test_regions_are_taken_by_code_full_name_and_short_name(typed: str, codes: list[str]) -> None:
    read = read_form(PreviewForm(regions=typed), TAXONOMY)
    assert (read.problems, read.document.get("regions")) == ({}, codes)


def test_a_name_of_several_places_asks_for_a_code() -> None:
    problem = read_form(PreviewForm(regions="鼓楼区"), TAXONOMY).problems["regions"]
    codes = problem.parameters["codes"].split(", ")
    assert len(codes) > 1
    assert all(code in TAXONOMY.regions for code in codes)


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("keywords[3].any[0]", "keywords"),
        ("near.lat", "near"),
        ("keyword_rule.at_least", "keyword_rule"),
        ("id", "order"),
    ],
)
def test_a_refused_field_has_its_place_in_the_form(field: str, place: str) -> None:
    assert place_of(field) == place


FOUND = Preview(
    full=Rounded(about=4_500),
    partial=Rounded(below=10),
    dimensions={"region": Rounded(about=12_000)},
    gains=[
        Gain("widen", "region", "上海市", ("310000",), Rounded(about=5_600), Rounded(about=1_100)),
        Gain("drop", "keywords", "焊接", (), Rounded(about=4_500), Rounded(below=10)),
        Gain("drop", "keywords", "电工", (), Rounded(about=90), Rounded(below=10)),
        Gain("widen", "keywords", "2 -> 1", (), Rounded(about=4_500), Rounded(below=10)),
    ],
    extracted=(),
    query=json.loads(Query(1, regions=("310115",)).to_json()),
    nobody_full=False,
    nobody=False,
)


def test_gains_are_said_in_words_and_drawn_by_what_may_be_told() -> None:
    view = preview_view(FOUND, DEFAULT, TAXONOMY, FORM, "en")
    assert (view.full, view.partial, view.dimensions) == ("4,500", "<10", [("Region", "12,000")])
    assert [(row.label, row.gain, row.full) for row in view.gains] == [
        ("Widened to 上海市", "+1,100", "5,600"),
        ("Without 焊接", "hardly any more", "4,500"),
        ("Without 电工", "fewer than now", "90"),
        ("Any one keyword group is enough", "hardly any more", "4,500"),
    ]
    assert [bar["value"] for bar in view.chart] == [1_100, 0, 0, 0]
    assert view.regions[0].code == "310115"


def test_the_pace_is_the_policys() -> None:
    policy = replace(DEFAULT, wave_size=1_000, wave_interval_ms=60_000, full_limit=3_000)
    pace = preview_view(FOUND, policy, TAXONOMY, FORM, "en").pace
    assert (pace.waves, pace.last) == (3, "2 min")
    few = replace(FOUND, full=Rounded(below=10))
    assert preview_view(few, policy, TAXONOMY, FORM, "en").pace.waves == 1
