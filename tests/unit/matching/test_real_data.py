"""Checks on the real titles and terms, where the shared data folder is there."""

import csv
from pathlib import Path

import pytest

from matching.extraction import Extractor
from matching.normalisation import MAX_KEYWORD_CHARACTERS, normalise
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
