"""A whole small run: the document, the tables, the page, the exit of the command."""

import json
import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks import cli
from benchmarks.charts import decades
from benchmarks.matching import run as run_module
from benchmarks.matching.command import default_sizes
from benchmarks.matching.contest import Operation
from benchmarks.matching.figures import ratios
from benchmarks.matching.page import page
from benchmarks.matching.run import run
from benchmarks.matching.settings import FIGURES, BenchSettings
from benchmarks.matching.tables import sentences, tables
from benchmarks.reports import UnwritableReport, number, require_writable, show, write_json
from kit.errors import InvalidInput
from quanwang.cli import COMMANDS

KEYS = {
    "full_set_us", "full_all_us", "full_ranked_us", "partial_us", "full_set_vs_best_peer", "full_ranked_vs_best_peer",
    "partial_vs_best_peer", "bytes_per_user", "checked_orders", "wrong_orders", "buckets", "peers", "environment",
    "samples",
}  # fmt: skip
SETTINGS = BenchSettings(
    users=1_500, orders=48, peers=("pyroaring", "numpy_scan"), rounds=2, checks=24, curve=(1_000,), threads=2
)


@pytest.fixture(scope="module")
def document() -> Iterator[dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "shared_folder", lambda: None)
        yield run(SETTINGS, lambda _line: None)


def test_the_document_has_every_key_and_is_json(document: dict[str, Any], tmp_path: Path) -> None:
    assert set(document) >= KEYS
    assert set(document) >= set(FIGURES)
    write_json(tmp_path / "out.json", document)
    again = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert again["partial_us"] == document["partial_us"]
    assert set(again["environment"]) >= {"cpu", "cores", "python", "packages", "load_average", "source"}
    assert "package sources" in again["environment"]["source"]


def test_nothing_is_wrong_and_it_says_how_much_was_checked(document: dict[str, Any]) -> None:
    assert document["checked_orders"] == 24
    assert document["kernels_compiled_late"] == 0
    assert (document["wrong_orders"], document["wrong_orders_of_peers"], document["faults"]) == (0, 0, [])
    assert document["peers"]["numpy_scan"]["orders_asked"]["partial"] == 16


def test_every_sample_is_kept(document: dict[str, Any]) -> None:
    """Every call of every round: the engine's batches mixed, by bucket and alone, the peers' orders one by one."""
    found = [one for one in document["samples"] if one["contestant"] == "pyroaring" and one["operation"] == "partial"]
    assert [one["round"] for one in found] == [0, 1]
    assert all(len(one["call_us"]) == len(one["call_cpu_us"]) == len(one["orders"]) == 48 for one in found)
    mixed = [one for one in document["samples"] if one["contestant"] == "quanwang" and one["bucket"] is None]
    assert {one["operation"] for one in mixed} == {operation.value for operation in Operation}
    assert {one["bucket"] for one in document["samples"]} >= {None, "0", "1-100"}
    assert any("alone" in one["contestant"] for one in document["samples"])


def test_buckets_say_how_large_their_answers_are(document: dict[str, Any]) -> None:
    assert list(document["buckets"]) == ["0", "1-100", "100-10k", ">10k"]
    assert document["buckets"]["0"]["median_full"] == 0
    assert 1 <= document["buckets"]["1-100"]["median_full"] <= 100
    assert document["buckets"][">10k"] == {"orders": 0, "median_full": None, "us": {}}
    assert set(document["buckets"]["0"]["us"]["partial"]) >= {"quanwang", "pyroaring"}


def test_ratios_are_against_the_best_rival_and_the_worse_rule() -> None:
    mean_us: dict[str, dict[str, float]] = {
        "quanwang": {operation.value: 10.0 for operation in Operation},
        "pyroaring": {"full_any": 50.0, "full_all": 90.0, "full_ranked": 20.0, "partial": 40.0},
        "tantivy": {"full_any": 70.0, "full_all": 30.0, "full_ranked": 90.0, "partial": 400.0},
        "numpy_scan": {operation.value: 1.0 for operation in Operation},
    }
    found = ratios(mean_us)
    assert found["full_any_vs_best_peer"] == 5.0
    assert found["full_set_vs_best_peer"] == found["full_all_vs_best_peer"] == 3.0
    assert (found["full_ranked_vs_best_peer"], found["partial_vs_best_peer"]) == (2.0, 4.0)
    assert set(ratios({"quanwang": mean_us["quanwang"]}).values()) == {None}


def test_tables_and_sentences_name_every_contestant(
    document: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    show(tables(document), sentences(document))
    printed = capsys.readouterr().out
    for word in ("quanwang", "pyroaring", "numpy_scan", "full set, any", "Wrong orders: 0 of 24", "invented"):
        assert word in printed
    assert "\x1b" not in printed, "a pipe gets plain lines"


def test_the_page_loads_nothing(document: dict[str, Any]) -> None:
    text = page(document)
    assert "<svg" in text
    assert "prefers-color-scheme:dark" in text
    assert "width=device-width" in text
    assert not re.search(r"https?:|<script|<link|@import|url\(", text)
    assert text.count("<section>") == text.count("</section>") > 6


def test_the_axis_holds_every_value() -> None:
    assert decades([3.0, 70.0]) == (0, 2)
    assert decades([10.0]) == (1, 2)


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "-"), (0.0, "0"), (3.14159, "3.14"), (999.4, "999"), (12_345.6, "12,346")]
)
def test_figures_are_short(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_a_report_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnwritableReport, match="cannot be written"):
        write_json(tmp_path / "nowhere" / "out.json", {})
    for place in (tmp_path / "nowhere" / "out.json", tmp_path):
        with pytest.raises(UnwritableReport, match="cannot be written"):
            require_writable(place)
    require_writable(tmp_path / "out.json")


def test_the_curve_goes_below_the_users() -> None:
    assert default_sizes(1_000_000) == (100_000, 333_333)
    assert default_sizes(2_000) == ()


def test_the_command_is_found_by_its_entry_point() -> None:
    (found,) = [point for point in entry_points(group=COMMANDS) if point.name == "bench"]
    assert found.load() is cli.app


def test_a_bad_option_stops_before_anything_is_drawn(tmp_path: Path) -> None:
    for option in (["--threshold", "fast"], ["--peers", "lucene"], ["--users", "3"], ["--curve", "x"]):
        result = CliRunner().invoke(cli.app, ["matching", "--data-dir", str(tmp_path), *option])
        assert isinstance(result.exception, InvalidInput), option


def test_misses_and_wrong_answers_end_with_status_1(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["matching", "--data-dir", str(tmp_path), "--threshold", "partial_us<=1000000"]
    monkeypatch.setattr(run_module, "run", lambda *_: document)
    assert CliRunner().invoke(cli.app, arguments).exit_code == 0
    missed = CliRunner().invoke(cli.app, [*arguments, "--threshold", "partial_us<=0"])
    assert missed.exit_code == 1
    assert "partial_us is" in missed.stderr
    monkeypatch.setattr(run_module, "run", lambda *_: {**document, "wrong_orders": 2})
    wrong = CliRunner().invoke(cli.app, arguments)
    assert wrong.exit_code == 1
    assert "2 of 24 checked orders are wrong" in wrong.stderr
    monkeypatch.setattr(run_module, "run", lambda *_: {**document, "kernels_compiled_late": 1})
    late = CliRunner().invoke(cli.app, arguments)
    assert late.exit_code == 1
    assert "1 kernels were compiled while it was timed" in late.stderr
