"""One server of the cluster as its supervisor knows it: its process, its silence, and when it may start again."""

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from kit.db.mariadb_server import MariaServerPlan, install, server_command
from kit.db.replication import ServerDoor, ServerSilent, ServerView
from quanwang.processes.children import RESTART_PAUSES_S, STEADY_AFTER_S, Child
from quanwang.processes.lifeline import kill_session, processes_of_session

START_PATIENCE_S: Final = 120.0
"""A server that just started may recover for so long before its silence counts."""

STOP_WAIT_S: Final = 20.0


class Node:
    """A server process that is started, killed for good, and never restarted by anybody but its supervisor."""

    def __init__(self, name: str, log_file: Path) -> None:
        self.name = name
        self.child = Child(name, (), log_file, {})
        self.started_s = 0.0
        self.answered_s: float | None = None
        self.answers = False
        self._crashes = 0
        self._not_before_s = 0.0

    @property
    def alive(self) -> bool:
        """Whether its process runs (or is stopped, which only its silence tells)."""
        return self.child.process_id is not None

    @property
    def silent_s(self) -> float:
        """Since when it does not answer, 0 when it answered the last look; next to nothing while it starts."""
        if self.answers:
            return 0.0
        if self.answered_s is None:
            return max(0.001, time.monotonic() - self.started_s - START_PATIENCE_S)
        return max(0.001, time.monotonic() - self.answered_s)

    @property
    def may_start(self) -> bool:
        """Whether the pause after its last crash is over."""
        return time.monotonic() >= self._not_before_s

    def run(self, command: Sequence[str]) -> None:
        """Start the process; it ends with the thread that calls this."""
        now_s = time.monotonic()
        steady = now_s - self.started_s > STEADY_AFTER_S
        self._crashes = 0 if steady else self._crashes + 1
        self._not_before_s = now_s + RESTART_PAUSES_S[min(self._crashes, len(RESTART_PAUSES_S) - 1)]
        self.child.command = [sys.executable, "-m", "quanwang.processes.attached", *command]
        self.started_s, self.answered_s, self.answers = now_s, None, False
        self.child.start()

    def note(self, *, answered: bool) -> None:
        """Remember whether it answered a look."""
        self.answers = answered
        if answered:
            self.answered_s = time.monotonic()

    def fence(self) -> bool:
        """Kill the process and all of its session, stopped or not; whether nothing of it is left."""
        process_id = self.child.process_id
        if process_id is None:
            return True
        kill_session(process_id)
        self.child.wait_stopped(1.0)
        return not processes_of_session(process_id)

    def ask_to_stop(self) -> None:
        """Begin an orderly end."""
        self.child.ask_to_stop()

    def wait_stopped(self) -> None:
        """Wait for the end, then kill what is left."""
        self.child.wait_stopped(STOP_WAIT_S)


class MariaNode(Node):
    """A database server; ``view`` is what it said at the last look, None when it did not answer."""

    def __init__(self, plan: MariaServerPlan, log_file: Path) -> None:
        super().__init__(plan.name, log_file)
        self.plan = plan
        self.door = ServerDoor(plan.socket)
        self.view: ServerView | None = None
        self.following_s = 0.0
        self.breaks = 0
        self.copying: Callable[[], bool] | None = None

    @property
    def has_content(self) -> bool:
        """Whether its data folder was made."""
        return self.plan.data_folder.is_dir()

    def make_folder(self, template: Path) -> None:
        """Make an empty server, replacing nothing."""
        if not template.is_dir():
            fresh = template.with_name(f"{template.name}.new")
            shutil.rmtree(fresh, ignore_errors=True)
            install(fresh)
            fresh.rename(template)
        fresh = self.plan.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        self.plan.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copytree(template, fresh)
        fresh.rename(self.plan.data_folder)

    def set_aside(self) -> Path:
        """Move the data folder away, in place of what was moved before; return where it is now."""
        aside = self.plan.folder / "data.set-aside"
        shutil.rmtree(aside, ignore_errors=True)
        self.plan.data_folder.rename(aside)
        return aside

    def start(self, *, as_primary: bool) -> None:
        """Start the server, read-only in either role."""
        self.door.close()
        self.view = None
        self.plan.socket.unlink(missing_ok=True)
        self.run(server_command(self.plan, as_primary=as_primary))

    def look(self) -> None:
        """Ask the server how it is."""
        try:
            self.view = self.door.look() if self.alive else None
        except ServerSilent:
            self.view = None
        self.note(answered=self.view is not None)
