"""Both languages say everything: catalogues against templates, matching's codes against the messages."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from hypothesis import given, settings

from api.pages.explanation_sentences import MESSAGES, Teller
from api.pages.explanation_views import explanation_view
from api.pages.language import CATALOGUES, LANGUAGES, Catalogue, catalogue, choose_language, choose_time_zone
from api.pages.protection import local_path
from api.pages.words import EXTRACTION_REASONS
from matching.explain import explain
from matching.extracted import Why
from matching.profiles import Profile
from matching.query import Query
from matching.statements import Code, Statement
from matching.taxonomy import builtin_taxonomy
from tests.strategies import SMALL_TAXONOMY, cases

API = CATALOGUES.parent
METHODS = [("pages/**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "mark": None}


def _used() -> set[str]:
    options = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true"}}
    found = extract_from_dir(str(API), METHODS, options, keywords=KEYWORDS)
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def test_every_text_of_the_pages_stands_in_both_catalogues_and_is_said_in_chinese() -> None:
    used = _used()
    assert len(used) > 100, "the extraction found next to nothing, so it would find nothing missing"
    for locale in LANGUAGES.values():
        path = CATALOGUES / locale / "LC_MESSAGES" / "quanwang.po"
        known = _ids(path)
        assert not used - known, f"missing in {path}: run pybabel extract and update"
        assert not known - used, f"no longer used, but in {path}"
    chinese = catalogue("zh-CN")
    silent = {text for text in used if chinese.gettext(text) == text}
    assert not silent, "without a Chinese text"


def _ids(path: Path) -> set[str]:
    from babel.messages.pofile import read_po

    with path.open("rb") as file:
        return {message.id if isinstance(message.id, str) else message.id[0] for message in read_po(file) if message.id}


def test_translations_keep_the_placeholders() -> None:
    import re

    names = re.compile(r"%\((\w+)\)s")
    chinese = catalogue("zh-CN")
    for text in _used():
        assert set(names.findall(text)) == set(names.findall(chinese.gettext(text))), text


def told(statements: Sequence[Statement], dimension: str, language: str, *, to_the_user: bool = False) -> str:
    teller = Teller(builtin_taxonomy(), catalogue(language).gettext, language, to_the_user)
    return teller.told(json.loads(json.dumps([asdict(each) for each in statements])), dimension)


@given(cases(most_profiles=6, most_orders=3))
@settings(max_examples=100, deadline=None)
def test_every_explanation_is_told_to_everybody_in_both_languages(case: tuple[list[Profile], list[Query]]) -> None:
    """Whatever matching states, as the socket brings it, the pages can say, with every value that the message names."""
    profiles, queries = case
    for profile in profiles:
        for query in queries:
            document = json.loads(json.dumps(explain(profile, query, SMALL_TAXONOMY).to_document()))
            for language in LANGUAGES:
                for to_the_user in (False, True):
                    teller = Teller(SMALL_TAXONOMY, catalogue(language).gettext, language, to_the_user)
                    view = explanation_view("7", document, None, teller)
                    assert all(row.reason for row in view.dimensions)
                    assert all(all(change.user) and all(change.order) for change in view.changes)
                    assert bool(view.closed_by) == bool(document["closed_by"])


def test_every_code_has_a_message() -> None:
    assert set(MESSAGES) == set(Code)


def test_statements_are_told_with_names_in_the_readers_language() -> None:
    apart = Statement(Code.NODES_APART, {"asked_nodes": ("440305",), "held_nodes": ("310000", "110105")})
    away = Statement(Code.DISTANCE, {"radius_km": 10.0, "away_km": 48.863})
    assert told([apart, away], "region", "zh-CN") == (
        "要求 深圳市 南山区 (440305)，用户为 上海市 (310000)、北京市 朝阳区 (110105)；"
        "或要求 10 公里以内，用户相距 48.9 公里"
    )
    to_him = told([apart, away], "region", "en", to_the_user=True)
    assert "(440305); you have" in to_him
    assert to_him.endswith("(110105); or asked for within 10 km; you are 48.9 km away")
    held = Statement(Code.KEYWORDS_HELD, {"words": ("会计", "税务"), "more": 3})
    assert told([held], "keywords", "zh-CN") == "用户具备 会计、税务 等，另有 3 个"
    assert told([Statement(Code.KEYWORDS_HELD, {"words": ("会计",), "more": 0})], "keywords", "en") == (
        "The user holds 会计"
    )
    some = Statement(Code.HOLD_KEYWORDS, {"words": ("电工", "焊接"), "count": 1})
    assert told([some], "keywords", "en") == "Hold 1 of 电工, 焊接"


def test_a_tag_that_looks_like_a_sentence_is_told_as_a_tag() -> None:
    odd = "x; or asked for %(held)s; the user has y"
    statement = Statement(Code.CROWDS_APART, {"asked": (odd,), "held": ("b",)})
    assert told([statement], "crowd", "en") == f"Asked for {odd}; the user has b"


@pytest.mark.parametrize(
    ("cookie", "header", "chosen"),
    [
        (None, None, "zh-CN"),
        (None, "en-GB,en;q=0.9", "en"),
        (None, "fr;q=0.9, zh-TW;q=0.8, en;q=0.7", "zh-CN"),
        (None, "fr, de;q=x, en;q=0", "zh-CN"),
        ("en", "zh-CN", "en"),
        ("klingon", "en", "en"),
    ],
)
def test_the_language_is_the_readers(cookie: str | None, header: str | None, chosen: str) -> None:
    assert choose_language(cookie, header) == chosen


def test_an_impossible_time_zone_is_chinas() -> None:
    for cookie in (None, "", "Mars/Base", "../../etc/passwd", "x" * 65, "Asia"):
        assert choose_time_zone(cookie).key == "Asia/Shanghai"
    assert choose_time_zone("Europe/Berlin").key == "Europe/Berlin"


def test_only_paths_of_this_site_are_gone_on_to() -> None:
    assert local_path("/admin/dispatches?state=x", "/") == "/admin/dispatches?state=x"
    for path in (None, "", "//evil", "/\\evil", "https://evil", "javascript:alert(1)", "/a\nb"):
        assert local_path(path, "/") == "/"


def test_plurals_follow_the_language(tmp_path: Path) -> None:
    path = tmp_path / "quanwang.po"
    path.write_text(
        'msgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
        'msgid "one key"\nmsgid_plural "%(num)s keys"\nmsgstr[0] "single"\nmsgstr[1] "several"\n'
    )
    made = Catalogue("en", path)
    assert (made.ngettext("one key", "%(num)s keys", 1), made.ngettext("one key", "%(num)s keys", 2)) == (
        "single",
        "several",
    )
    assert made.ngettext("other", "others", 2) == "others"


def test_every_reason_of_an_extraction_has_a_word() -> None:
    assert set(EXTRACTION_REASONS) == set(Why)
