"""Both languages say everything: catalogues against templates, matching's sentences against the patterns."""

from itertools import chain
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from hypothesis import given, settings

from api.pages.explanation_sentences import ALTERNATIVE, SHAPES, TO_THE_USER, in_words, shape_of
from api.pages.language import CATALOGUES, LANGUAGES, Catalogue, catalogue, choose_language, choose_time_zone
from api.pages.protection import local_path
from matching.explain import explain
from matching.profiles import Profile
from matching.query import Query
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


@given(cases(most_profiles=6, most_orders=3))
@settings(max_examples=150, deadline=None)
def test_every_sentence_of_an_explanation_has_a_shape_that_both_languages_say(
    case: tuple[list[Profile], list[Query]],
) -> None:
    profiles, queries = case
    for profile in profiles:
        for query in queries:
            found = explain(profile, query, SMALL_TAXONOMY)
            sentences = chain(
                (finding.reason for finding in found.dimensions),
                (change.user for change in found.changes),
                (change.order for change in found.changes),
                [found.closed_by] if found.closed_by else [],
            )
            for sentence in sentences:
                for part in sentence.split(ALTERNATIVE):
                    assert shape_of(part) is not None, part


def test_a_sentence_is_said_with_names_in_the_readers_language() -> None:
    taxonomy = builtin_taxonomy()
    sentence = (
        "asked for 南山区 (440305); the user has 上海市 (310000); or asked for within 10 km; the user is 48.863 km away"
    )
    chinese = in_words(sentence, "region", taxonomy, catalogue("zh-CN").gettext, "zh-CN")
    assert chinese == "要求 深圳市 南山区 (440305)，用户为 上海市 (310000)；或要求 10 公里以内，用户相距 48.9 公里"
    told = in_words(sentence, "region", taxonomy, catalogue("en").gettext, "en", to_the_user=True)
    assert "you have 上海市 (310000); or asked for within 10 km; you are 48.9 km away" in told
    english = in_words("the order's 3311 (3311) lies in 金属制品业 (33)", "industry", taxonomy, str, "en")
    assert english.startswith("The order's ")
    assert english.endswith("(33)")
    assert in_words("something new", "region", taxonomy, str, "en") == "Something new"


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


def test_what_is_said_to_the_user_replaces_messages_that_exist() -> None:
    assert set(TO_THE_USER) <= {message for _, message in SHAPES}


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
