"""Checks on the real titles and terms, where the shared data folder is there."""

import csv
import random
from pathlib import Path

import pytest

from engine.coordinator import Coordinator
from engine.in_process import in_process_shards
from matching.extraction import Extractor
from matching.normalisation import MAX_KEYWORD_CHARACTERS, normalise
from matching.profiles import Profile, parse_profile
from matching.query import Query, parse_order, resolve
from matching.reference import match
from matching.taxonomy import builtin_taxonomy
from matching.variants import variants
from matching.vocabulary import Vocabulary

pytestmark = pytest.mark.shared


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def terms() -> list[str]:
    path = Path(__file__).resolve().parents[4] / "shared" / "data" / "skills.csv"
    if not path.is_file():
        pytest.skip("../shared/data is not beside the repository: this check did not run")
    found = {normalise(row["term"]) for row in rows(path)}
    return sorted(term for term in found if 0 < len(term) <= MAX_KEYWORD_CHARACTERS)


@pytest.fixture(scope="module")
def vocabulary(terms: list[str]) -> Vocabulary:
    known = Vocabulary()
    for term in terms:
        known.add([term])
    return known


def test_the_normal_form_of_real_terms_is_stable(terms: list[str]) -> None:
    assert len(terms) > 40_000
    assert [term for term in terms if normalise(term) != term] == []


def test_the_builtin_regions_are_the_shared_ones(shared_data: Path) -> None:
    shared = rows(shared_data / "regions.csv")
    regions = builtin_taxonomy().regions
    assert len(regions) == len(shared) + 1
    for row in shared:
        node = regions.index(row["code"])
        assert regions.names_zh[node] == row["name"]
        assert regions.codes[regions.parents[node]] == (row["parent"] or "100000")


def test_places_of_real_titles_agree_with_their_labels(shared_data: Path, vocabulary: Vocabulary) -> None:
    """The label is the place, or one above or below it (labels often stop at the city), in 93 % at least."""
    extractor, regions = Extractor(vocabulary, builtin_taxonomy()), builtin_taxonomy().regions
    right = wrong = missed = named_without_label = 0
    titles = rows(shared_data / "orders_zh_titles.csv")
    for row in titles:
        found = [regions.index(key.value) for key in extractor.extract(row["title"]).applied("region")]
        if not row["region_code"]:
            named_without_label += bool(found)
        elif not found:
            missed += 1
        elif any(regions.related(regions.index(row["region_code"]), node) for node in found):
            right += 1
        else:
            wrong += 1
    labelled = right + wrong + missed
    assert labelled > 700
    assert right / labelled > 0.93
    assert wrong / labelled < 0.01
    assert named_without_label / (len(titles) - labelled) < 0.01


def test_every_place_of_a_key_is_in_its_title(shared_data: Path, vocabulary: Vocabulary) -> None:
    extractor = Extractor(vocabulary, builtin_taxonomy())
    for row in rows(shared_data / "orders_zh_titles.csv")[:1_500]:
        for key in extractor.extract(row["title"]).keys:
            assert 0 <= key.start < key.end <= len(row["title"])
            if key.kind == "keyword":
                assert normalise(row["title"][key.start : key.end]) == key.value


def test_no_real_term_is_corrected_to_another(terms: list[str], vocabulary: Vocabulary) -> None:
    for term in terms[::7]:
        assert all(member.kind != "correction" for member in variants(term, vocabulary))


def drawn_profiles(terms: dict[str, float], count: int, seed: int) -> list[Profile]:
    """People with real words by their real frequencies, around real seats of government."""
    draw = random.Random(seed)
    regions, industries = builtin_taxonomy().regions, builtin_taxonomy().industries
    places = [node for node in range(1, len(regions)) if regions.locations[node]]
    sections_and_divisions = [code for code in industries.codes if len(code) <= 2]
    profiles = []
    for user_id in range(1, count + 1):
        node = draw.choice(places)
        latitude, longitude = regions.locations[node] or (0.0, 0.0)
        document = {
            "id": user_id,
            "keywords": draw.choices(list(terms), weights=list(terms.values()), k=draw.randint(0, 12)),
            "regions": [regions.codes[draw.choice((node, node, *regions.ancestors(node)))]],
            "industries": draw.sample(sections_and_divisions, k=draw.randint(0, 2)),
            "location": draw.choice(([latitude + draw.gauss(0, 0.1), longitude + draw.gauss(0, 0.1)], None)),
            "rating": draw.randint(40, 100),
            "available": draw.random() < 0.9,
        }
        profiles.append(parse_profile(document, builtin_taxonomy()))
    return profiles


def test_real_titles_over_real_words_equal_the_reference(shared_data: Path) -> None:
    heavy = sorted(rows(shared_data / "skills.csv"), key=lambda row: -float(row["weight"] or 1))[:600]
    profiles = drawn_profiles({row["term"]: float(row["weight"] or 1) for row in heavy}, count=400, seed=7)
    taxonomy = builtin_taxonomy()
    index = Coordinator(in_process_shards(3), taxonomy, Vocabulary())
    index.load(profiles, barrier=1)
    extractor = Extractor(index.vocabulary, taxonomy)
    queries: list[Query] = []
    for number, row in enumerate(rows(shared_data / "orders_zh_titles.csv")[:300], start=1):
        order = parse_order({"id": number, "text": row["title"], "limit": 20, "origin": [30.5, 114.3]}, taxonomy)
        if any(key.applied for key in extractor.extract(order.text).keys):
            queries.append(resolve(order, index.vocabulary, taxonomy, extractor=extractor))
    assert len(queries) > 60
    expected = [match(profiles, query, taxonomy) for query in queries]
    assert [result.to_match() for result in index.match(queries)] == expected
    assert sum(answer.full_count > 0 for answer in expected) > 30
