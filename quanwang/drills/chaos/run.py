"""One run of ``quanwang chaos``: start, load, faults, quiet, checks, report."""

import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console

from kit.clock import now_ms
from kit.db import Database
from kit.errors import Conflict
from kit.ids import IdAllocator
from kit.redis import RedisWakeStream, connect
from kit.work import Wake
from marketplace import dispatch
from marketplace.access import SCOPES, Caller, create_api_key
from quanwang.demonstration.display import Display
from quanwang.demonstration.orders import OrderDraw
from quanwang.demonstration.run import Installation, add_profiles
from quanwang.drills.chaos.client import Client
from quanwang.drills.chaos.ending import Ending
from quanwang.drills.chaos.faults import Fault, kinds_named, schedule
from quanwang.drills.chaos.history import History
from quanwang.drills.chaos.load import Load
from quanwang.drills.chaos.people import People
from quanwang.drills.chaos.report import Report, show
from quanwang.drills.chaos.scenes import POLICIES
from quanwang.drills.chaos.site import Site, roles_of
from quanwang.drills.chaos.strike import Striker
from quanwang.planted_bugs import PLANTED_BUGS
from quanwang.planted_bugs.planting import bug_named
from quanwang.processes.kernels import are_warm
from quanwang.processes.storage import taxonomy_of
from quanwang.processes.supervisor import Stopped, stop_signals

OWNER: Final = "chaos"
WHOLE_AGAIN_S: Final = 120.0
"""After the last fault everything must answer again within so long."""
AFTERPLAY_S: Final = 12.0
"""What was begun goes on so long after the last new order."""
TELL_EVERY_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person asked for. ``folder`` None: a temporary one, which stays only when something was wrong."""

    seconds: float
    seed: int = 1
    faults: tuple[str, ...] = ()
    planted_bug: str | None = None
    orders_per_s: float = 10.0
    profiles: int = 30_000
    shards: int = 2
    with_cluster: bool = True
    in_process: bool = False
    folder: Path | None = None
    keep: bool = False


class FolderNotEmpty(Conflict):
    """The folder that was named for a run holds something."""


def run_chaos(wishes: Wishes, console: Console) -> Report | None:
    """Run and return what was found, None when somebody stopped it.

    Raises InvalidInput for unknown faults and bugs, FolderNotEmpty, and what keeps the installation from starting.
    """
    if wishes.planted_bug is not None:
        bug_named(PLANTED_BUGS, wishes.planted_bug)
    # Asked before anything starts, so that a mistyped name costs nobody a minute.
    kinds = kinds_named(wishes.faults, roles_of(with_cluster=wishes.with_cluster, in_process=wishes.in_process))
    plan = schedule(kinds, seed=wishes.seed, lasts_s=wishes.seconds)
    folder = _empty_folder(wishes.folder)
    site = Site(
        folder,
        shards=wishes.shards,
        with_cluster=wishes.with_cluster,
        in_process=wishes.in_process,
        planted_bug=wishes.planted_bug,
    )
    drill = _Drill(wishes, site, plan, console)
    thread = threading.Thread(target=drill.run, name="chaos")
    try:
        with stop_signals(site.supervisor.stop):
            thread.start()
            site.supervisor.run()
            thread.join()
    finally:
        site.stop_servers()
        if drill.report is not None and drill.report.clean and wishes.folder is None and not wishes.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            console.print(f"The installation's files, logs and the clients' history are in {folder}", soft_wrap=True)
    if drill.error is not None and not isinstance(drill.error, Stopped):
        raise drill.error
    if drill.report is not None:
        show(console, drill.report)
    return drill.report


def _empty_folder(named: Path | None) -> Path:
    if named is None:
        return Path(tempfile.mkdtemp(prefix="qw-chaos-"))
    if named.exists() and (not named.is_dir() or any(named.iterdir())):
        raise FolderNotEmpty(f"{named} is not empty: name an empty folder with --folder, or leave the option out")
    return named


@dataclass(slots=True)
class _Drill:
    """What happens beside the supervisor, in a thread of its own."""

    wishes: Wishes
    site: Site
    plan: Sequence[Fault]
    console: Console
    error: BaseException | None = None
    report: Report | None = None
    _started_s: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Do everything; whatever ends it stops the installation."""
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001  # handed to the main thread, which raises it
            self.error = error
        finally:
            self.site.supervisor.stop()

    def _run(self) -> None:
        wishes, site, plan = self.wishes, self.site, self.plan
        people = People(wishes.seed, wishes.profiles)
        database, secret = self._start(people)
        history = History(site.settings.data_dir / "history.jsonl", now_ms)
        client = Client(site.addresses, secret, history)
        documents = OrderDraw(wishes.seed, 1, taxonomy_of(site.settings)).documents(10**9)
        load = Load(client, history, people, documents, seed=wishes.seed, orders_per_s=wishes.orders_per_s)
        striker = Striker(site, plan, self._say)
        try:
            self._say(f"{len(plan)} faults in {wishes.seconds:.0f} s; seed {wishes.seed}")
            load.start(submits_for_s=wishes.seconds)
            telling = threading.Thread(target=self._tell, args=(history, striker), daemon=True)
            telling.start()
            try:
                striker.run(wishes.seconds)
                self._sleep(AFTERPLAY_S)
            finally:
                load.stop()
                striker.done.set()
            ending = Ending(site, database, people, client, history, self._say)
            self.report = ending.judge(load, striker.struck, wishes, whole_again_s=WHOLE_AGAIN_S)
        finally:
            client.close()
            history.close()
            database.dispose()

    def _start(self, people: People) -> tuple[Database, str]:
        """Start the installation with its people; return its database and the secret of the clients' key."""
        site, cold = self.site, not are_warm()
        display = Display(self.console)
        with display.stage("Starting database, Redis and Ray"):
            database = site.start_servers(compile_kernels=cold)
        ids = IdAllocator(database)
        issued = database.run(
            lambda session: create_api_key(
                session, ids, name="chaos clients", owner=OWNER, scopes=SCOPES - {"admin"}, now_ms=now_ms()
            )
        )
        for policy in POLICIES.values():
            database.run(
                lambda session, policy=policy: dispatch.publish_policy(  # type: ignore[misc]
                    session, ids, policy=policy, now_ms=now_ms()
                )
            )
        caller = Caller(issued.id, OWNER, SCOPES - {"admin"})
        wake = Wake(RedisWakeStream(connect(site.settings.resolved_redis_url)))
        place = Installation(database, ids, taxonomy_of(site.settings), wake, caller, site.supervisor.heed)
        add_profiles(place, display, seed=people.seed, first=1, count=people.count)
        with display.stage("Starting two web processes, two workers, the dispatcher and its shards"):
            site.start_processes(compile_kernels=cold)
        return database, issued.secret

    def _tell(self, history: History, striker: Striker) -> None:
        while not striker.done.wait(TELL_EVERY_S):
            counts = history.counts()
            self._say(
                f"acknowledged {counts['ok']:,}, refused {counts['fail']:,}, unknown {counts['unknown']:,};"
                f" last fault: {striker.now}"
            )

    def _sleep(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self.site.supervisor.heed()
            time.sleep(0.1)

    def _say(self, sentence: str) -> None:
        passed_s = int(time.monotonic() - self._started_s)
        self.console.print(f"{passed_s // 60:2d}:{passed_s % 60:02d}  {sentence}", highlight=False, soft_wrap=True)
