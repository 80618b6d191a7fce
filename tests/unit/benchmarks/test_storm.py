"""The storm's changes are what they are said to be; whoever is lost, foreign, stale or answered wrongly is named."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks import cli
from benchmarks.reports import write_json
from benchmarks.storm import run as run_module
from benchmarks.storm import writing
from benchmarks.storm.changes import Ledger, draw_changes
from benchmarks.storm.checking import find_lost, find_wrong
from benchmarks.storm.settings import FIGURES, KINDS, MIX, StormSettings, parse_mix
from benchmarks.storm.tables import sentences, tables
from engine.ports import ShardSetup
from engine.shards import Shard
from kit.errors import InvalidInput
from matching.index.columns import ProfileColumns
from tests.unit.benchmarks.conftest import Town

NOBODY = np.zeros(0, np.int64)
WRITTEN = {"availability": "available", "rating": "ratings", "location": "latitudes"}


@pytest.fixture(scope="module")
def document() -> Iterator[dict[str, Any]]:
    """A storm without waiting: barriers follow one another at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "wait_s", lambda _seconds: None)
        patch.setattr(writing, "wait_s", lambda _seconds: None)
        patch.setattr(run_module, "shared_folder", lambda: None)
        settings = StormSettings(users=3_000, orders=32, percent_a_minute=200.0, seconds=10.0, quiet_seconds=1.0)
        yield run_module.run(settings, lambda _line: None)


def same_rows(one: ProfileColumns, other: ProfileColumns, name: str) -> np.ndarray[Any, Any]:
    some, others = getattr(one, name), getattr(other, name)
    return np.asarray((some == others) | ((some != some) & (others != others)))


def test_each_kind_changes_its_own_column_and_no_other(town: Town) -> None:
    for number, kind in enumerate(KINDS):
        ledger = Ledger(town.columns)
        before = set(ledger.living().tolist())
        (change,) = draw_changes(town.world, ledger, 1, 40, {**dict.fromkeys(KINDS, 0.0), kind: 1.0})
        after = set(ledger.living().tolist())
        assert len(change) == 40
        assert before - after == (set(change.deleted.tolist()) if kind == "leaving" else set())
        assert after - before == (set(change.put.ids.tolist()) if kind == "joining" else set())
        if kind in ("leaving", "joining"):
            continue
        assert set(change.kinds.tolist()) == {number}
        earlier = town.columns.take(change.put.ids - 1)
        words = earlier.same_tokens(np.arange(40), change.put, np.arange(40))
        assert not words.any() if kind == "words" else words.all()
        for other, name in WRITTEN.items():
            same = same_rows(earlier, change.put, name)
            assert same.mean() < 0.2 if other == kind else same.all(), (kind, name)


def test_the_ledger_knows_everybody_as_he_was_sent_last(town: Town) -> None:
    ledger = Ledger(town.columns)
    changes = draw_changes(town.world, ledger, 6, 700, MIX)
    last: dict[int, tuple[int, int]] = {}
    for page, change in enumerate(changes):
        last |= {user_id: (page, row) for row, user_id in enumerate(change.put.ids.tolist())}
        last = {user_id: place for user_id, place in last.items() if user_id not in set(change.deleted.tolist())}
    some = np.array(sorted(last)[::7][::-1], np.int64)
    found = ledger.present(some)
    assert found.ids.tolist() == some.tolist()
    for row, user_id in enumerate(some.tolist()):
        page, sent = last[user_id]
        assert found.ratings[row] == changes[page].put.ratings[sent]
        assert found.same_tokens(np.array([row]), changes[page].put, np.array([sent])).all()


def test_whoever_is_lost_foreign_or_stale_is_named(town: Town, tmp_path: Path) -> None:
    taxonomy = town.world.words.taxonomy
    setup = ShardSetup(
        1, 1, np.array(taxonomy.regions.parents, np.int32), np.array(taxonomy.industries.parents, np.int32)
    )
    shard = Shard(0, tmp_path)
    shard.reset(setup)
    shard.apply(1, town.columns, NOBODY)
    assert find_lost(shard, setup, tmp_path, town.columns) == []
    assert find_wrong(shard, town.world, town.workload.queries, town.columns) == []
    fewer = town.columns.take(np.arange(1, len(town.columns)))
    assert find_lost(shard, setup, tmp_path, fewer) == ["user 1 should not be there"]
    shard.apply(2, town.columns.take(np.arange(0)), np.array([5], np.int64))
    assert find_lost(shard, setup, tmp_path, town.columns) == ["user 5 is missing"]
    stale = town.columns.take(np.arange(len(town.columns)))
    stale.ratings[[4, 6]] ^= 1
    shard.apply(3, stale, NOBODY)
    stale.ratings[4] ^= 1
    assert find_lost(shard, setup, tmp_path, town.columns) == [
        "user 5 is not as he was sent", "user 7 is not as he was sent",
    ]  # fmt: skip
    stale.available[:] = False
    shard.apply(4, stale, NOBODY)
    assert len(find_wrong(shard, town.world, town.workload.queries, town.columns)) > len(town.workload.queries) // 2


def test_a_change_that_is_not_seen_is_named(town: Town) -> None:
    (change,) = draw_changes(town.world, Ledger(town.columns), 1, 60, MIX)
    probes = writing._Probes.of(town.world, change)
    taxonomy = town.world.words.taxonomy
    shard = Shard(0)
    shard.reset(
        ShardSetup(1, 1, np.array(taxonomy.regions.parents, np.int32), np.array(taxonomy.industries.parents, np.int32))
    )
    shard.apply(1, town.columns, NOBODY)
    assert len(probes.find_faults(shard.match(probes.batch, 1, full_only=True))) == len(probes.rows) == writing.PROBES
    shard.apply(2, change.put, change.deleted)
    assert probes.find_faults(shard.match(probes.batch, 2, full_only=True)) == []


def test_a_run_loses_nobody_and_has_every_figure(document: dict[str, Any], tmp_path: Path) -> None:
    assert (document["lost_users"], document["unseen_changes"], document["wrong_orders"]) == (0, 0, 0)
    assert document["changes"] == 20 * 50 == sum(document["changes_by_kind"].values())
    assert document["checked_orders"] == 32
    assert len(document["samples"]["barrier_ms"]) == 20
    for figure in FIGURES:
        assert isinstance(document[figure], int | float), figure
    write_json(tmp_path / "storm.json", document)
    assert json.loads((tmp_path / "storm.json").read_text())["changes"] == document["changes"]


def test_tables_and_sentences_hold_the_figures(document: dict[str, Any]) -> None:
    shown = [cell for grid in tables(document) for row in grid.rows for cell in row]
    assert any("from the hand-over" in cell for cell in shown)
    assert any(cell.endswith("x") for cell in shown)
    assert any("Lost or wrong users: 0" in line for line in sentences(document))
    assert any("Wrong: user 3" in line for line in sentences({**document, "lost": ["user 3 is missing"]}))


def test_bad_options_stop_before_anything_is_drawn(tmp_path: Path) -> None:
    for option in (
        ["--users", "3"], ["--mix", "words"], ["--mix", "naps=3"], ["--mix", "words=0"], ["--seconds", "nan"],
        ["--threshold", "full_set_us<=3"],
    ):  # fmt: skip
        result = CliRunner().invoke(cli.app, ["storm", "--data-dir", str(tmp_path), *option])
        assert isinstance(result.exception, InvalidInput), option
    assert parse_mix("words=2, rating=1.5")["rating"] == 1.5
    assert parse_mix(None) == MIX


def test_misses_and_losses_end_with_status_1(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["storm", "--data-dir", str(tmp_path), "--threshold", "lost_users<=0"]
    monkeypatch.setattr(run_module, "run", lambda *_: document)
    assert CliRunner().invoke(cli.app, arguments).exit_code == 0
    missed = CliRunner().invoke(cli.app, [*arguments, "--threshold", "barrier_max_ms<=0"])
    assert missed.exit_code == 1
    assert "barrier_max_ms is" in missed.stderr
    monkeypatch.setattr(run_module, "run", lambda *_: {**document, "lost_users": 2})
    lost = CliRunner().invoke(cli.app, arguments)
    assert lost.exit_code == 1
    assert "2 users are lost" in lost.stderr
