"""`quanwang chaos` on real installations: green without a planted bug, red with each that clients can notice."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from quanwang.planted_bugs import PLANTED_BUGS
from quanwang.processes.lifeline import processes_of_session
from tests.harness import folder as session_folder

pytestmark = pytest.mark.timeout(600)

ALONE = ("--embedded", "--in-process")
"""Without Ray and standbys: ready within seconds."""

SHOWN_BY: dict[str, tuple[str, float, tuple[str, ...], set[str]]] = {
    "told_users_forgotten": ("api-restart", 0.3, ALONE, {"told twice"}),
    "profiles_not_awaited": ("api-restart", 0.4, ALONE, {"missed"}),
    "deliveries_after_commit": ("dispatcher-kill", 0.7, ALONE, {"forgotten"}),
    "leases_ignored": ("redis-freeze", 0.7, ALONE, {"forgotten"}),
    "timers_not_set": ("api-restart", 0.4, ALONE, {"forgotten"}),
    "inbox_entries_by_delivery": ("worker-kill,worker-freeze", 0.5, ALONE, {"invariant"}),
    "wiped_redis_trusted": ("redis-flush", 0.4, ALONE, {"missed"}),
    "acceptance_without_lock": ("api-restart", 0.4, ALONE, {"phantom"}),
    "expiry_not_enforced": ("api-restart", 0.4, ALONE, {"phantom"}),
    "arrivals_by_clock": ("api-restart", 0.3, ALONE, {"invariant"}),
    "two_active_assignments": ("api-restart", 0.4, ALONE, {"assignments"}),
    "idempotency_keys_not_kept": ("api-restart", 0.3, ALONE, {"doubled"}),
    "answered_before_commit": ("api-kill", 0.7, ALONE, {"lost"}),
    "incomplete_answers_recorded": ("shard-hang", 1.0, ("--embedded",), {"missed"}),
}
"""Planted bug: faults that let it show, minutes, options, and what must be among the findings."""

UNSEEN: dict[str, str] = {
    "fencing_off": "the late worker must wake between two waves of the order that it holds; a simulation gets there",
}
"""Planted bugs that no client can notice in an installation like this, and why."""


def chaos(folder: Path, *options: str, minutes: float, status: int) -> dict[str, Any]:
    """Run the command to its end, which leaves no process behind; return its report."""
    folder.mkdir(parents=True)
    document = folder / "report.json"
    command = [sys.executable, "-m", "quanwang", "chaos", "--minutes", str(minutes), "--json", str(document)]
    command += ["--profiles", "2000", "--folder", str(folder / "site"), *options]
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        session_folder.register(process.pid)
        assert process.wait(500) == status, (folder / "output.txt").read_text()
    assert processes_of_session(process.pid) == []
    found: dict[str, Any] = json.loads(document.read_text(encoding="utf-8"))
    return found


def found_codes(report: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in report["findings"]}


def test_a_planted_bug_is_found_and_nothing_else(tmp_path: Path) -> None:
    """Under faults, too, whatever is not broken by the bug holds: the other checks stay silent."""
    options = ("--faults", "worker-kill,redis-flush", "--plant", "told_users_forgotten", "--orders-per-s", "8", *ALONE)
    report = chaos(tmp_path / "run", *options, minutes=0.2, status=1)
    # Whoever is told again and again accepts a later offer when his first one is over.
    assert found_codes(report) - {"phantom"} == {"told twice", "invariant"}
    assert {finding["sentence"].partition(":")[0] for finding in report["findings"] if finding["code"] == "invariant"}
    assert report["acknowledged"] > 30
    assert report["faults"]
    assert (report["lost"], report["doubled"]) == (0, 0)


def test_every_planted_bug_is_shown_or_said_to_be_unseen() -> None:
    assert {*SHOWN_BY, *UNSEEN} == set(PLANTED_BUGS)


@pytest.mark.nightly
@pytest.mark.parametrize("bug", SHOWN_BY)
def test_chaos_is_red_for_a_planted_bug(bug: str, tmp_path: Path) -> None:
    faults, minutes, options, codes = SHOWN_BY[bug]
    report = chaos(tmp_path / "run", "--faults", faults, "--plant", bug, *options, minutes=minutes, status=1)
    assert codes <= found_codes(report)


@pytest.mark.nightly
def test_chaos_is_green_on_a_cluster(tmp_path: Path) -> None:
    """Every kind of fault, on a database and a Redis with a standby each."""
    report = chaos(tmp_path / "run", "--seed", "11", minutes=4, status=0)
    assert report["findings"] == []
    assert len(report["faults"]) > 15
    assert {"database-kill", "redis-kill", "ray-kill"} <= set(report["faults"])
