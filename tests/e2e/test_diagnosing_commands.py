"""The diagnosing commands beside a running installation, as an admin on its machine runs them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from engine.socket import CallServer
from kit.config import load_settings
from kit.errors import InvalidInput, QuanwangError
from marketplace import dispatch
from quanwang.cli import app
from tests.e2e.pages_world import FAR_WELDERS, LOCAL_WELDERS, ORDER, World

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def offered(world: World) -> int:
    dispatch_id = world.submit()
    world.wait_delivered(dispatch_id)
    return dispatch_id


@pytest.fixture
def quanwang(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run a command in a data folder whose dispatcher answers on the folder's own socket."""
    monkeypatch.setenv("QUANWANG_DATABASE_URL", world.database_url)
    settings = load_settings(data_dir=tmp_path / "data")
    settings.prepare_folders()
    server = CallServer(settings.match_address, world.matching.service.handlers())
    server.start()

    def run(*arguments: object, text: str | None = None) -> Result:
        command = [*map(str, arguments), "--data-dir", str(settings.data_dir)]
        return CliRunner().invoke(app, command, input=text, env={"COLUMNS": "200"})

    yield run
    server.stop()


def refusal(done: Result) -> QuanwangError:
    """The expected error that a command ends with; the entry point prints its sentence."""
    assert isinstance(done.exception, QuanwangError), done.output
    return done.exception


def document(done: Result) -> dict[str, Any]:
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_explain_says_first_what_would_make_a_match(quanwang: Run, offered: int) -> None:
    done = quanwang("explain", offered, FAR_WELDERS[0])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == f"User {FAR_WELDERS[0]} is a partial match of dispatch {offered}."
    assert lines[2] == "Would be a full match if, by either change:"
    assert "region: the user could serve 浦东新区 (310115); the order could" in lines[3]
    told = quanwang("explain", offered, LOCAL_WELDERS[0]).stdout
    assert "is a full match" in told
    assert "Told in wave 1 as number" in told
    match = document(quanwang("explain", offered, FAR_WELDERS[0], "--json"))["match"]
    assert (match["tier"], len(match["changes"])) == ("partial", 1)


def test_funnel_counts_and_times_each_stage_and_shard(quanwang: Run, offered: int) -> None:
    shown = quanwang("funnel", offered).stdout
    for part in ("all users", "120", "full tier", "waited for the first wave", "of that, shard 0", "Certificate: 120"):
        assert part in shown
    found = document(quanwang("funnel", offered, "--json"))
    assert (found["population"], found["full"], found["notified_full"]) == (120, 40, 40)
    assert found["match_times"]["shards"][0]["us"] > 0


def test_preview_counts_an_order_from_a_file_and_from_standard_input(quanwang: Run, tmp_path: Path) -> None:
    order = {name: value for name, value in ORDER.items() if name not in ("title", "description")}
    path = tmp_path / "order.json"
    path.write_text(json.dumps(order))
    shown = quanwang("preview", path).stdout
    assert "Of 120 users, 40 satisfy everything and 40 a part." in shown
    assert "without" in shown
    found = document(quanwang("preview", "-", "--json", text=json.dumps(order)))
    assert found["full_count"] == 40
    assert any(gain["gain"] == 40 and gain["dimension"] == "region" for gain in found["gains"])


def test_replay_is_identical_and_plans_another_policy(quanwang: Run, offered: int, tmp_path: Path) -> None:
    done = quanwang("replay", offered, "--with-policy", "demonstration")
    assert done.exit_code == 0, done.output
    assert "comes out byte for byte: 1 waves" in done.stdout
    assert "under demonstration" in done.stdout
    policy = tmp_path / "slow.json"
    policy.write_text(json.dumps({"name": "slow", "wave_size": 10, "wave_interval_ms": 0}))
    found = document(quanwang("replay", offered, "--with-policy", policy, "--json"))
    assert found["identical"]
    assert found["waves"][0]["recorded_digest"] == found["waves"][0]["replayed_digest"]
    assert (found["with_policy"]["planned"]["waves"], found["with_policy"]["planned"]["full"]) == (4, 40)


def test_a_dispatch_that_was_not_matched_is_shown_as_such(quanwang: Run, world: World) -> None:
    dispatch_id = world.submit(order={"title": "你好", "text": "你好，全国"})

    def ended() -> bool:
        with world.database.read() as session:
            return dispatch.get_dispatch(session, dispatch_id=dispatch_id).summary.stage == "unmatchable"

    world.wait_until(ended, "the order was matched")
    assert "has not been matched yet" in refusal(quanwang("explain", dispatch_id, LOCAL_WELDERS[0])).sentence
    assert "Nobody was looked for" in quanwang("funnel", dispatch_id).stdout
    assert "0 waves" in quanwang("replay", dispatch_id).stdout


def test_mistakes_are_one_sentence(quanwang: Run, world: World, offered: int, tmp_path: Path) -> None:
    for command in (("explain", 42, 1), ("funnel", 42), ("replay", 42)):
        assert refusal(quanwang(*command)).sentence.startswith("Dispatch 42 does not exist")
    assert "there is no user 'nobody' of pages-test" in refusal(quanwang("explain", offered, "nobody")).sentence
    assert "is not a known policy" in refusal(quanwang("replay", offered, "--with-policy", "no-such")).sentence
    missing = tmp_path / "missing.json"
    assert refusal(quanwang("preview", missing)).sentence == (
        f"FILE: '{missing}' cannot be read: No such file or directory"
    )
    for text, part in (
        ("{", "holds no JSON"),
        ("[1]", "must hold one JSON object"),
        ('{"regions": ["999999"]}', "999999"),
        ('{"regions": ["310115"], "exclude": [1]}', "--owner"),
    ):
        error = refusal(quanwang("preview", "-", text=text))
        assert isinstance(error, InvalidInput)
        assert part in error.sentence
    bad = tmp_path / "bad.json"
    bad.write_text('{"wave_size": 1000000}')
    assert "wave_size: 1000000 must be" in refusal(quanwang("replay", offered, "--with-policy", bad)).sentence
    assert quanwang("funnel", "none").exit_code == 2


def test_without_a_dispatcher_only_what_needs_it_is_refused(
    world: World, offered: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUANWANG_DATABASE_URL", world.database_url)
    folder = ("--data-dir", str(tmp_path / "data"))
    refused = CliRunner().invoke(app, ["explain", str(offered), "1001", *folder])
    assert "matching is paused" in refusal(refused).sentence
    assert CliRunner().invoke(app, ["funnel", str(offered), *folder]).exit_code == 0
    assert CliRunner().invoke(app, ["replay", str(offered), *folder]).exit_code == 0
