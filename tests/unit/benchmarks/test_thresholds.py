"""Thresholds: their form, and when they are missed."""

import pytest

from benchmarks.matching.settings import FIGURES, BenchSettings, parse_peers, parse_sizes
from benchmarks.thresholds import parse_threshold
from kit.errors import InvalidInput

FIGURE = "full_set_vs_best_peer"


@pytest.mark.parametrize(
    ("text", "value", "missed"),
    [
        (f"{FIGURE}>=3", 3.0, False),
        (f" {FIGURE} >= 3.5 ", 3.4, True),
        (f"{FIGURE}>3", 3.0, True),
        (f"{FIGURE}<=3", 3, False),
        (f"{FIGURE}<3", 3.0, True),
        (f"{FIGURE}==0", 0, False),
    ],
)
def test_a_threshold_is_met_or_missed(text: str, value: float, missed: bool) -> None:
    sentence = parse_threshold(text, FIGURES).miss({FIGURE: value})
    assert (sentence is not None) == missed
    if sentence:
        assert FIGURE in sentence


def test_a_figure_that_was_not_measured_is_missed() -> None:
    threshold = parse_threshold(f"{FIGURE}>=3", FIGURES)
    for document in ({}, {FIGURE: None}, {FIGURE: True}):
        assert "was not measured" in (threshold.miss(document) or "")


@pytest.mark.parametrize("text", ["", "partial_us", "partial_us>=", "partial_us=>3", ">=3", "partial_us>=-1", "a b>=1"])
def test_a_threshold_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="threshold"):
        parse_threshold(text, FIGURES)


def test_a_threshold_on_an_unknown_figure_names_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="partial_us"):
        parse_threshold("speed>=3", FIGURES)


@pytest.mark.parametrize(
    "wrong", [{"users": 999}, {"orders": 0}, {"rounds": 0}, {"threads": 0}, {"peers": ("lucene",)}, {"curve": (5,)}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        BenchSettings(**wrong)  # type: ignore[arg-type]


def test_lists_are_read() -> None:
    assert parse_sizes("300000, 100_000,100000") == (100_000, 300_000)
    assert parse_sizes("none") == ()
    assert parse_peers("tantivy, pyroaring,tantivy") == ("tantivy", "pyroaring")
    assert parse_peers("none") == ()
    with pytest.raises(InvalidInput, match="curve"):
        parse_sizes("1e6")
    with pytest.raises(InvalidInput, match="peers"):
        parse_peers("pyroaring,lucene")
