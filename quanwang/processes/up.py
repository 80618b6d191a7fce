"""``quanwang up``: a whole installation on one machine, with the demonstration on it."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console
from rich.text import Text

from engine.socket import SocketMatchService
from engine.wire import MatchingPaused
from kit.clock import now_ms
from kit.config import Settings
from kit.db import Database
from kit.errors import QuanwangError
from kit.ids import IdAllocator
from kit.redis import RedisWakeStream, connect, embedded_redis_command
from kit.work import Wake, count_work
from marketplace.access import SCOPES, Caller, create_api_key
from quanwang.demonstration.display import Display
from quanwang.demonstration.memory import Memory, recall, remember, write_key
from quanwang.demonstration.report import show_doors, show_outcome, summary_line
from quanwang.demonstration.run import Installation, Outcome, Scene, add_profiles, submit
from quanwang.planted_bugs import plant_wanted
from quanwang.processes.installation import check_disk, check_port, locked, remove_contents
from quanwang.processes.kernels import are_warm
from quanwang.processes.readiness import http_answers, redis_answers
from quanwang.processes.storage import migrated_database, taxonomy_of
from quanwang.processes.supervisor import Stopped, Supervisor, stop_signals

OWNER = "demonstration"
READY_WAIT_S = 120.0
KERNELS_WAIT_S = 900.0
"""Compiling takes half a minute of an idle core; on a crowded machine it may take many times that."""

DELIVERY_WAIT_S = 60.0
PLAIN_WIDTH = 100

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person asked for. ``orders`` 0: no demonstration orders; ``once``: end after the demonstration."""

    orders: int
    profiles: int
    seed: int
    once: bool
    reset: bool
    in_process: bool


Servers = Callable[[Settings, Console, Callable[[str], None]], AbstractContextManager[Settings]]
"""Runs what the installation stands on while a block runs, and gives the settings with its addresses."""


@contextlib.contextmanager
def embedded_servers(settings: Settings, _console: Console, _say: Callable[[str], None]) -> Iterator[Settings]:
    """Nothing: the database is a file, and Redis a child of the supervisor; or both were given."""
    yield settings


def run_up(settings: Settings, wishes: Wishes, started_s: float, servers: Servers = embedded_servers) -> int:
    """Run everything; returns the exit status. Raises QuanwangError with a sentence for what a person can mend."""
    console = _console()
    plant_wanted(settings)

    def say(sentence: str) -> None:
        console.print(Text(sentence, style="yellow"), soft_wrap=True)

    with locked(settings):
        if wishes.reset:
            remove_contents(settings)
        check_disk(settings)
        settings.prepare_folders()
        check_port(settings)
        with servers(settings, console, say) as served:
            play = _run_on(served, wishes, console, say, started_s)
    return play.finish()


def _run_on(
    settings: Settings, wishes: Wishes, console: Console, say: Callable[[str], None], started_s: float
) -> "_Play":
    embedded = settings.redis_url is None
    supervisor = Supervisor(
        settings,
        redis_command=(lambda: embedded_redis_command(settings)) if embedded else None,
        with_ray=settings.ray_address is None and not wishes.in_process,
        in_process=wishes.in_process,
        say=say,
    )
    play = _Play(settings, wishes, supervisor, console, started_s)
    thread = threading.Thread(target=play.run, name="demonstration")
    with stop_signals(supervisor.stop):
        thread.start()
        supervisor.run()
        thread.join()
    return play


def _console() -> Console:
    """A terminal as it is; a file or pipe gets lines long enough that nothing is cut."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


class _Play:
    """What the demonstration does in a thread beside the supervisor."""

    def __init__(
        self, settings: Settings, wishes: Wishes, supervisor: Supervisor, console: Console, started_s: float
    ) -> None:
        self._settings = settings
        self._wishes = wishes
        self._supervisor = supervisor
        self._console = console
        self._display = Display(console)
        self._started_s = started_s
        self._error: BaseException | None = None
        self._demonstration_error: QuanwangError | None = None
        self._summary: str | None = None
        self._memory_file = settings.data_dir.absolute() / "demonstration.json"

    def run(self) -> None:
        """Play; any end that is not a success stops the installation."""
        try:
            self._play()
        except Stopped:
            self._supervisor.stop()
        except BaseException as error:  # noqa: BLE001  # handed to the main thread, which raises it
            self._error = error
            self._supervisor.stop()
        else:
            if self._wishes.once:
                self._supervisor.stop()

    def finish(self) -> int:
        """After everything stopped: raise what went wrong, or print the last line; returns the exit status."""
        if self._error is not None:
            raise self._error
        if self._wishes.once:
            if self._summary is None:
                return 130
            print(self._summary)  # noqa: T201  # the one line for programs
            sys.stdout.flush()
            return 0
        self._console.print("Everything is stopped.")
        return 1 if self._demonstration_error is not None else 0

    def _part(self, part: Callable[[], Result], otherwise: Result) -> Result:
        """Run a part of the demonstration. A failure ends the demonstration and, but for ``--once``, not the platform.

        Orders in flight go on: a full disk, say, is a pause for them. Later parts are left out and give ``otherwise``.
        """
        if self._demonstration_error is not None:
            return otherwise
        try:
            return part()
        except QuanwangError as error:
            if self._wishes.once:
                raise
            self._demonstration_error = error
            sentence = (
                f"The demonstration ends here: {error.sentence}. The platform stays up; what it accepted goes on."
            )
            self._console.print(Text(sentence, style="yellow"), soft_wrap=True)
            return otherwise

    def _play(self) -> None:
        supervisor, settings, wishes = self._supervisor, self._settings, self._wishes
        memory = recall(self._memory_file, seed=wishes.seed)
        embedded = settings.redis_url is None
        with_ray = settings.ray_address is None and not wishes.in_process
        cold = not are_warm()
        supervisor.want(
            *(["redis"] if embedded else []), *(["ray"] if with_ray else []), *(["kernels"] if cold else [])
        )
        with self._display.stage("Preparing the database and Redis"):
            database = migrated_database(settings)
            ids = IdAllocator(database)
            self._make_keys(database, ids, memory)
            supervisor.wait_until(lambda: redis_answers(settings), name="redis", wait_s=READY_WAIT_S)
        caller = Caller(memory.key_ids["backend"], OWNER, frozenset(SCOPES))
        wake = Wake(RedisWakeStream(connect(settings.resolved_redis_url)))
        place = Installation(database, ids, taxonomy_of(settings), wake, caller, supervisor.heed)
        self._part(lambda: self._add_missing_profiles(place, memory), None)
        if cold:
            self._wait_for_kernels()
        supervisor.want("dispatcher")
        if with_ray:
            # Ray is what everything waits for: on two cores nothing else may start beside it.
            with self._display.stage("Starting Ray"):
                supervisor.wait_until(supervisor.ray_is_up, name="ray", wait_s=READY_WAIT_S)
        supervisor.want("api", "worker")
        # Orders are accepted while matching still starts: that is how it shall be, and it saves the time.
        nothing: dict[int, str] = {}
        since_ms, submitted = self._part(lambda: self._submit_orders(place, memory), (0, nothing))
        with self._display.stage("Starting matching, worker and web"):
            supervisor.wait_until(self._matching_is_ready, name="dispatcher", wait_s=READY_WAIT_S)
            supervisor.wait_until(lambda: http_answers(settings), name="api", wait_s=READY_WAIT_S)
        outcome = self._part(lambda: self._follow_orders(place, memory, submitted, since_ms), Outcome())
        seconds = time.monotonic() - self._started_s
        if supervisor.stopping:
            raise Stopped
        if outcome.orders:
            show_outcome(self._console, outcome, profiles=memory.profiles, seconds=seconds)
        self._summary = summary_line(outcome, profiles=memory.profiles, seconds=seconds)
        if not wishes.once:
            self._show_doors(memory)

    def _make_keys(self, database: Database, ids: IdAllocator, memory: Memory) -> None:
        wanted = {"admin": sorted(SCOPES), "backend": sorted(SCOPES - {"admin"})}
        for name, scopes in wanted.items():
            if name in memory.keys:
                continue
            issued = database.run(
                lambda session, name=name, scopes=scopes: create_api_key(  # type: ignore[misc]
                    session, ids, name=f"demonstration {name}", owner=OWNER, scopes=scopes, now_ms=now_ms()
                )
            )
            memory.keys[name], memory.key_ids[name] = issued.secret, issued.id
            write_key(self._settings.data_dir / "keys" / f"{name}.key", issued.secret)
        remember(self._memory_file, memory)

    def _add_missing_profiles(self, place: Installation, memory: Memory) -> None:
        missing = self._wishes.profiles - memory.profiles
        if missing <= 0:
            return
        add_profiles(place, self._display, seed=memory.seed, first=memory.profiles + 1, count=missing)
        memory.profiles += missing
        remember(self._memory_file, memory)

    def _wait_for_kernels(self) -> None:
        with self._display.stage("Compiling the matching kernels (long on the first start only)"):
            self._supervisor.wait_done("kernels", wait_s=KERNELS_WAIT_S)

    def _matching_is_ready(self) -> bool:
        service = SocketMatchService(self._settings.match_address)
        try:
            return bool(service.health()["ready"])
        except (MatchingPaused, QuanwangError):
            return False
        finally:
            service.close()

    def _submit_orders(self, place: Installation, memory: Memory) -> tuple[int, dict[int, str]]:
        """Return when the first order was sent, and dispatch id -> external id."""
        since_ms = now_ms()
        if not self._wishes.orders:
            return since_ms, {}
        memory.batches += 1
        remember(self._memory_file, memory)
        count = self._wishes.orders
        return since_ms, submit(place, self._display, seed=memory.seed, batch=memory.batches, count=count)

    def _follow_orders(self, place: Installation, memory: Memory, submitted: dict[int, str], since_ms: int) -> Outcome:
        if not submitted:
            return Outcome()
        scene = Scene(place, seed=memory.seed, submitted=submitted, since_ms=since_ms)
        scene.play(self._display)
        with self._display.stage("Waiting until every notice is in its inbox"):
            self._supervisor.wait_until(
                lambda: _deliveries_left(place.database) == 0, name="worker", wait_s=DELIVERY_WAIT_S
            )
        return scene.outcome

    def _show_doors(self, memory: Memory) -> None:
        host = self._settings.http_host
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{self._settings.http_port}"
        show_doors(self._console, url, memory.keys, user_id=1, folder=str(self._settings.data_dir))
        self._console.print("Running. [bold]Ctrl-C[/bold] stops everything.")


def _deliveries_left(database: Database) -> int:
    with database.read() as session:
        return sum(
            row.count for row in count_work(session) if row.kind == "delivery" and row.state in ("pending", "leased")
        )
