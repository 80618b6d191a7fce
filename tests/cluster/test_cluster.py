"""A real primary and standby, of the database and of Redis, under the hands of a person who kills them.

Every test begins with a whole cluster; afterwards every acknowledged row is there, whoever is the primary by then.
"""

import asyncio
import contextlib
import itertools
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import MetaData, Table, select

from kit.config import Settings
from kit.db import CommitOutcomeUnknown, Database, DatabaseUnavailable, Session, id_key, insert_many
from kit.errors import Unavailable
from kit.redis import RedisUnavailable, connect, connect_async
from quanwang.cluster.cluster import Cluster
from quanwang.cluster.leftovers import end_leftovers, remember_processes
from quanwang.cluster.nodes import MariaNode
from quanwang.processes.lifeline import is_alive, processes_of_session
from tests.harness import folder as session_folder

# A driver whose server is killed leaves its socket to the garbage collector.
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

tables = MetaData()
note = Table("note", tables, id_key(), mysql_engine="InnoDB")
WITHIN_S = 60.0


@dataclass
class Running:
    """A cluster, what it said, and the rows that were acknowledged in it."""

    cluster: Cluster
    database: Database
    said: list[str] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    unknown: list[int] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def write(self) -> int:
        number = next(self.numbers)
        self.database.run(lambda session: insert_note(session, number))
        self.acknowledged.append(number)
        return number

    def kept(self) -> set[int]:
        with self.database.read() as session:
            return set(session.execute(select(note.c.id)).scalars())

    def node(self, role: str) -> MariaNode:
        databases = self.cluster._databases
        return databases.primary if role == "primary" else databases.standby

    @contextlib.contextmanager
    def writers(self, count: int = 4) -> Iterator[None]:
        """Threads that write rows until the block ends; whoever gets no answer within 10 s fails the test."""
        stopping = threading.Event()
        failed: list[BaseException] = []

        def write() -> None:
            while not stopping.is_set():
                number = next(self.numbers)
                try:
                    self.database.run(partial(insert_note, number=number))
                except CommitOutcomeUnknown:
                    self.unknown.append(number)
                except Unavailable as error:
                    failed.append(error)
                    return
                else:
                    self.acknowledged.append(number)

        threads = [threading.Thread(target=write) for _ in range(count)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stopping.set()
            for thread in threads:
                thread.join()
        assert failed == []


def insert_note(session: Session, number: int) -> None:
    insert_many(session, note, [{"id": number}])


def wait_for(condition: Callable[[], bool], what: str, within_s: float = WITHIN_S) -> None:
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, f"waited {within_s} s in vain: {what}"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def _running() -> Iterator[Running]:
    said: list[str] = []
    cluster = Cluster(Settings(data_dir=session_folder.current() / "pair" / "data"), said.append)
    cluster.start()
    database = Database(cluster.settings.resolved_database_url)
    database.create_schema(tables)
    yield Running(cluster, database, said)
    known = [process.process_id for process in cluster.processes() if process.process_id is not None]
    database.dispose()
    cluster.stop()
    assert [process_id for process_id in known if is_alive(process_id)] == []


@pytest.fixture
def running(_running: Running) -> Iterator[Running]:
    _running.cluster.wait_whole(WITHIN_S)
    _running.said.clear()
    yield _running
    _running.cluster.wait_whole(WITHIN_S)
    assert set(_running.acknowledged) <= _running.kept()


def test_a_whole_cluster_has_nothing_to_warn_of(running: Running) -> None:
    assert running.database.durability_warnings() == []
    roles = [process.role for process in running.cluster.processes()]
    assert sorted(roles) == sorted(set(roles))


def test_a_killed_primary_is_replaced_under_load_and_comes_back(running: Running) -> None:
    """And killed again, so that the first one leads again: writes go on within 10 s each time, and nothing is lost."""
    generation = running.cluster.generation
    first = running.cluster.with_role("mariadb-primary").name
    with running.writers():
        for leader in (first, running.cluster.with_role("mariadb-standby").name):
            wait_for(lambda: bool(running.cluster.warnings()) is False, "a whole cluster")
            killed = running.cluster.signal("mariadb-primary", signal.SIGKILL)
            assert killed is not None
            assert killed.name == leader
            wait_for(lambda: running.cluster.with_role("mariadb-primary").name != leader, "another primary")  # noqa: B023
            count = len(running.acknowledged)
            wait_for(lambda: len(running.acknowledged) > count + 20, "writes")  # noqa: B023
            running.cluster.wait_whole(WITHIN_S)
    assert running.cluster.generation == generation + 2
    assert running.cluster.with_role("mariadb-primary").name == first


def test_a_frozen_primary_is_dead_before_the_standby_takes_over(running: Running) -> None:
    with running.writers():
        frozen = running.cluster.signal("mariadb-primary", signal.SIGSTOP)
        assert frozen is not None
        assert frozen.process_id is not None
        wait_for(lambda: running.cluster.with_role("mariadb-primary").name != frozen.name, "another primary")
        assert processes_of_session(frozen.process_id) == [], "two primaries at once"
        count = len(running.acknowledged)
        wait_for(lambda: len(running.acknowledged) > count + 20, "writes")


def test_what_no_standby_confirmed_is_dropped_by_the_old_primary(running: Running) -> None:
    """The standby stops receiving; a commit waits and is never acknowledged; then the primary dies."""
    running.write()
    primary, standby = running.node("primary"), running.node("standby")
    standby.door.__class__(standby.plan.socket)._do("STOP SLAVE IO_THREAD", patient=True)
    impatient = Database(running.cluster.settings.resolved_database_url, statement_timeout_s=1)
    number = next(running.numbers)
    with pytest.raises(CommitOutcomeUnknown):
        impatient.run(lambda session: insert_note(session, number))
    impatient.dispose()
    running.cluster.signal("mariadb-primary", signal.SIGKILL)
    running.write()
    running.cluster.wait_whole(WITHIN_S)
    if running.node("primary") is standby:
        assert number not in running.kept()
        assert running.node("standby") is primary
        assert not any("made anew" in sentence for sentence in running.said), "crash recovery has dropped it"


def test_a_standby_that_diverged_is_made_anew_and_that_is_said(running: Running) -> None:
    running.write()
    standby = running.node("standby")
    # An administrator may write on a read-only server; nobody else can.
    standby.door.__class__(standby.plan.socket)._do("INSERT INTO quanwang.note VALUES (1000000)", patient=True)
    wait_for(lambda: any("made anew" in sentence for sentence in running.said), "the standby is made anew")
    running.cluster.wait_whole(WITHIN_S)
    running.cluster.signal("mariadb-primary", signal.SIGKILL)
    running.write()
    assert running.node("primary") is standby
    assert 1_000_000 not in running.kept()


def test_without_its_standby_the_primary_goes_on_alone_and_is_never_replaced(running: Running) -> None:
    """Writes pause for the grace, then are on one disk, which is said; the stale standby does not take over."""
    standby, generation = running.node("standby"), running.cluster.generation
    leader = running.cluster.with_role("mariadb-primary").name
    standby._not_before_s = time.monotonic() + 1_000
    with running.writers():
        running.cluster.signal("mariadb-standby", signal.SIGKILL)
        wait_for(lambda: any("goes on alone" in sentence for sentence in running.said), "going on alone")
        count = len(running.acknowledged)
        wait_for(lambda: len(running.acknowledged) > count + 20, "writes")
        assert any("one disk" in sentence or "disk of" in sentence for sentence in running.cluster.warnings())
        assert running.database.durability_warnings() != []
        running.cluster.signal("mariadb-primary", signal.SIGKILL)
        count = len(running.acknowledged)
        wait_for(lambda: len(running.acknowledged) > count + 20, "the primary starts again in its place")
    assert running.cluster.generation == generation
    assert running.cluster.with_role("mariadb-primary").name == leader
    standby._not_before_s = 0.0


def test_a_transaction_that_meets_a_read_only_server_is_repeated(running: Running) -> None:
    """The supervisor opens its primary again; meanwhile clients see error 1290 and wait."""
    primary = running.node("primary")
    primary.door.__class__(primary.plan.socket)._do("SET GLOBAL read_only = ON", patient=True)
    running.write()


def test_redis_is_followed_by_its_clients_and_a_killed_primary_comes_back(running: Running) -> None:
    client = connect(running.cluster.settings.resolved_redis_url)
    client.execute("SET", "before", "kept")
    client.execute("WAIT", 1, 1_000)
    running.cluster.signal("redis-primary", signal.SIGKILL)

    def writes() -> bool:
        with contextlib.suppress(RedisUnavailable):
            return client.execute("SET", "after", "written") is True
        return False

    wait_for(writes, "Redis takes writes")
    assert client.execute("GET", "before") == b"kept", "the standby had it"

    async def read() -> object:
        following = connect_async(running.cluster.settings.resolved_redis_url, max_connections=2, timeout_s=2)
        try:
            return await following.get("after")
        finally:
            await following.aclose()

    assert asyncio.run(read()) == b"written"
    client.close()


def test_a_frozen_redis_primary_is_killed_and_replaced(running: Running) -> None:
    frozen = running.cluster.signal("redis-primary", signal.SIGSTOP)
    assert frozen is not None
    assert frozen.process_id is not None
    wait_for(lambda: running.cluster.with_role("redis-primary").name != frozen.name, "another primary")
    assert processes_of_session(frozen.process_id) == []


def test_a_server_that_outlived_its_supervisor_is_ended_before_another_one_starts(running: Running) -> None:
    plan = running.cluster.plan
    left = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)", str(plan.folder)], start_new_session=True
    )
    other = Cluster(Settings(data_dir=session_folder.current() / "left" / "data"), print)
    remember_processes(other.plan, [left.pid])
    end_leftovers(other.plan)
    assert left.poll() is None, "its command does not name the folder: somebody else has the number by now"
    left.kill()
    left.wait()
    ours = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)", str(other.plan.folder)], start_new_session=True
    )
    command = Path(f"/proc/{ours.pid}/cmdline")
    wait_for(lambda: str(other.plan.folder) in command.read_text(), "the process runs its program")
    ours.send_signal(signal.SIGSTOP)
    remember_processes(other.plan, [ours.pid])
    end_leftovers(other.plan)
    assert ours.wait(5) == -signal.SIGKILL


def test_a_topology_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    database = Database(f"mysql+pymysql://u:p@/orders?topology={tmp_path / 'none.json'}", retry_window_s=0.2)
    with pytest.raises(DatabaseUnavailable, match=r"the topology file .* cannot be read"):
        database.run(lambda session: insert_note(session, 1))
