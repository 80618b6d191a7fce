"""What ``quanwang up`` does when its demonstration fails, and what ``quanwang status`` shows."""

import io
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from kit.config import Settings
from kit.errors import Unavailable
from quanwang.cli.installation import show_status
from quanwang.processes.installation import known_address, remember_address, remove_contents
from quanwang.processes.supervisor import Supervisor
from quanwang.processes.up import Wishes, _Play

FULL = "the database is full: free space there; nothing was changed"


class IdleSupervisor:
    """Notes whether it was asked to stop."""

    stopped = False

    def stop(self) -> None:
        self.stopped = True


class Scripted(_Play):
    """A demonstration of three parts, of which the second fails."""

    def __init__(self, folder: Path, *, once: bool) -> None:
        self.told = io.StringIO()
        self.supervisor = IdleSupervisor()
        wishes = Wishes(10, 10, 1, once, reset=False, in_process=True)
        console = Console(file=self.told, width=200)
        settings = Settings(data_dir=folder)
        super().__init__(settings, wishes, cast(Supervisor, self.supervisor), console, started_s=0.0)
        self.parts: list[str] = []

    def _play(self) -> None:
        for name in ("people", "orders", "acceptances"):
            self.parts.append(self._part(lambda name=name: self._work(name), f"no {name}"))  # type: ignore[misc]

    def _work(self, name: str) -> str:
        if name == "orders":
            raise Unavailable(FULL)
        return name


def test_a_demonstration_that_fails_leaves_the_platform_up(tmp_path: Path) -> None:
    play = Scripted(tmp_path, once=False)
    play.run()
    assert play.parts == ["people", "no orders", "no acceptances"]
    assert f"The demonstration ends here: {FULL}. The platform stays up" in play.told.getvalue()
    assert not play.supervisor.stopped
    assert play.finish() == 1


def test_with_once_it_ends_everything_with_its_sentence(tmp_path: Path) -> None:
    play = Scripted(tmp_path, once=True)
    play.run()
    assert play.supervisor.stopped
    with pytest.raises(Unavailable, match="is full"):
        play.finish()


def status(**web: Any) -> dict[str, Any]:
    shard = {"shard_id": 0, "population": 25_000, "available": 24_000, "segments": 2, "delta_users": 7, "barrier": 9}
    return {
        "ready": web["ok"],
        "data_folder": "/srv/[quanwang]",
        "up_process": 4711,
        "database": {"ok": True, "says": "answers, SQLite"},
        "redis": {"ok": True, "says": "answers"},
        "matching": {"ok": True, "says": "25,000 users", "shards": [{**shard, "tombstones": 1, "bytes": 3 * 2**20}]},
        "web": web,
    }


def shown(found: dict[str, Any]) -> list[str]:
    told = io.StringIO()
    show_status(Console(file=told, width=200), found)
    return [" ".join(line.split()) for line in told.getvalue().splitlines()]


def test_status_is_a_table_for_people() -> None:
    assert shown(status(ok=True, says="http://127.0.0.1:9000")) == [
        "data folder /srv/[quanwang]",
        "quanwang up process 4711",
        "database ok answers, SQLite",
        "redis ok answers",
        "matching ok 25,000 users",
        "shard 0: 25,000 users (24,000 available), segments 2, in the delta 7, 3.0 MiB, at barrier 9",
        "web ok http://127.0.0.1:9000",
        "Orders are accepted, matched and delivered.",
    ]
    assert shown(status(ok=False, says="does not answer at http://127.0.0.1:9000"))[-2:] == [
        "web no does not answer at http://127.0.0.1:9000",
        "Not everything answers; see above.",
    ]


def test_the_folder_remembers_where_its_web_process_listens(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, http_port=8420)
    settings.prepare_folders()
    assert known_address(settings) == ("127.0.0.1", 8420)
    remember_address(settings, "::1", 9000)
    assert known_address(settings) == ("::1", 9000)
    (settings.run_dir / "web.address").write_text("[]")
    assert known_address(settings) == ("127.0.0.1", 8420)
    remember_address(settings, "127.0.0.1", 9001)
    remove_contents(settings)
    assert known_address(settings) == ("127.0.0.1", 8420)
