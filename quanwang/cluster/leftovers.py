"""Servers that outlived their supervisor: killed before anything is started beside them.

The kernel ends the servers with their supervisor, but a stopped process (SIGSTOP) is not ended before it goes on.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from kit.errors import Conflict
from quanwang.cluster.plan import ClusterPlan, write_private
from quanwang.processes.lifeline import kill_session, processes_of_session


class LeftoverServer(Conflict):
    """A server of an earlier run cannot be killed; a second one beside it would damage what both write."""


def remember_processes(plan: ClusterPlan, process_ids: Sequence[int]) -> None:
    """Write down which processes run for the cluster."""
    path = _file(plan)
    text = json.dumps(sorted(process_ids))
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_private(path, text)


def end_leftovers(plan: ClusterPlan) -> None:
    """Kill what an earlier supervisor left. Raises LeftoverServer."""
    try:
        known = [int(each) for each in json.loads(_file(plan).read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return
    for process_id in known:
        if not _is_ours(process_id, plan.folder):
            continue
        kill_session(process_id)
        if processes_of_session(process_id):
            raise LeftoverServer(
                f"process {process_id} is a server of an earlier run and cannot be killed: end it first"
            )
    _file(plan).unlink(missing_ok=True)


def _is_ours(process_id: int, folder: Path) -> bool:
    """Whether the process has our folder in its command: the number may be somebody else's by now."""
    try:
        command = Path(f"/proc/{process_id}/cmdline").read_bytes()
    except OSError:
        return False
    return os.fsencode(folder) in command


def _file(plan: ClusterPlan) -> Path:
    return plan.folder / "processes.json"
