"""The private folder of one test session, shared by its workers, and the watch over the servers that live in it."""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

VARIABLE = "QUANWANG_TEST_FOLDER"


def create() -> Path:
    """Make the folder (short path: unix sockets live in it) and tell the workers, who inherit the environment."""
    folder = Path(tempfile.mkdtemp(prefix="qw-tests-"))
    (folder / "pids").mkdir()
    os.environ[VARIABLE] = str(folder)
    return folder


def current() -> Path:
    """The folder of this session."""
    return Path(os.environ[VARIABLE])


def watch(folder: Path) -> None:
    """Start the watch: when the session's process is killed, its servers are ended and the folder is removed."""
    spawn([sys.executable, "-S", "-E", __file__, str(os.getpid()), str(folder)], Path(os.devnull))


def spawn(command: list[str], log: Path) -> int:
    """Start a process of its own session that outlives the object that started it; return its pid."""
    devnull, out = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        actions = [(os.POSIX_SPAWN_DUP2, source, target) for source, target in ((devnull, 0), (out, 1), (out, 2))]
        return os.posix_spawn(command[0], command, os.environ, file_actions=actions, setsid=True)
    finally:
        os.close(devnull)
        os.close(out)


def runs(pid: int) -> bool:
    """Whether the process is still there; a child that ended is taken from the table."""
    with contextlib.suppress(ChildProcessError):
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def register(pid: int) -> None:
    """Put a server under the watch."""
    (current() / "pids" / str(pid)).touch()


def unregister(pid: int) -> None:
    """Take a server that was ended out of the watch: its number may be given to somebody else."""
    (current() / "pids" / str(pid)).unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """End every server that is still registered, then remove the folder."""
    pids = [int(path.name) for path in (folder / "pids").glob("*")] if (folder / "pids").is_dir() else []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline_s = time.monotonic() + 10
    while pids and time.monotonic() < deadline_s:
        pids = [pid for pid in pids if runs(pid)]
        time.sleep(0.05)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def _watch_until_gone(session_pid: int, folder: Path) -> None:
    while folder.is_dir():
        if not runs(session_pid):
            remove(folder)
            return
        time.sleep(1)


if __name__ == "__main__":
    _watch_until_gone(int(sys.argv[1]), Path(sys.argv[2]))
