"""The measurement of texts itself: its baseline, its halves, its figures, on a classification of three occupations."""

import csv
from pathlib import Path

import pytest

from benchmarks.extraction.bm25 import Bm25, bigrams
from benchmarks.extraction.labels import Title, read_occupations, read_titles
from benchmarks.extraction.quality import measure_quality
from benchmarks.extraction.run import SYNONYMS, run
from matching.synonyms import Synonyms, load_synonyms

OCCUPATIONS = (("1", "电焊工", "电焊工,焊接"), ("2", "会计", "会计,出纳"), ("3", "美容师", "美容师"))
TITLES = (("深圳急招电焊工", "1"), ("出纳", "2"), ("美容美体", "3"), ("会计主管", "2"), ("养蜂", "3"), ("焊接", "1"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with (tmp_path / "labels_zh_csco_docs.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("code", "name", "alias"), *OCCUPATIONS])
    with (tmp_path / "labels_zh_csco_queries.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("job_title", "csco_code"), *TITLES])
    return tmp_path


def test_bm25_prefers_rare_terms_and_short_documents() -> None:
    index = Bm25([bigrams("电焊工"), bigrams("电焊工操作人员"), bigrams("会计")])
    assert index.best(bigrams("招电焊工"), most=10) == [0, 1]
    assert index.best(bigrams("养蜂"), most=10) == []
    assert bigrams("x") == ["x"]


def test_halves_are_fixed_by_the_title() -> None:
    assert [Title(text, "").is_held_out for text, _ in TITLES] == [Title(text, "x").is_held_out for text, _ in TITLES]
    assert 400 < sum(Title(f"题{number}", "").is_held_out for number in range(1_000)) < 600


def test_figures_are_means_over_all_titles_of_a_half(folder: Path) -> None:
    occupations, titles = read_occupations(folder), read_titles(folder)
    figures = measure_quality(occupations, titles, Synonyms(), with_aliases=True)
    assert sum(figure.titles for figure in figures if figure.method == "Quanwang") == len(TITLES)
    # Everything but 养蜂, which shares no word with its occupation, is found first.
    hits = sum(figure.precision_at_1 * figure.titles for figure in figures if figure.method == "Quanwang")
    assert hits == pytest.approx(len(TITLES) - 1)
    assert all(0 <= f.precision_at_1 <= f.ndcg_at_10 <= f.found <= 1 for f in figures)
    alone = measure_quality(occupations, titles, Synonyms(), with_aliases=False)
    assert sum(figure.found * figure.titles for figure in alone if figure.method == "Quanwang") < hits


def test_a_run_without_speed(folder: Path) -> None:
    report = run(folder, with_speed=False)
    assert report.speed is None
    assert len(report.qualities) == 8
    assert report.quality("Quanwang", aliases=True, half="tuned").aliases


def test_missing_labels_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="labels_zh_csco_docs"):
        run(tmp_path)


def test_the_synonyms_are_words_and_no_titles() -> None:
    assert all(len(term) <= 7 for term in load_synonyms(SYNONYMS).terms())
