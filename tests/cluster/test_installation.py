"""A whole installation as `quanwang up` runs it: what may be killed, what must not be lost, doubled or left behind."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]  # publishes no types
import pytest

from kit.clock import now_ms
from kit.config import Settings
from kit.db import Database
from kit.redis import connect
from kit.redis.embedded import find_server
from kit.work import count_work
from marketplace import dispatch
from marketplace.inbox import InboxStore, list_inbox
from matching.taxonomy import builtin_taxonomy
from quanwang.demonstration.orders import OrderDraw
from quanwang.processes.readiness import http_answers
from tests.cluster.told import check_the_right_people_were_told
from tests.harness import folder as session_folder

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

PROFILES = 1_500
UP_OPTIONS = ["--profiles", str(PROFILES), "--shards", "2"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Installation:
    """`quanwang up` in a process, and what a test does to it."""

    data_dir: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[str] | None" = None
    batches: int = 100

    def start(self, *options: str) -> None:
        command = [sys.executable, "-m", "quanwang", "up", "--data-dir", str(self.data_dir), "--port", str(self.port)]
        self.output = self.data_dir.parent / f"up-{time.monotonic_ns()}.txt"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [*command, *UP_OPTIONS, *options], stdin=subprocess.DEVNULL, stdout=output, stderr=output, text=True
            )
        session_folder.register(self.process.pid)

    def wait_running(self, wait_s: float = 120) -> None:
        wait_for(lambda: "Running." in self.output.read_text() or self.has_ended(), wait_s, self.text)
        assert not self.has_ended(), self.text()

    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def text(self) -> str:
        logs = "".join(
            f"\n== {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-12:])
            for path in sorted((self.data_dir / "logs").glob("*.log"))
        )
        return self.output.read_text() + logs[-6_000:]

    def processes(self) -> list[psutil.Process]:
        assert self.process is not None
        found: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        return found

    def find(self, part: str) -> list[psutil.Process]:
        found = []
        for process in self.processes():
            try:
                if part in " ".join(process.cmdline()) or part in process.name():
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        return found

    def kill(self, *parts: str) -> None:
        """kill -9 of everything whose name or command holds one of these, as nearly at once as can be."""
        victims = [self.find(part) for part in parts]
        assert all(victims), f"not all of {parts} run"
        for victim in (process for group in victims for process in group):
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim.pid, signal.SIGKILL)

    def redis(self) -> str:
        """The name under which the embedded server runs here: redis-server or valkey-server."""
        return Path(find_server()).name

    def client(self) -> httpx.Client:
        key = (self.data_dir / "keys" / "admin.key").read_text().strip()
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", headers={"Authorization": f"Bearer {key}"}, timeout=30
        )

    def submit(self, count: int) -> list[int]:
        """Send real orders over HTTP, in requests of 50; returns the dispatch ids."""
        self.batches += 1
        documents = list(OrderDraw(1, self.batches, builtin_taxonomy()).documents(count))
        found = []
        with self.client() as client:
            for start in range(0, count, 50):
                part = documents[start : start + 50]
                headers = {"Idempotency-Key": f"{self.batches}-{start}"}
                answer = client.post("/v1/dispatches", json={"orders": part}, headers=headers)
                assert answer.status_code == 201, answer.text
                found += [line["dispatch_id"] for line in answer.json()["answers"]]
        assert all(isinstance(dispatch_id, int) for dispatch_id in found)
        return found

    def settings(self) -> Settings:
        return Settings(data_dir=self.data_dir, http_port=self.port)


def wait_for(condition: Callable[[], bool], wait_s: float, explain: Callable[[], str] = str) -> None:
    end = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < end, f"waited {wait_s} s in vain\n{explain()}"
        time.sleep(0.1)


def still_running(processes: list[psutil.Process], *, wait_s: float) -> list[psutil.Process]:
    """Who of them runs after so long. A zombie has ended; taking it from the table is the machine's own business."""

    def running() -> list[psutil.Process]:
        found = []
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    end = time.monotonic() + wait_s
    while running() and time.monotonic() < end:
        time.sleep(0.05)
    return running()


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    running = Installation(session_folder.current() / "up" / "data")
    running.data_dir.mkdir(parents=True)
    running.start("--orders", "0")
    running.wait_running()
    yield running
    if not running.has_ended():
        assert running.process is not None
        running.process.send_signal(signal.SIGINT)
        running.process.wait(40)


@pytest.fixture
def database(installation: Installation) -> Iterator[Database]:
    opened = Database(installation.settings().resolved_database_url)
    yield opened
    opened.dispose()


def states(database: Database, dispatch_ids: list[int]) -> Counter[str]:
    with database.read() as session:
        return Counter(label.state for label in dispatch.labels_of(session, sorted(dispatch_ids)).values())


def recipients(database: Database, dispatch_ids: list[int]) -> dict[int, list[int]]:
    """Dispatch id -> everybody who was told, one entry a time."""
    wanted = set(dispatch_ids)
    told: dict[int, list[int]] = {dispatch_id: [] for dispatch_id in dispatch_ids}
    after = 0
    with database.read() as session:
        while chunks := dispatch.iterate_wave_chunks(session, 0, after, 500):
            for chunk in chunks:
                after = chunk.entry.event_id
                if chunk.entry.dispatch_id in wanted:
                    told[chunk.entry.dispatch_id] += chunk.user_ids
    return told


def check_nothing_lost_or_doubled(installation: Installation, database: Database, dispatch_ids: list[int]) -> None:
    """Every dispatch came to its end, nobody was told twice, and every inbox shows what the waves say."""
    wait_for(lambda: states(database, dispatch_ids)["open"] == 0, 90, installation.text)

    def delivered() -> bool:
        with database.read() as session:
            return not any(row.count for row in count_work(session) if row.kind in ("delivery", "dispatch_label"))

    wait_for(delivered, 30, installation.text)
    with database.read() as session:
        assert dispatch.broken_invariants(session) == {}
        assert not any(row.state == "dead" for row in count_work(session))
    told = recipients(database, dispatch_ids)
    assert sum(map(len, told.values())) > 0
    check_the_right_people_were_told(database, dispatch_ids)
    for dispatch_id, users in told.items():
        assert len(users) == len(set(users)), f"somebody was told twice of {dispatch_id}"
    store = InboxStore(connect(installation.settings().resolved_redis_url))
    per_user = Counter(user for users in told.values() for user in users)
    wanted = set(dispatch_ids)
    for user, expected in [*per_user.most_common(15), *list(per_user.items())[:40]]:
        with database.read() as session:
            page = list_inbox(session, store, dispatch, user_id=user, cursor=None, limit=100, now_ms=now_ms())
        assert page.source == "redis"
        seen = [entry.dispatch_id for entry in page.entries]
        assert len(seen) == len(set(seen)), f"user {user} has an entry twice"
        if len(seen) < 100:
            assert sum(dispatch_id in wanted for dispatch_id in seen) == expected


def is_idle_for(seconds: float, database: Database) -> bool:
    """Say whether nobody works on anything for so long; work of a later time may wait."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with database.read() as session:
            if any(row.count for row in count_work(session) if row.state == "leased"):
                return False
        time.sleep(0.05)
    return True


def is_ready(installation: Installation) -> bool:
    with installation.client() as client:
        found = client.get("/readyz")
    assert found.status_code == 200, "accepting orders needs the database only"
    return bool(found.json()["matching"] == "ok")


def preview_quickest_of(times: int, installation: Installation) -> tuple[httpx.Response, float]:
    """The quickest of a few: while Ray starts again, both cores are busy, and that is not what is measured."""
    answers = []
    with installation.client() as client:
        for _ in range(times):
            started = time.monotonic()
            answer = client.post("/v1/dispatches:preview", json={"keywords": ["司机"]})
            answers.append((time.monotonic() - started, answer))
    took_s, answer = min(answers, key=lambda pair: pair[0])
    return answer, took_s


def test_an_order_right_after_a_profile_reaches_it(installation: Installation, database: Database) -> None:
    """Changes are published twice a second; an order must not close, or turn to others, over one made before it."""
    ids = []
    with installation.client() as client:
        for turn in range(6):
            crowd = f"only-{installation.port}-{turn}"
            put = client.put(f"/v1/profiles/late-{turn}", json={"crowds": [crowd]})
            assert put.status_code == 201, put.text
            order = {"id": f"late-{installation.port}-{turn}", "title": "招人", "crowds": [crowd]}
            headers = {"Idempotency-Key": f"late-{turn}"}
            sent = client.post("/v1/dispatches", json={"orders": [order]}, headers=headers)
            ids.append(sent.json()["answers"][0]["dispatch_id"])
    wait_for(lambda: all(recipients(database, ids).values()), 20, installation.text)
    assert [len(users) for users in recipients(database, ids).values()] == [1] * 6


def test_a_shard_actor_is_killed_during_dispatches(installation: Installation, database: Database) -> None:
    dispatch_ids = installation.submit(100)
    installation.kill("ray::Shard")
    dispatch_ids += installation.submit(100)
    check_nothing_lost_or_doubled(installation, database, dispatch_ids)
    wait_for(lambda: is_ready(installation), 20, installation.text)


def test_the_dispatcher_is_killed_during_dispatches(installation: Installation, database: Database) -> None:
    before = [process.pid for process in installation.find("ray::Shard")]
    dispatch_ids = installation.submit(100)
    time.sleep(0.3)
    installation.kill("quanwang dispatcher")
    dispatch_ids += installation.submit(100)
    check_nothing_lost_or_doubled(installation, database, dispatch_ids)
    assert [process.pid for process in installation.find("ray::Shard")] == before, "shards outlive their driver"


def test_a_frozen_dispatcher_pauses_previews_at_once_and_loses_nothing(
    installation: Installation, database: Database
) -> None:
    """Stopped, not dead: submitting still answers 201, previews say 503 at once; woken, it goes on.

    It is stopped while it has nothing to do: in the middle of a write it would hold the one write lock that SQLite has,
    and submitting would answer 503 with a sentence until it goes on.
    """
    (frozen,) = installation.find("quanwang dispatcher")
    wait_for(lambda: is_idle_for(1.0, database), 30, installation.text)
    frozen.suspend()
    try:
        dispatch_ids = installation.submit(100)
        refused, took_s = preview_quickest_of(5, installation)
    finally:
        frozen.resume()
    assert refused.status_code == 503, refused.text
    assert int(refused.headers["Retry-After"]) > 0
    assert took_s < 0.3
    check_nothing_lost_or_doubled(installation, database, dispatch_ids)


def test_all_of_ray_is_killed_during_dispatches(installation: Installation, database: Database) -> None:
    """Submitting still answers 201; previews say 503 with Retry-After at once; then everything goes on by itself."""
    dispatch_ids = installation.submit(100)
    installation.kill("gcs_server", "raylet/raylet", "ray::Shard")
    dispatch_ids += installation.submit(50)
    wait_for(lambda: not is_ready(installation), 15, installation.text)
    refused, took_s = preview_quickest_of(5, installation)
    assert refused.status_code == 503, refused.text
    assert int(refused.headers["Retry-After"]) > 0
    assert "paused" in refused.json()["detail"]
    assert took_s < 0.3
    dispatch_ids += installation.submit(50)
    check_nothing_lost_or_doubled(installation, database, dispatch_ids)
    wait_for(lambda: is_ready(installation), 20, installation.text)


def test_worker_redis_and_web_are_killed_during_dispatches(installation: Installation, database: Database) -> None:
    """Redis comes back empty and is refilled from the database; deliveries are repeated and show once."""
    dispatch_ids = installation.submit(100)
    time.sleep(1.0)
    installation.kill(installation.redis(), "quanwang worker", "quanwang api")
    wait_for(lambda: http_answers(installation.settings()), 30, installation.text)
    dispatch_ids += installation.submit(50)
    check_nothing_lost_or_doubled(installation, database, dispatch_ids)


def test_a_second_up_on_the_same_folder_is_one_sentence(installation: Installation) -> None:
    assert installation.process is not None
    command = [sys.executable, "-m", "quanwang", "up", "--data-dir", str(installation.data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    owner = installation.process.pid
    assert done.stderr == (
        f"quanwang: the data folder {installation.data_dir} is in use by process {owner}: stop that one (Ctrl-C or"
        f" kill {owner}), or choose another folder with --data-dir\n"
    )


def test_ctrl_c_stops_every_process(installation: Installation) -> None:
    assert installation.process is not None
    known = installation.processes()
    assert len(known) > 8
    started = time.monotonic()
    installation.process.send_signal(signal.SIGINT)
    assert installation.process.wait(40) == 0, installation.text()
    assert still_running(known, wait_s=1) == []
    assert time.monotonic() - started < 15
    assert "Traceback" not in installation.output.read_text()


def test_up_once_ends_with_one_json_line(installation: Installation) -> None:
    """On the data folder of the tests above: the profiles are kept, a new batch of orders is dispatched."""
    assert installation.has_ended()
    installation.start("--once", "--orders", "300")
    assert installation.process is not None
    known: dict[int, psutil.Process] = {}
    while not installation.has_ended():
        known.update((process.pid, process) for process in installation.processes())
        time.sleep(0.5)
    assert len(known) > 8
    assert installation.process.wait(150) == 0, installation.text()
    lines = installation.output.read_text().splitlines()
    summary = json.loads(lines[-1])
    assert set(summary) == {
        "orders", "orders_with_full", "notified_full", "notified_partial", "accepted", "profiles", "seconds",
    }  # fmt: skip
    assert summary["orders"] == 300
    assert summary["profiles"] == PROFILES
    assert 0 < summary["orders_with_full"] <= 300
    assert summary["notified_full"] >= summary["orders_with_full"]
    assert summary["notified_partial"] > 0
    assert summary["accepted"] > 0
    assert still_running(list(known.values()), wait_s=2) == []


def test_a_killed_supervisor_leaves_no_process(installation: Installation) -> None:
    """kill -9 of `quanwang up` while it runs: its children, and all of Ray, end by themselves."""
    assert installation.has_ended()
    installation.start("--orders", "0")
    assert installation.process is not None
    installation.wait_running()
    known = installation.processes()
    assert {process.name() for process in known} >= {"gcs_server", "raylet"}
    installation.process.kill()
    installation.process.wait()
    assert still_running(known, wait_s=20) == []
