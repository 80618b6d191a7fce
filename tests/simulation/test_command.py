"""The command: what it prints, how it ends, and what it refuses."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kit.db import Database
from kit.errors import InvalidInput
from quanwang.migrations import migrate
from quanwang.simulation.run import Outcome, Wishes
from quanwang.simulation.seed_run import Bench


def simulate(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "quanwang", "simulate", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def test_a_clean_seed_ends_well_and_says_what_happened(bench: Bench) -> None:
    """The same seed in another process is the same run."""
    done = simulate("--seed", "3", "--steps", "200", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["clean"], document["seeds"], document["first_seed"], document["failures"]) == (True, 1, 3, [])
    assert document["counts"]["orders"] > 0
    assert document["crash_points"]["dispatch.committed"]["passed"] > 0
    here = Outcome()
    here.add(bench.run(3, 200))
    assert here.digest == document["digest"]


def test_a_failed_seed_says_which_how_and_how_to_run_it_again() -> None:
    done = simulate("--seed", "1", "--seeds", "20", "--jobs", "1", "--plant", "told_users_forgotten")
    assert done.returncode == 1
    assert "nobody is told twice" in done.stdout
    seed, options = done.stdout.split("again: quanwang simulate --seed ")[1].splitlines()[0].split(" ", 1)
    again = simulate("--seed", seed, *options.split())
    assert again.returncode == 1
    shown = [text.split("seed " + seed)[1].split("again:")[0] for text in (done.stdout, again.stdout)]
    assert shown[0] == shown[1]


def test_a_refusal_is_one_sentence() -> None:
    done = simulate("--crash-at", "nowhere")
    assert done.returncode == 2
    assert "--crash-at: 'nowhere' must be one of request.begun, " in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"plant": "coffee"}, "'coffee' is no planted bug; leave it unset, or use "),
        ({"plant": "answered_before_commit"}, "cannot show in a simulation; it needs real processes"),
        ({"mariadb": True, "database_url": "sqlite:////tmp/x"}, "and --mariadb are both given; choose one"),
        ({"database_url": "sqlite:////tmp/x"}, "--jobs: 2 must be 1 with --database"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        Wishes(1, 1, 100, 2, crash_points=False, **options)


def test_a_database_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'people.sqlite3'}"
    migrate(url)
    database = Database(url)
    with database.transaction() as session:
        session.exec_driver_sql("INSERT INTO sequence (name, next_value) VALUES ('ids', 7)")
    done = simulate("--database", url, "--seeds", "1")
    assert done.returncode == 1
    assert "holds orders, people or settings" in done.stderr
    with database.read() as session:
        assert session.exec_driver_sql("SELECT next_value FROM sequence").scalar_one() == 7
    database.dispose()
