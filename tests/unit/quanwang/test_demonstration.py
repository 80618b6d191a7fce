"""The demonstration's input is real where it says so, drawn from one seed, and accepted by the platform."""

import re
from collections import Counter
from pathlib import Path

import pytest

from matching.extracted import KeyKind
from matching.extraction import Extractor
from matching.orders import parse_order
from matching.profiles import parse_profile
from matching.taxonomy import builtin_taxonomy
from matching.vocabulary import Vocabulary
from quanwang.demonstration.occupations import section_of
from quanwang.demonstration.orders import OrderDraw, TitleReader, TitleReading
from quanwang.demonstration.people import Interest, choose_acceptors, takes_part, temper_of
from quanwang.demonstration.places import places_by_province, provinces
from quanwang.demonstration.profiles import ProfileDraw, activity
from quanwang.demonstration.titles import read_titles, split_titles
from quanwang.demonstration.words import discover_words

pytestmark = pytest.mark.unit
ROOT = Path(__file__).resolve().parents[3]
KINDS: tuple[KeyKind, ...] = ("keyword", "region", "industry")


def test_five_thousand_real_titles_are_orders_and_none_of_them_shapes_profiles() -> None:
    for_orders, for_profiles = split_titles()
    assert len(for_orders) >= 5_000
    assert len(for_profiles) > 500
    texts = {title.text for title in for_orders}
    assert not texts & {title.text for title in for_profiles}
    assert texts | {title.text for title in for_profiles} == {title.text for title in read_titles()}


def test_orders_are_real_titles_that_the_platform_accepts() -> None:
    real = {title.text for title in read_titles()}
    taxonomy = builtin_taxonomy()
    documents = list(OrderDraw(1, 1, taxonomy).documents(400))
    assert {str(document["title"]) for document in documents} <= real
    assert len({document["id"] for document in documents}) == 400
    for document in documents:
        key_information = {name: document[name] for name in document.keys() - {"id", "title", "policy"}}
        order = parse_order(key_information, taxonomy, require_id=False)
        assert order.text == document["title"]


def test_what_a_title_names_is_said_by_nobody_else() -> None:
    """Read here by the words of the drawn people themselves, as the platform reads them."""
    taxonomy, vocabulary = builtin_taxonomy(), Vocabulary()
    for number, document in ProfileDraw(seed=1).documents(1, 30_000):
        vocabulary.add(parse_profile({"id": int(number), **document}, taxonomy).keywords)
    extractor = Extractor(vocabulary, taxonomy)
    labels = {title.text: title.occupation_code for title in read_titles()}
    counts: Counter[str] = Counter()
    for document in OrderDraw(1, 1, taxonomy).documents(5_000):
        text = str(document["text"])
        found = extractor.extract(text)
        named = {kind for kind in KINDS if found.applied(kind)}
        has_place = "regions" in document or "near" in document
        assert has_place != ("region" in named), text
        assert "keywords" not in document
        # Nobody guesses an industry: where nothing is recognised, it is that of the label that people gave the title.
        assert document.get("industries", []) in ([], [section_of(labels[text])])
        assert not ("industries" in document and named), text
        counts.update(named)
        counts["nothing"] += not named
        counts["doubtful"] += has_place and "origin" not in document
        counts["drawn place"] += "origin" in document
        counts["labelled"] += "industries" in document
        counts["crowd"] += "crowds" in document
    for readme in ("README.md", "README.zh-CN.md"):
        text = (ROOT / readme).read_text(encoding="utf-8")
        for name, count in counts.items():
            assert re.search(rf"(?<![\d,]){count:,}(?![\d,])", text), f"{readme} does not say {name}: {count:,}"


def test_a_doubtful_place_is_settled_by_the_publisher_and_not_contradicted() -> None:
    reader = TitleReader(builtin_taxonomy())
    assert reader.read("通州 电焊工") == TitleReading(False, True, "110112")
    assert reader.read("深圳电焊工") == TitleReading(True, True, None)
    assert reader.read("济南话方言采集").doubtful_region is None


def test_the_same_seed_gives_the_same_orders_and_another_batch_other_ones() -> None:
    taxonomy = builtin_taxonomy()
    first = list(OrderDraw(1, 1, taxonomy).documents(50))
    assert first == list(OrderDraw(1, 1, taxonomy).documents(50))
    assert first != list(OrderDraw(2, 1, taxonomy).documents(50))
    later = list(OrderDraw(1, 2, taxonomy).documents(50))
    assert not {document["id"] for document in first} & {document["id"] for document in later}


def test_a_profile_depends_on_its_number_alone() -> None:
    draw = ProfileDraw(seed=1)
    together = dict(draw.documents(1, 30))
    assert list(together) == [str(number) for number in range(1, 31)]
    assert dict(ProfileDraw(seed=1).documents(21, 10)) == {str(n): together[str(n)] for n in range(21, 31)}
    assert dict(ProfileDraw(seed=2).documents(1, 30)) != together


def test_drawn_people_are_accepted_by_the_platform_and_serve_where_the_design_says() -> None:
    taxonomy = builtin_taxonomy()
    documents = [document for _, document in ProfileDraw(seed=3).documents(1, 3_000)]
    levels: Counter[str] = Counter()
    for number, document in enumerate(documents, 1):
        profile = parse_profile({"id": number, **document}, taxonomy)
        assert 1 <= len(profile.keywords) <= 12
        nodes = [taxonomy.regions.index(code) for code in profile.regions]
        levels[taxonomy.regions.levels[nodes[0]] if len(nodes) == 1 else "several"] += 1
    assert 0.5 < levels["district"] / len(documents) < 0.66
    assert 0.01 < levels["country"] / len(documents) < 0.03
    assert levels["several"] > 0
    assert levels["province"] > 0


def test_provinces_follow_the_census() -> None:
    codes, cumulative = provinces()
    assert len(codes) == 31
    assert 1_409_000_000 < cumulative[-1] < 1_410_000_000
    assert set(codes) <= set(places_by_province())
    drawn: Counter[str] = Counter()
    draw = ProfileDraw(seed=5)
    for _, document in draw.documents(1, 4_000):
        regions = document["regions"]
        assert isinstance(regions, list)
        drawn[str(regions[0])[:2]] += regions != ["100000"]
    assert drawn["44"] > 5 * drawn["63"] > 0


def test_words_are_found_and_fragments_are_not() -> None:
    texts = [
        "软件工程师",
        "硬件工程师",
        "工程师助理",
        "土木工程师",
        "工程师",
        "造价工程师",
        "制造工",
        "铸造工",
        "制造工艺",
    ]
    words = discover_words(texts, least_variety=2, least_count=3)
    assert "工程师" in words
    assert "程师" not in words
    assert "造工" not in words


def test_who_accepts_is_decided_by_seed_and_order() -> None:
    tempers = [temper_of(1, f"order {number}") for number in range(2_000)]
    assert tempers == [temper_of(1, f"order {number}") for number in range(2_000)]
    shares = Counter(temper.interest for temper in tempers)
    assert set(shares) == set(Interest)
    assert shares[Interest.FULL] > shares[Interest.PARTIAL] > shares[Interest.NOBODY]
    chosen = choose_acceptors(1, "order 1", range(1, 1_001), 3)
    assert len(set(chosen)) == 3
    assert chosen == choose_acceptors(1, "order 1", range(1, 1_001), 3)
    assert choose_acceptors(1, "order 1", [7, 9], 3) == [7, 9]


def test_both_tiers_get_their_acceptors() -> None:
    tempers = [temper_of(1, f"order {number}") for number in range(500)]
    full = [temper for temper in tempers if takes_part(temper, "full", full_was_empty=False)]
    partial = [temper for temper in tempers if takes_part(temper, "partial", full_was_empty=False)]
    saved = [temper for temper in tempers if takes_part(temper, "partial", full_was_empty=True)]
    assert full
    assert partial
    assert {temper.interest for temper in saved} == {Interest.FULL, Interest.PARTIAL}


def test_activity_is_heavy_tailed() -> None:
    drawn = sorted(activity(1, user) for user in range(5_000))
    assert drawn[0] >= 1
    assert drawn[2_500] < 2
    assert drawn[-1] > 10
