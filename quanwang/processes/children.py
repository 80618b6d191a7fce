"""Child processes of the supervisor: each leads a session of its own, writes one log file, is restarted on a crash."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quanwang.processes.lifeline import kill_session

PARENT_ID_VARIABLE: Final = "QUANWANG_PARENT_ID"
"""Tells a child who its supervisor is, so that it can end with it."""

RESTART_PAUSES_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
STEADY_AFTER_S: Final = 30.0
"""A child that ran this long starts over with the shortest pause."""

STOP_WAIT_S: Final = 8.0


@dataclass
class Child:
    """One process of the installation.

    ``before_start`` runs before every start (for example to remove a stale address file). ``stop_signal`` asks it to
    end; whoever has not ended after STOP_WAIT_S is killed with its whole session.
    """

    name: str
    command: Sequence[str]
    log_file: Path
    environment: Mapping[str, str]
    stop_signal: int = signal.SIGTERM
    before_start: Callable[[], None] | None = None
    runs_once: bool = False
    starts: int = 0
    last_status: int | None = None
    _process: subprocess.Popen[bytes] | None = None
    _started_s: float = 0.0
    _restart_at_s: float | None = None
    crashes: int = 0
    _stopped: bool = field(default=False)

    @property
    def process_id(self) -> int | None:
        """The id of the running process, or None."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start the process; its output goes to the end of its log file."""
        if self.before_start is not None:
            self.before_start()
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own command
                list(self.command),
                env={**os.environ, **self.environment, PARENT_ID_VARIABLE: str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.starts += 1
        self._started_s = time.monotonic()
        self._restart_at_s = None
        self._stopped = False

    def look_after(self) -> bool:
        """Restart the process when it has ended, after a pause that grows with its crashes; whether it just ended."""
        if self._stopped or self._process is None:
            return False
        status = self._process.poll()
        if status is None:
            return False
        now_s = time.monotonic()
        if self._restart_at_s is None:
            self.last_status = status
            if self.runs_once and status == 0:
                self._stopped = True
                return False
            kill_session(self._process.pid)
            self.crashes = 0 if now_s - self._started_s > STEADY_AFTER_S else self.crashes + 1
            self._restart_at_s = now_s + RESTART_PAUSES_S[min(self.crashes, len(RESTART_PAUSES_S) - 1)]
            return True
        if now_s >= self._restart_at_s:
            self.start()
        return False

    def ask_to_stop(self) -> None:
        """Send the stop signal; nobody restarts the process any more."""
        self._stopped = True
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(self.stop_signal)

    def wait_stopped(self, wait_s: float = STOP_WAIT_S) -> None:
        """Wait until the process has ended after ask_to_stop, then kill whatever its session still holds."""
        if self._process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(wait_s)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        kill_session(self._process.pid)

    def kill(self) -> None:
        """Kill the process and its session at once; look_after restarts it."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    def last_lines(self, count: int = 5) -> str:
        """Return the end of the log file, for a message about a child that does not start."""
        try:
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-count:])
        except OSError:
            return ""
