"""Faults and scenes by seed, the history's rules, recovery times, reports."""

import json
from pathlib import Path

import pytest

from kit.errors import InvalidInput
from quanwang.drills.chaos.faults import CALM_S, FIRST_S, KINDS, LASTING, Struck, kinds_named, schedule
from quanwang.drills.chaos.findings import Code, Finding
from quanwang.drills.chaos.history import History
from quanwang.drills.chaos.people import People
from quanwang.drills.chaos.recovery import NOTIFY, percentile, recoveries
from quanwang.drills.chaos.report import report_of
from quanwang.drills.chaos.run import Wishes
from quanwang.drills.chaos.scenes import Publisher, Receiver, draw_scene
from tests.unit.drills.histories import DISPATCH_ID, chunk, end, history, submit

ROLES = tuple(dict.fromkeys(kind.role for kind in KINDS))


def test_a_seed_repeats_its_faults_and_another_seed_has_others() -> None:
    kinds = kinds_named((), ROLES)
    assert schedule(kinds, seed=1, lasts_s=300) == schedule(kinds, seed=1, lasts_s=300)
    assert schedule(kinds, seed=1, lasts_s=300) != schedule(kinds, seed=2, lasts_s=300)
    short, long = schedule(kinds, seed=1, lasts_s=100), schedule(kinds, seed=1, lasts_s=300)
    assert long[: len(short)] == short


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_has_its_turn_and_the_end_is_calm(seed: int) -> None:
    kinds = kinds_named((), ROLES)
    faults = schedule(kinds, seed=seed, lasts_s=600)
    assert sorted(fault.kind.name for fault in faults[: len(kinds)]) == sorted(kind.name for kind in kinds)
    assert len(faults) > len(kinds)
    assert [fault.at_s for fault in faults] == sorted(fault.at_s for fault in faults)
    assert min(fault.at_s for fault in faults) >= FIRST_S
    assert max(fault.at_s + fault.lasts_s for fault in faults) <= 600 - CALM_S
    assert all((fault.lasts_s > 0) == (fault.kind.action in LASTING) for fault in faults)


def test_some_faults_outlast_the_leases() -> None:
    freezes = [fault.lasts_s for fault in schedule(kinds_named(("worker-freeze",), ROLES), seed=3, lasts_s=600)]
    assert max(freezes) > 6.0 > min(freezes)


def test_faults_are_chosen_by_role_or_by_name() -> None:
    assert [kind.name for kind in kinds_named(("worker-kill", "redis"), ROLES)] == [
        "worker-kill",
        "redis-kill",
        "redis-freeze",
        "redis-flush",
    ]
    with pytest.raises(InvalidInput, match=r"--faults: 'wroker' is no fault of this installation; known are api,"):
        kinds_named(("wroker",), ROLES)
    with pytest.raises(InvalidInput, match="'database' is no fault of this installation"):
        kinds_named(("database",), ("api", "disk"))


def test_a_run_too_short_for_a_fault_has_none() -> None:
    assert schedule(kinds_named((), ROLES), seed=1, lasts_s=5) == []
    assert schedule([], seed=1, lasts_s=500) == []


def test_scenes_repeat_and_every_story_occurs() -> None:
    scenes = [draw_scene(1, number) for number in range(1_000)]
    assert scenes == [draw_scene(1, number) for number in range(1_000)]
    assert {scene.publisher for scene in scenes} == set(Publisher)
    assert {scene.receiver for scene in scenes} == set(Receiver)
    for name in ("external_id", "fresh", "cancelled_at_once"):
        assert {getattr(scene, name) for scene in scenes} == {True, False}, name
    assert all(scene.withdrawers < max(1, scene.acceptors) for scene in scenes)


def test_most_people_stay_as_they_are() -> None:
    people = People(1, 1_000)
    assert [people.stays(number) for number in (0, 1, 980, 981, 1_000, 1_001)] == [
        False, True, True, False, False, False,
    ]  # fmt: skip


def test_a_history_is_written_as_it_happens_and_an_end_is_final(tmp_path: Path) -> None:
    times = iter(range(100))
    kept = History(tmp_path / "history.jsonl", lambda: next(times))
    begun = kept.begin("accept", order="one", user_id=7, wanted={"user_id": 7})
    kept.begin("cancel", order="one", wanted={})
    kept.end(begun, "ok", status=200, answer={"position": 1})
    with pytest.raises(ValueError, match="operation 0 ended before"):
        kept.end(begun, "fail")
    kept.close()
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [("begin" in line, "end" in line) for line in lines] == [(True, False), (True, False), (False, True)]
    assert (lines[2]["end"], lines[2]["outcome"], lines[2]["answer"]) == (0, "ok", {"position": 1})
    assert kept.counts() == {"ok": 1, "fail": 0, "unknown": 0}


def test_recovery_is_counted_from_the_fault_to_the_first_success_that_began_after_it() -> None:
    operations = [submit(0), submit(95, title="two"), submit(300, "unknown", title="x"), submit(400, title="three")]
    struck = [Struck("api-kill", 100, 100, 1), Struck("api-kill", 10_000, 10_000, 1)]
    found = recoveries(struck, operations, [chunk((1,), delivered_at_ms=900)], {DISPATCH_ID: 450})
    assert found["api-kill"]["submit"] == [310]
    assert found["api-kill"][NOTIFY] == [800]


def test_the_earliest_end_counts_not_the_earliest_beginning() -> None:
    slow, quick = submit(100), submit(150, title="two")
    slow.ended_ms, quick.ended_ms = 5_000, 160
    assert recoveries([Struck("redis-kill", 100, 100, 1)], [slow, quick], [], {})["redis-kill"]["submit"] == [60]


def test_percentiles_are_values_that_occurred() -> None:
    assert percentile([], 0.5) is None
    assert percentile([5], 0.99) == 5
    assert percentile([4, 1, 3, 2], 0.5) == 2
    assert percentile(list(range(1, 101)), 0.99) == 99


def test_a_report_counts_and_says_what_is_wrong() -> None:
    finding = Finding(Code.LOST, "order one is gone")
    struck = [Struck("api-kill", 50, 50, 1)]
    operations = [*history(), submit(700, "unknown", title="nobody knows")]
    report = report_of(Wishes(60, seed=4), operations, end(), struck, [finding], quiet_s=1.5)
    document = report.to_document()
    assert not report.clean
    assert (document["acknowledged"], document["unknown"], document["lost"], document["doubled"]) == (1, 1, 1, 0)
    assert document["faults"] == {"api-kill": 1}
    assert document["recovery_ms"]["api-kill"]["accept"] == {"p50": 60, "p99": 60, "count": 1}
    assert document["findings"] == [{"code": "lost", "sentence": "order one is gone"}]
    json.dumps(document)
    assert report_of(Wishes(60), history(), end(), [], [], quiet_s=None).clean
