"""Runs a whole installation on one machine: starts its processes, restarts what crashes, stops all of it at the end."""

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from engine.runtime.head import HeadPlan
from kit.config import Settings
from kit.errors import Unavailable
from quanwang.processes.children import Child
from quanwang.processes.ray_head import plan_for, prepare_head_folder

LOOK_PERIOD_S = 0.1
GIVE_UP_AFTER_CRASHES = 8
RUN_ONCE = frozenset({"kernels"})
"""Processes that end by themselves; they are started again only when they failed."""


class StartFailed(Unavailable):
    """A process of the installation does not come up."""


class Stopped(Exception):
    """Somebody asked the installation to stop while something was waited for."""


@dataclass(frozen=True, slots=True)
class Further:
    """A process beside the known ones, such as a second worker or a database server.

    ``environment`` comes over that of the settings. Whoever ``serves`` others is stopped after them.
    """

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    serves: bool = False


class Supervisor:
    """The children of one installation, by name, in the order in which they start.

    ``run`` starts them and looks after them in the calling thread, which must live as long as they shall: the kernel
    ends children with the thread that made them. Other threads may ask, wait and stop.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        redis_command: Callable[[], list[str]] | None,
        with_ray: bool,
        in_process: bool = False,
        further: Mapping[str, Further] | None = None,
        say: Callable[[str], None],
    ) -> None:
        """``say`` is told in a sentence when a process ended and is started again."""
        self._further = dict(further or {})
        self._settings = settings
        self._in_process = in_process
        self._say = say
        self._redis_command = redis_command
        self._plan: HeadPlan | None = plan_for(settings) if with_ray else None
        self._children: dict[str, Child] = {}
        self._wanted: list[str] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    @property
    def stopping(self) -> bool:
        """Whether somebody asked to stop."""
        return self._stopping.is_set()

    def heed(self) -> None:
        """Raise Stopped when somebody asked to stop."""
        if self.stopping:
            raise Stopped

    def stop(self) -> None:
        """Ask ``run`` to stop everything and return. Safe from signal handlers and other threads."""
        self._stopping.set()

    def want(self, *names: str) -> None:
        """Ask ``run`` to start processes.

        ``redis``, ``ray``, ``kernels``, ``dispatcher``, ``api``, ``worker``, or further ones.
        """
        with self._lock:
            self._wanted += [name for name in names if name not in self._wanted]

    def run(self) -> None:
        """Start what is wanted and look after it until :meth:`stop`; then stop everything, last started first."""
        try:
            while not self._stopping.wait(LOOK_PERIOD_S):
                self._start_wanted()
                self._look_after()
        finally:
            self._stop_children()

    def wait_until(self, ready: Callable[[], bool], *, name: str, wait_s: float) -> None:
        """Wait in another thread until ``ready()``; raises StartFailed with the end of the log of ``name``; Stopped."""
        end = time.monotonic() + wait_s
        while not ready():
            self.heed()
            child = self._children.get(name)
            if time.monotonic() > end or (child is not None and child.crashes >= GIVE_UP_AFTER_CRASHES):
                where = child.log_file if child is not None else self._settings.log_dir
                shown = f"\n{child.last_lines()}" if child is not None else ""
                raise StartFailed(f"the process {name} does not come up; its log is {where}{shown}")
            time.sleep(0.05)

    def ray_is_up(self) -> bool:
        """Whether the private Ray head has written its address."""
        return self._plan is not None and self._plan.read_address() is not None

    def wait_done(self, name: str, *, wait_s: float) -> None:
        """Wait until a process that runs once has ended well; raises StartFailed or Stopped."""

        def done() -> bool:
            child = self._children.get(name)
            return child is not None and child.last_status == 0

        self.wait_until(done, name=name, wait_s=wait_s)

    def process_id(self, name: str) -> int | None:
        """Return the id of a running process, None while it is not running."""
        child = self._children.get(name)
        return None if child is None else child.process_id

    def restarts(self) -> Mapping[str, int]:
        """How often each process was started again."""
        return {name: child.starts - 1 for name, child in self._children.items()}

    def _start_wanted(self) -> None:
        with self._lock:
            wanted = [name for name in self._wanted if name not in self._children]
        for name in wanted:
            child = self._child(name)
            self._children[name] = child
            child.start()

    def _look_after(self) -> None:
        for name, child in self._children.items():
            if child.look_after():
                self._say(f"{name} ended (status {child.last_status}); starting it again, its log is {child.log_file}")
                if name == "ray" and "dispatcher" in self._children:
                    # Its driver would notice after a second; the shards it talks to are gone already.
                    self._children["dispatcher"].kill()

    def _stop_children(self) -> None:
        children = list(self._children.values())[::-1]
        # The database and Redis outlive their users by a moment, so that these end in order.
        serving = {"redis", "ray", *(name for name, further in self._further.items() if further.serves)}
        users = [child for child in children if child.name not in serving]
        servers = [child for child in children if child.name in serving]
        for group in (users, servers):
            for child in group:
                child.ask_to_stop()
            for child in group:
                child.wait_stopped()

    def _child(self, name: str) -> Child:
        command: list[str]
        before: Callable[[], None] | None = None
        environment = environment_of(self._settings)
        if name in self._further:
            command = list(self._further[name].command)
            environment |= self._further[name].environment
        elif name == "redis":
            if self._redis_command is None:
                raise ValueError("no embedded Redis is wanted: its address was given")
            command = [sys.executable, "-m", "quanwang.processes.attached", *self._redis_command()]
        elif name == "ray":
            if self._plan is None:
                raise ValueError("no private Ray head is wanted: its address was given")
            plan = self._plan
            command = [sys.executable, "-m", "quanwang", "ray-head"]

            def before() -> None:
                prepare_head_folder(self._settings, plan)

        else:
            command = [sys.executable, "-m", "quanwang", name]
            if name == "dispatcher" and self._in_process:
                command.append("--in-process")
        return Child(
            name,
            command,
            self._log_file(name),
            environment,
            before_start=before,
            runs_once=name in RUN_ONCE,
        )

    def _log_file(self, name: str) -> Path:
        return self._settings.log_dir / f"{name}.log"


def environment_of(settings: Settings) -> dict[str, str]:
    """The settings as environment variables, for processes that read them by themselves."""
    environment = {
        "QUANWANG_" + name.upper(): str(value)
        for name, value in settings.model_dump().items()
        if value is not None and name != "data_dir"
    }
    environment["QUANWANG_DATA_DIR"] = str(settings.data_dir.absolute())
    environment["QUANWANG_LOG_TO_FILE"] = "false"
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


@contextlib.contextmanager
def stop_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` on Ctrl-C and SIGTERM while the block runs, in place of what they did before."""

    def handle(_signal: int, _frame: FrameType | None) -> None:
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
