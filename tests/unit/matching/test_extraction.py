"""What a text names, where, and what of it counts."""

import pytest

from matching.extracted import Why
from matching.extraction import ExtractedKey, Extractor
from matching.profiles import parse_profile
from matching.synonyms import Synonyms
from matching.taxonomy import builtin_taxonomy
from matching.vocabulary import Vocabulary

WORDS = (
    "电工", "焊接", "自动化", "技术员", "自动化技术员", "java", "java 开发", "c++", "上海话", "合作", "深圳", "和平",
    "english", "english teacher", "房地产", "工", "电焊", "焊工", "南方",
)  # fmt: skip


def extractor(*words: str) -> Extractor:
    vocabulary = Vocabulary()
    for word in words or WORDS:
        vocabulary.add([word])
    return Extractor(vocabulary, builtin_taxonomy(), ["veteran", "退役军人"])


def applied(text: str, kind: str) -> list[str]:
    return [key.value for key in extractor().extract(text).keys if key.kind == kind and key.applied]


def reported(text: str, kind: str) -> list[tuple[str, str]]:
    return [(key.value, key.reason) for key in extractor().extract(text).keys if key.kind == kind and not key.applied]


@pytest.mark.parametrize(
    ("text", "keywords"),
    [
        ("招聘电工和焊接", ["电工", "焊接"]),
        ("招聘電工", ["电工"]),
        ("自动化技术员", ["自动化技术员", "自动化", "技术员"]),
        ("自动化和技术员", ["自动化", "技术员"]),
        ("深圳急招电焊工", ["电焊", "焊工"]),
        ("海南方言", []),
        ("ＪＡＶＡ工程师", ["java"]),
        ("javascript", []),
        ("java8", []),
        ("my_java", []),
        ("Java  开发", ["java 开发", "java"]),
        ("C++程序员", ["c++"]),
        ("English Teacher", ["english teacher", "english"]),
        ("工", []),
        ("", []),
        (" ,。", []),
    ],
)
def test_keywords(text: str, keywords: list[str]) -> None:
    assert applied(text, "keyword") == keywords


@pytest.mark.parametrize(
    ("text", "regions"),
    [
        ("深圳市南山区电工", ["440305"]),
        ("深圳电工", ["440300"]),
        ("上海浦东", ["310115"]),
        ("广东省招电工", ["440000"]),
        ("北京朝阳", ["110105"]),
        ("長春市朝陽區", ["220104"]),
        ("杭州西湖区和深圳", ["330106", "440300"]),
        ("吉林招电工", ["220000"]),
        ("吉林长春", ["220100"]),
        ("海南招电工", ["460000"]),
        ("内蒙古", ["150000"]),
        ("恩施", ["422800"]),
        ("甘肃合作市", ["623001"]),
        ("甘南州合作", ["623001"]),
        ("平顶山", ["410400"]),
        ("（中山）机电", ["442000"]),
        ("全国招聘", []),
        ("上海话老师", []),
        ("重庆火锅师傅", []),
        ("四川人优先", []),
        ("深圳人才", ["440300"]),
        ("上海南京西路", ["310000"]),
    ],
)
def test_regions(text: str, regions: list[str]) -> None:
    assert applied(text, "region") == regions


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("长期合作", "623001", "too short to mean 合作市 without a region above it"),
        ("人力资源", "450329", "too short to mean 资源县 without a region above it"),
        ("心态平和", "350628", "too short to mean 平和县 without a region above it"),
        ("浦东", "310115", "too short to mean 浦东新区 without a region above it"),
        ("鼓楼区", "320106", "ambiguous: several regions have this name"),
        ("朝阳区", "110105", "ambiguous: several regions have this name"),
        ("北京市朝阳区", "110000", "narrowed to 朝阳区"),
        ("中山", "442000", "too short to mean 中山市 without a region above it"),
        ("全国", "100000", "the whole country restricts nothing"),
        ("上海菜", "310000", "names something after 上海市, not the place"),
    ],
)
def test_doubtful_regions_are_reported_and_not_applied(text: str, code: str, reason: str) -> None:
    assert (code, reason) in reported(text, "region")
    assert code not in applied(text, "region")


def test_a_word_that_is_also_a_county_stays_a_keyword_and_a_place_does_not() -> None:
    assert applied("诚意合作", "keyword") == ["合作"]
    assert applied("深圳电工", "keyword") == ["电工"]
    assert applied("天津和平区电工", "keyword") == ["电工"]


@pytest.mark.parametrize(
    ("text", "industries"),
    [
        ("制造业招电工", ["C"]),
        ("房地产销售", ["K"]),
        ("教育行业", ["P"]),
        ("餐饮行业", ["62"]),
        ("互联网运营", ["64"]),
        ("Civil Engineering", ["48"]),
        ("教育", []),
        ("体育老师", []),
        ("餐饮", []),
        ("Post office, health", []),
    ],
)
def test_industries(text: str, industries: list[str]) -> None:
    assert applied(text, "industry") == industries


def test_short_industry_names_are_reported() -> None:
    assert ("P", "too short to mean 教育 without 行业") in reported("教育", "industry")


def test_crowds_are_reported_and_not_applied() -> None:
    assert [value for value, _ in reported("退役軍人优先, Veteran", "crowd")] == ["退役军人", "veteran"]


def test_keys_have_their_place_in_the_original_text() -> None:
    text = "ﬁ  深圳市  JAVA　开发, 電工"
    keys = {key.value: text[key.start : key.end] for key in extractor().extract(text).keys}
    assert keys == {"440300": "深圳市", "java 开发": "JAVA　开发", "java": "JAVA", "电工": "電工"}


def test_at_most_eight_keywords_the_rarest() -> None:
    vocabulary = Vocabulary()
    words = [f"word{letter}" for letter in "abcdefghij"]
    for position, word in enumerate(words):
        for _ in range(4**position):
            vocabulary.add([word] if position < 7 else [word, "wordj"][:1])
    found = Extractor(vocabulary, builtin_taxonomy()).extract(" ".join(words))
    weights = {key.value: key.weight for key in found.keys}
    assert list(weights.values()) == sorted(weights.values(), reverse=True)
    assert [key.value for key in found.applied("keyword")] == words[:8]
    assert [key.reason for key in found.keys if not key.applied] == ["8 rarer keywords are in the text"] * 2


def test_a_key_is_reported_once_at_its_first_place() -> None:
    keys = extractor().extract("电工, 电工; 电工").keys
    assert keys == (ExtractedKey("keyword", "电工", 0, 2, 90, 15, True, "a known keyword", Why.KNOWN),)


def test_synonyms_are_recognised_before_anybody_holds_them() -> None:
    vocabulary = Vocabulary(Synonyms([("烧焊", "焊接")]))
    found = Extractor(vocabulary, builtin_taxonomy()).extract("招烧焊师傅")
    assert [key.value for key in found.applied("keyword")] == ["烧焊"]


def test_what_every_advertisement_says_is_the_lightest_keyword() -> None:
    vocabulary = Vocabulary()
    for word in (*("会计" for _ in range(8)), "招聘", "出纳"):
        vocabulary.add([word])
    found = Extractor(vocabulary, builtin_taxonomy()).extract("招聘会计, 出纳", most_keywords=2)
    assert {key.value: key.weight for key in found.keys} == {"招聘": 1, "会计": 1, "出纳": 15}
    assert [key.value for key in found.applied("keyword")] == ["招聘", "出纳"]


def test_a_profile_text_adds_keywords_only_and_never_more_than_the_cap() -> None:
    words = [f"w{number:02}" for number in range(80)]
    document = {"id": 1, "keywords": words[:60], "text": "深圳 房地产业 " + " ".join(words)}
    profile = parse_profile(document, builtin_taxonomy(), extractor=extractor(*words))
    assert len(profile.keywords) == 64
    assert set(words[:60]) < set(profile.keywords)
    assert profile.regions == profile.industries == profile.crowds == ()
    assert parse_profile({"id": 1, "text": "焊接"}, builtin_taxonomy(), extractor=extractor()).keywords == ("焊接",)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("江苏省南京市鼓楼区招电工", "320106"),
        ("河北省张家口市桥西区招电工", "130703"),
        ("南京鼓楼招电工", "320106"),
        ("江苏省徐州市鼓楼区招电工", "320302"),
    ],
)
def test_a_district_whose_name_occurs_twice_in_a_province_is_that_of_the_named_city(text: str, code: str) -> None:
    assert applied(text, "region") == [code]


def test_a_district_whose_name_occurs_twice_below_the_only_region_named_is_ambiguous() -> None:
    keys = [key for key in extractor().extract("江苏省鼓楼区招电工").keys if key.kind == "region"]
    assert [key.why for key in keys if key.value != "320000"] == [Why.AMBIGUOUS]
