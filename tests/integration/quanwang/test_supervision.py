"""Children end with their supervisor, are started again when they crash, and leave nothing behind."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil  # type: ignore[import-untyped]  # publishes no types
import pytest

from kit.config import Settings
from quanwang.processes.children import PARENT_ID_VARIABLE, Child
from quanwang.processes.installation import (
    AlreadyRunning,
    DiskAlmostFull,
    PortTaken,
    check_port,
    locked,
    remove_contents,
    running_owner,
)
from quanwang.processes.lifeline import kill_session, processes_of_session
from quanwang.processes.up import Wishes, run_up

pytestmark = pytest.mark.integration

SLEEPER = "import time; time.sleep(600)"


def _wait(condition: Callable[[], bool], wait_s: float = 10.0) -> None:
    end = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def _child(folder: Path, code: str, **named: object) -> Child:
    return Child("sleeper", [sys.executable, "-c", code], folder / "sleeper.log", {}, **named)  # type: ignore[arg-type]


def test_a_crashed_child_is_started_again_with_growing_pauses(tmp_path: Path) -> None:
    child = _child(tmp_path, SLEEPER)
    child.start()
    first = child.process_id
    assert first is not None
    os.kill(first, signal.SIGKILL)
    _wait(child.look_after)
    assert child.last_status == -signal.SIGKILL

    def again() -> bool:
        child.look_after()
        return child.process_id not in (None, first)

    _wait(again)
    assert child.starts == 2
    child.ask_to_stop()
    child.wait_stopped()
    assert not child.look_after()
    assert child.process_id is None


def test_a_child_that_always_crashes_is_not_started_in_a_busy_loop(tmp_path: Path) -> None:
    child = _child(tmp_path, "raise SystemExit(3)")
    child.start()
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        child.look_after()
        time.sleep(0.01)
    assert child.last_status == 3
    assert child.starts <= 4
    child.ask_to_stop()


def test_a_child_that_runs_once_is_left_alone_when_it_ended_well(tmp_path: Path) -> None:
    child = _child(tmp_path, "print('done')", runs_once=True)
    child.start()

    def ended() -> bool:
        child.look_after()
        return child.last_status == 0

    _wait(ended)
    time.sleep(0.5)
    assert not child.look_after()
    assert child.starts == 1
    assert child.last_lines() == "done"


def test_stopping_takes_the_grandchildren_along(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, signal\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"subprocess.Popen([sys.executable, '-c', {SLEEPER!r}])\n"
        "print('ready', flush=True)\n" + SLEEPER
    )
    child = _child(tmp_path, code)
    child.start()
    _wait(lambda: "ready" in child.last_lines())
    leader = child.process_id
    assert leader is not None
    assert len(processes_of_session(leader)) == 2
    child.ask_to_stop()
    child.wait_stopped(0.3)
    assert processes_of_session(leader) == []


def test_a_killed_supervisor_takes_its_children_along(tmp_path: Path) -> None:
    """kill -9 of the supervisor leaves no time for anything: the kernel tells the children."""
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from quanwang.processes.children import Child\n"
        f"child = Child('held', [sys.executable, '-m', 'quanwang.processes.attached', 'sleep', '600'], "
        f"Path({str(tmp_path / 'held.log')!r}), {{}})\n"
        "child.start()\n"
        "print(child.process_id, flush=True)\n"
        "time.sleep(600)\n"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    held = psutil.Process(int(supervisor.stdout.readline()))
    _wait(lambda: held.name() == "sleep")
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    _wait(lambda: not held.is_running() or held.status() == psutil.STATUS_ZOMBIE)


def test_a_child_whose_parent_is_gone_already_does_not_start(tmp_path: Path) -> None:
    environment = {**os.environ, PARENT_ID_VARIABLE: "1"}
    command = [sys.executable, "-m", "quanwang.processes.attached", "touch", str(tmp_path / "started")]
    done = subprocess.run(command, env=environment, timeout=20, check=False)
    assert done.returncode == 0
    assert not (tmp_path / "started").exists()


def test_kill_session_ends_what_appears_while_it_kills() -> None:
    code = f"import subprocess, sys\nwhile True:\n    subprocess.Popen([sys.executable, '-c', {SLEEPER!r}])\n"
    breeder = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    _wait(lambda: len(processes_of_session(breeder.pid)) > 3)
    kill_session(breeder.pid)
    assert breeder.wait() == -signal.SIGKILL
    assert processes_of_session(breeder.pid) == []


def test_two_on_one_data_folder_is_one_clear_sentence(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    settings.prepare_folders()
    code = (
        "import time\n"
        "from pathlib import Path\n"
        "from kit.config import Settings\n"
        "from quanwang.processes.installation import locked\n"
        f"with locked(Settings(data_dir=Path({str(settings.data_dir)!r}))):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning, match=f"in use by process {owner.pid}.*--data-dir"), locked(settings):
            pass
        assert running_owner(settings) == owner.pid
        owner.kill()
        owner.wait()
    with locked(settings):
        assert running_owner(settings) == os.getpid()
    assert running_owner(settings) is None


def test_a_taken_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"port {port} on 127\.0\.0\.1 .*--port"):
            check_port(Settings(data_dir=tmp_path, http_port=port))


def test_reset_removes_what_is_ours_and_nothing_else(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    settings.prepare_folders()
    ours = ("quanwang.sqlite3", "quanwang.sqlite3-wal", "demonstration.json", "shards/0/1.snapshot", "keys/admin.key")
    theirs = ("somebody.txt", "keys/id_rsa", "kernels/warm-1")
    for name in (*ours, *theirs, "logs/ray.log", "logs/ray.log.1"):
        (settings.data_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (settings.data_dir / name).write_text("x")
    with locked(settings):
        remove_contents(settings)
        assert running_owner(settings) == os.getpid()
    left = {str(path.relative_to(settings.data_dir)) for path in settings.data_dir.rglob("*") if path.is_file()}
    assert left == {*theirs, "run/up.lock", "quanwang-folder.txt"}


def test_a_full_disk_does_not_keep_reset_from_making_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is had although not even its owner's number can be written."""
    settings = Settings(data_dir=tmp_path / "data")
    settings.prepare_folders()

    def full(_descriptor: int, _content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with locked(settings), pytest.raises(AlreadyRunning, match="process unknown"), locked(settings):
        pass


def test_little_room_is_told_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=3 * 1024**2))
    settings = Settings(data_dir=tmp_path / "data")
    settings.prepare_folders()
    wishes = Wishes(orders=0, profiles=0, seed=1, once=True, reset=False, in_process=True)
    with pytest.raises(DiskAlmostFull, match=r"has 3 MB left and 200 MB are needed: free some, or choose .*--data-dir"):
        run_up(settings, wishes, 0.0)
