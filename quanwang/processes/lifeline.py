"""A process that ends with its parent, and the processes of a session that must not outlive it (Linux)."""

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent_id: int | None, signal_number: int = signal.SIGTERM) -> None:
    """Ask the kernel for ``signal_number`` when the thread that started us ends; leave when it is gone already.

    ``parent_id`` is the process that is expected as parent; None when the process was started by a person.
    """
    if parent_id is None:
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent_id:
        os._exit(0)


def processes_of_session(session_id: int) -> list[int]:
    """Return the ids of the living processes of a session, this process excepted."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            # The command is in parentheses and may hold anything; state, parent, group and session follow it.
            state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(session) == session_id and state != "Z":
            found.append(int(entry.name))
    return found


def kill_session(session_id: int, *, wait_s: float = 5.0) -> None:
    """Kill every process of a session and wait until none is left; new ones that appear meanwhile as well."""
    end = time.monotonic() + wait_s
    while living := processes_of_session(session_id):
        for process_id in living:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process_id, signal.SIGKILL)
        if time.monotonic() > end:
            return
        time.sleep(0.02)


def is_alive(process_id: int) -> bool:
    """Return whether a process with this id exists (whoever owns it)."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
