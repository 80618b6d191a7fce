"""How an order is frozen: variants, extraction, and what a text may and may not fill."""

from typing import Any

import pytest
from hypothesis import given, settings

from matching.errors import NoDimension
from matching.extraction import Extractor
from matching.members import Member
from matching.profiles import Profile
from matching.query import DEFAULT_WEIGHTS, Query, Weights, parse_order, resolve
from matching.synonyms import Synonyms
from matching.taxonomy import builtin_taxonomy
from matching.vocabulary import Vocabulary
from tests.strategies import STEADY, cases


def vocabulary() -> Vocabulary:
    known = Vocabulary(Synonyms([("焊接", "烧焊")]))
    known.add(["焊接", "焊接工", "python", "电工"])
    return known


def frozen(**document: Any) -> Query:
    known = vocabulary()
    return resolve(parse_order({"id": 9, **document}, builtin_taxonomy()), known, builtin_taxonomy())


def test_exact_words_come_first_then_variants_best_first() -> None:
    query = frozen(keywords=[["pythn", "焊接"]])
    assert query.groups[0].members == (
        Member("pythn", of="pythn"),
        Member("焊接", of="焊接"),
        Member("烧焊", "synonym", 100, "焊接"),
        Member("焊接工", "suffix", 90, "焊接"),
        Member("python", "correction", 89, "pythn"),
    )


def test_a_word_that_the_order_names_is_no_variant_too() -> None:
    query = frozen(keywords=[["焊接", "烧焊"]])
    assert [(member.text, member.kind) for member in query.groups[0].members] == [
        ("焊接", "exact"), ("烧焊", "exact"), ("焊接工", "suffix"),
    ]  # fmt: skip


def test_fuzzy_false_is_normalisation_only() -> None:
    query = frozen(keywords=["焊接", "pythn", "ＰＹＴＨＯＮ"], fuzzy=False)
    assert [[member.text for member in group.members] for group in query.groups] == [["焊接"], ["pythn"], ["python"]]


def test_a_text_fills_only_what_the_order_does_not_name() -> None:
    text = "深圳制造业招Python和电工"
    query = frozen(text=text)
    assert ([g.members[0].text for g in query.groups], query.at_least) == (["python", "电工"], 1)
    assert (query.regions, query.industries) == (("440300",), ("C",))
    assert {key.value for key in query.extracted if key.applied} == {"python", "电工", "440300", "C"}

    query = frozen(text=text, keywords=["焊接", "电工"], regions=["110000"], industries=["P"])
    assert ([g.members[0].text for g in query.groups], query.at_least) == (["焊接", "电工"], 2)
    assert (query.regions, query.industries) == (("110000",), ("P",))
    assert {key.reason for key in query.extracted} == {
        "the order names keywords itself", "the order names a region itself", "the order names industries itself",
    }  # fmt: skip

    near = {"lat": 22, "lon": 114, "radius_km": 5}
    assert frozen(text=text, near=near).regions == (), "near names the region dimension"


def test_variants_of_extracted_keywords_count_and_weights_are_the_extracted_ones() -> None:
    query = frozen(text="招焊接", fuzzy=True)
    assert [member.text for member in query.groups[0].members] == ["焊接", "烧焊", "焊接工"]
    assert query.groups[0].weight == query.extracted[0].weight
    assert [len(group.members) for group in frozen(text="招焊接", fuzzy=False).groups] == [1]


def test_an_extractor_of_the_same_vocabulary_gives_the_same() -> None:
    known = vocabulary()
    order = parse_order({"id": 9, "text": "深圳电工"}, builtin_taxonomy())
    kept = Extractor(known, builtin_taxonomy())
    assert resolve(order, known, builtin_taxonomy(), extractor=kept) == resolve(order, known, builtin_taxonomy())


def test_a_text_that_names_nothing_is_refused() -> None:
    with pytest.raises(NoDimension, match="text: '谁来帮忙' names no known keyword, region or industry"):
        frozen(text="谁来帮忙")


def test_dimensions_are_those_named() -> None:
    assert frozen(text="深圳电工", crowds=["a"]).dimensions() == ("keywords", "region", "crowd")
    assert frozen(near={"lat": 0, "lon": 0, "radius_km": 1}).dimensions() == ("region",)
    assert frozen(industries=["C"]).dimensions() == ("industry",)


@given(cases())
@settings(STEADY, max_examples=50)
def test_a_query_survives_its_json(case: tuple[list[Profile], list[Query]]) -> None:
    for query in case[1]:
        assert Query.from_json(query.to_json()) == query
        assert "\n" not in query.to_json()


def test_extracted_keys_survive_the_json() -> None:
    query = frozen(
        text="深圳制造业招Python和电工", near={"lat": 0.1, "lon": 179.999999, "radius_km": 0.1}, origin=[1, 2]
    )
    assert query.extracted
    assert Query.from_json(query.to_json()) == query


def test_weights_must_have_distinct_sums() -> None:
    assert Weights(4100, 3000, 2400, 1500) == DEFAULT_WEIGHTS
    with pytest.raises(ValueError, match="the same sum"):
        Weights(keywords=3000, industry=2000, region=1000)
    with pytest.raises(ValueError, match="0 is not between"):
        Weights(crowd=0)
