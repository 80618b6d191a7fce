"""Fixtures for every test: the two databases, Redis, ids, the shared data; and what unit tests may not do."""

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.db import Database, metadata
from kit.ids import IdAllocator
from kit.redis import RedisClient, connect
from tests.harness import folder as session_folder
from tests.harness import mariadb
from tests.harness.invariants import violations
from tests.harness.purity import forbid_impurity
from tests.harness.redis import WatchedRedis, new_server

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
KINDS = ("unit", "integration", "cluster", "e2e", "architecture", "simulation")

_session: dict[str, Path] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--nightly", action="store_true", help="run the tests, too, that take minutes each")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        _session["folder"] = session_folder.create()
        session_folder.watch(_session["folder"])


def pytest_unconfigure(config: pytest.Config) -> None:
    if "folder" in _session:
        session_folder.remove(_session.pop("folder"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("nightly") and not config.getoption("nightly"):
            item.add_marker(pytest.mark.skip("takes minutes; give --nightly to run it"))
        kind = item.path.relative_to(ROOT / "tests").parts[0]
        if kind in KINDS:
            item.add_marker(kind)


def pytest_report_header() -> str:
    if SHARED.is_dir():
        return f"shared data: found at {SHARED}, the extra checks run"
    return "shared data: ../shared/data is not here, the extra checks are skipped"


@pytest.fixture(autouse=True)
def _unit_tests_are_pure(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("unit"):
        forbid_impurity(monkeypatch, ROOT)


@pytest.fixture(scope="session")
def worker() -> str:
    """The name of this xdist worker, ``main`` without xdist."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="session")
def mariadb_server() -> mariadb.MariaServer:
    """The functional MariaDB server of this session (fsync off); never stop it: see ``own_mariadb_server``."""
    return mariadb.shared_server()


@pytest.fixture(scope="session")
def mariadb_url(mariadb_server: mariadb.MariaServer, worker: str) -> str:
    return mariadb_server.create_database(f"tests_{worker}")


@pytest.fixture
def own_mariadb_server() -> Iterator[mariadb.MariaServer]:
    """A durable MariaDB server of this test alone (about 3 s): to be stopped, killed, frozen, restarted."""
    server = mariadb.MariaServer(session_folder.current() / f"own-{uuid.uuid4().hex[:8]}", durable=True)
    server.create()
    server.start()
    yield server
    server.stop(signal.SIGKILL)


@pytest.fixture
def mariadb_database(mariadb_url: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty MariaDB database with all tables that the test knows; the invariants are checked afterwards."""
    yield from _used(Database(mariadb_url), request)


@pytest.fixture
def sqlite_database(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty SQLite file with all tables that the test knows; the invariants are checked afterwards."""
    yield from _used(Database(f"sqlite:///{tmp_path / 'test.sqlite3'}"), request)


@pytest.fixture(params=["sqlite", "mariadb"])
def database(request: pytest.FixtureRequest) -> Database:
    """The test runs on both databases."""
    found: Database = request.getfixturevalue(f"{request.param}_database")
    return found


@pytest.fixture
def ids(database: Database) -> IdAllocator:
    """Ids of ``database``."""
    return IdAllocator(database)


@pytest.fixture(scope="session")
def _redis_of_worker(worker: str) -> Iterator[WatchedRedis]:
    server = new_server(worker)
    yield server
    server.stop()


@pytest.fixture
def redis_server(_redis_of_worker: WatchedRedis) -> WatchedRedis:
    """A running, empty Redis server that no other test uses at the same time; may be killed and started again."""
    if _redis_of_worker.pid is None:
        _redis_of_worker.start()
    client = connect(_redis_of_worker.url)
    client.execute("FLUSHALL")
    client.close()
    return _redis_of_worker


@pytest.fixture
def redis_client(redis_server: WatchedRedis) -> Iterator[RedisClient]:
    """A client of ``redis_server``."""
    client = connect(redis_server.url)
    yield client
    client.close()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the real data; the test is skipped, aloud, where it is not there."""
    if not SHARED.is_dir():
        pytest.skip("../shared/data is not beside the repository: this check did not run")
    return SHARED


def _used(database: Database, request: pytest.FixtureRequest) -> Iterator[Database]:
    database.create_schema(metadata)
    _empty(database)
    try:
        yield database
        if not request.node.get_closest_marker("plants_a_bug"):
            broken = violations(database)
            assert not broken, "after the test: " + "; ".join(broken)
    finally:
        database.dispose()


def _empty(database: Database) -> None:
    with database.transaction() as session:
        if database.dialect == "mysql":
            session.exec_driver_sql("SET SESSION foreign_key_checks = 0")
        for table in reversed(metadata.sorted_tables):
            session.execute(table.delete())
        if database.dialect == "mysql":
            session.exec_driver_sql("SET SESSION foreign_key_checks = 1")
