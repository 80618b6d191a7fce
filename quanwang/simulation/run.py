"""Runs many seeds on a few processes, and gathers what they did."""

import contextlib
import hashlib
import logging
import multiprocessing
import os
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kit.errors import InvalidInput, QuanwangError, Unavailable
from quanwang.migrations import migrate
from quanwang.planted_bugs.catalogue import PLANTED_BUGS
from quanwang.planted_bugs.planting import bug_named
from quanwang.processes.lifeline import end_with_parent
from quanwang.simulation.platform import KEPT_LINES
from quanwang.simulation.points import CRASH_POINTS
from quanwang.simulation.seed_run import Bench, SeedReport
from quanwang.simulation.servers import (
    prepare_given,
    prepare_own,
    private_mariadb,
    private_redis,
    working_folder,
)

MOST_FAILURES: Final = 5
SEEDS_A_POINT: Final = 24
"""A crash point that is passed seldom is looked for in so many seeds."""

DIED_S: Final = 1.0


class JobDied(Unavailable):
    """A process of the simulation ended without a word."""


class Interrupted(Exception):
    """Somebody asked to stop."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person asked for. ``database_url`` and ``mariadb`` exclude each other; neither: embedded in memory."""

    seeds: int
    first_seed: int
    steps: int
    jobs: int
    crash_points: bool
    crash_at: str | None = None
    plant: str | None = None
    database_url: str | None = None
    mariadb: bool = False
    whole_trace: bool = False

    def __post_init__(self) -> None:
        if self.plant is not None:
            bug = bug_named(PLANTED_BUGS, self.plant)
            if not bug.simulated:
                raise InvalidInput("--plant", self.plant, "cannot show in a simulation; it needs real processes")
        if self.crash_at is not None and self.crash_at not in CRASH_POINTS:
            raise InvalidInput("--crash-at", self.crash_at, f"must be one of {', '.join(CRASH_POINTS)}")
        if self.database_url is not None and self.mariadb:
            raise InvalidInput("--database", "(not shown)", "and --mariadb are both given; choose one")
        if self.database_url is not None and self.jobs != 1:
            raise InvalidInput("--jobs", self.jobs, "must be 1 with --database: seeds empty its tables")

    @property
    def tasks(self) -> int:
        """How many tasks there are to do."""
        return len(tasks_of(self))

    @property
    def options(self) -> str:
        """What a command that repeats one of the seeds must say besides the seed."""
        said = [f"--steps {self.steps}"]
        said += [f"--plant {self.plant}"] if self.plant else []
        said += ["--mariadb"] if self.mariadb else []
        said += ["--database URL"] if self.database_url else []
        return " ".join(said)


@dataclass(slots=True)
class Outcome:
    """What all seeds did together. ``failures`` are the first few; ``digest`` is that of all traces, by seed."""

    seeds: int = 0
    failures: list[SeedReport] = field(default_factory=list)
    crashes: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    digests: dict[tuple[int, str], str] = field(default_factory=dict)
    seconds: float = 0.0
    points_asked: bool = False

    @property
    def missed_points(self) -> list[str]:
        """Crash points that were to be crashed at and never were."""
        return [point for point in CRASH_POINTS if not self.crashes[point]] if self.points_asked else []

    @property
    def clean(self) -> bool:
        """Whether everything held, everywhere."""
        return not self.failures and not self.missed_points

    @property
    def digest(self) -> str:
        """One number for all traces."""
        together = hashlib.sha256()
        for key in sorted(self.digests):
            together.update(f"{key} {self.digests[key]}\n".encode())
        return together.hexdigest()

    def add(self, report: SeedReport) -> None:
        """Count a seed in."""
        self.seeds += 1
        self.crashes += report.crashes
        self.passed += report.passed
        self.counts += report.counts
        self.counts["steps"] += report.steps
        self.digests[report.seed, report.crash_at or ""] = report.digest
        if report.broken is not None:
            self.failures.append(report)


Task = tuple[int, str | None]
"""A seed, and the crash point that it is run for."""


def tasks_of(wishes: Wishes) -> list[Task]:
    """Return what is to be run: each crash point once (or until it was reached), then the seeds."""
    points: list[Task] = [(wishes.first_seed, point) for point in CRASH_POINTS] if wishes.crash_points else []
    return [*points, *((wishes.first_seed + number, wishes.crash_at) for number in range(wishes.seeds))]


def simulate(wishes: Wishes, progress: Callable[[Outcome, int], None], stopping: threading.Event) -> Outcome:
    """Run everything that was wished for, and tell ``progress`` after every seed how many tasks are done.

    Raises Interrupted when ``stopping`` is set, JobDied, and what preparing the stores raises.
    """
    tasks = tasks_of(wishes)
    outcome = Outcome(points_asked=wishes.crash_points)
    started_s = time.monotonic()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(working_folder(in_memory=True))
        urls: list[str | None] = [None] * wishes.jobs
        if wishes.mariadb:
            urls = list(stack.enter_context(private_mariadb(folder, wishes.jobs)))
        elif wishes.database_url is not None:
            urls = [prepare_given(wishes.database_url)]
        for done, report in enumerate(stack.enter_context(_jobs(wishes, folder, urls, tasks, stopping)), 1):
            for each in report:
                outcome.add(each)
            outcome.seconds = time.monotonic() - started_s
            progress(outcome, done)
            if len(outcome.failures) >= (1 if wishes.plant else MOST_FAILURES):
                break
    return outcome


@contextlib.contextmanager
def _jobs(wishes: Wishes, folder: Path, urls: list[str | None], tasks: list[Task], stopping: threading.Event) -> Any:
    """Start the processes that work on the tasks; give an iterator over the reports of each task."""
    context = multiprocessing.get_context("spawn")
    waiting: Any = context.Queue()
    reports: Any = context.Queue()
    for task in tasks:
        waiting.put(task)
    jobs = [
        context.Process(
            target=_work, args=(wishes, folder / f"job-{number}", url, waiting, reports, os.getpid()), daemon=True
        )
        for number, url in enumerate(urls)
    ]
    for job in jobs:
        job.start()

    try:
        yield _results(len(tasks), jobs, reports, stopping)
    finally:
        for job in jobs:
            job.terminate()
        for job in jobs:
            job.join()
        for each in (waiting, reports):
            each.cancel_join_thread()
            each.close()


def _results(tasks: int, jobs: Sequence[Any], reports: Any, stopping: threading.Event) -> Iterator[list[SeedReport]]:
    for _ in range(tasks):
        found = _next_report(jobs, reports, stopping)
        if isinstance(found, str):
            raise JobDied(found, 1)
        yield found


def _next_report(jobs: Sequence[Any], reports: Any, stopping: threading.Event) -> Any:
    while True:
        if stopping.is_set():
            raise Interrupted
        try:
            return reports.get(timeout=DIED_S)
        except queue.Empty:
            if not any(job.is_alive() for job in jobs):
                raise JobDied("the processes of the simulation ended; their errors are above", 1) from None


def _work(wishes: Wishes, folder: Path, url: str | None, waiting: Any, reports: Any, parent_id: int) -> None:
    """One process: stores of its own, one task after the other."""
    end_with_parent(parent_id)
    # What the product logs about simulated failures is no news.
    logging.getLogger().addHandler(logging.NullHandler())
    folder.mkdir()
    try:
        with private_redis(folder) as redis_url:
            if url is not None:
                migrate(url)
            bench = Bench(url if url is not None else prepare_own(folder), redis_url)
            while True:
                seed, point = waiting.get()
                reports.put(_run(bench, wishes, seed, point))
    except QuanwangError as error:
        reports.put(error.sentence)


def _run(bench: Bench, wishes: Wishes, seed: int, point: str | None) -> list[SeedReport]:
    """Run one seed; for a crash point, as many as it takes to crash there."""
    lines = None if wishes.whole_trace else KEPT_LINES
    if point is None or wishes.crash_at is not None:
        return [bench.run(seed, wishes.steps, plant=wishes.plant, crash_at=point, kept_lines=lines)]
    found: list[SeedReport] = []
    for number in range(SEEDS_A_POINT):
        found.append(bench.run(seed + number, wishes.steps, plant=wishes.plant, crash_at=point, kept_lines=lines))
        if found[-1].crashes[point] or found[-1].broken:
            break
    return found
