"""A database server that is killed, frozen or restarted under us; durable settings as in production."""

import contextlib
import gc
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import MetaData, Table, event, select

from kit.db import CommitOutcomeUnknown, Database, DatabaseUnavailable, Session, id_key, insert_many
from kit.db.durability import NO_STANDBY_CONFIRMS
from tests.harness.mariadb import MariaServer

# PyMySQL leaves a refused socket to the garbage collector.
pytestmark = [pytest.mark.durable, pytest.mark.filterwarnings("ignore::ResourceWarning")]

tables = MetaData()
note = Table("note", tables, id_key(), mysql_engine="InnoDB")


@pytest.fixture
def durable(own_mariadb_server: MariaServer) -> Iterator[Database]:
    database = Database(own_mariadb_server.create_database("durable"), statement_timeout_s=2)
    database.create_schema(tables)
    yield database
    database.dispose()
    gc.collect()


def write(number: int, session: Session) -> None:
    insert_many(session, note, [{"id": number}])


def notes(database: Database) -> list[int]:
    with database.read() as session:
        return list(session.execute(select(note.c.id).order_by(note.c.id)).scalars())


def test_a_killed_server_loses_nothing_acknowledged_and_is_said_within_seconds(
    durable: Database, own_mariadb_server: MariaServer
) -> None:
    """Every write that returned is there after kill -9; run comes back by itself when the server does.

    kill -9 does not test fsync: the pages of the operating system survive it.
    """
    acknowledged: list[int] = []

    def write_until_away() -> None:
        for number in range(1, 100_000):
            try:
                durable.run(lambda session, n=number: write(n, session))  # type: ignore[misc]
            except (DatabaseUnavailable, CommitOutcomeUnknown):
                return
            acknowledged.append(number)

    assert durable.durability_warnings() == [NO_STANDBY_CONFIRMS]
    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write_until_away)
        time.sleep(0.5)
        own_mariadb_server.stop(signal.SIGKILL)
        killed_s = time.monotonic()
        writer.result(timeout=10)
        assert time.monotonic() - killed_s < 6
    started_s = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="does not answer"):
        durable.ping()
    assert time.monotonic() - started_s < 1
    own_mariadb_server.start()
    found = notes(durable)
    assert len(acknowledged) > 10
    assert set(acknowledged) <= set(found)
    assert len(found) - len(acknowledged) <= 1, "at most the one whose outcome was unknown"
    durable.run(lambda session: write(1_000_000, session))


def test_run_bridges_a_restart(durable: Database, own_mariadb_server: MariaServer) -> None:
    """Connections that lay idle over a restart do not fail the first request after it."""
    patient = Database(own_mariadb_server.url("durable"), retry_window_s=20)
    patient.run(lambda session: write(1, session))
    own_mariadb_server.stop()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(patient.run, lambda session: write(2, session))
        time.sleep(0.5)
        own_mariadb_server.start()
        waiting.result(timeout=20)
    patient.dispose()
    assert notes(durable) == [1, 2]


def test_a_frozen_server_is_given_up_after_the_statement_timeout(
    durable: Database, own_mariadb_server: MariaServer
) -> None:
    durable.ping()
    own_mariadb_server.send(signal.SIGSTOP)
    started_s = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        durable.ping()
    assert time.monotonic() - started_s < 6
    own_mariadb_server.send(signal.SIGCONT)
    durable.ping()


def test_a_connection_lost_in_the_commit_has_an_unknown_outcome(
    durable: Database, own_mariadb_server: MariaServer
) -> None:
    """The server freezes as the COMMIT is sent: the caller is told "unknown", and here it was in fact kept."""
    frozen: list[int] = []

    def freeze(_connection: object) -> None:
        own_mariadb_server.send(signal.SIGSTOP)
        frozen.append(1)

    event.listen(durable._writer, "commit", freeze)
    with pytest.raises(CommitOutcomeUnknown, match="may have been kept"):
        durable.run(lambda session: write(7, session))
    event.remove(durable._writer, "commit", freeze)
    assert len(frozen) == 1, "run must not do it again"
    own_mariadb_server.send(signal.SIGCONT)
    deadline_s = time.monotonic() + 5
    while notes(durable) != [7] and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert notes(durable) == [7]


def test_a_connection_killed_in_a_transaction_is_retried_from_the_start(
    durable: Database, own_mariadb_server: MariaServer
) -> None:
    runs: list[int] = []

    def work(session: Session) -> None:
        write(1, session)
        runs.append(1)
        if len(runs) == 1:
            number = session.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
            with contextlib.closing(own_mariadb_server.connect()) as other, other.cursor() as cursor:
                cursor.execute(f"KILL {number}")
        write(2, session)

    durable.run(work)
    assert len(runs) == 2
    assert notes(durable) == [1, 2]


def test_a_read_only_server_is_one_sentence(durable: Database, own_mariadb_server: MariaServer) -> None:
    with contextlib.closing(own_mariadb_server.connect()) as root, root.cursor() as cursor:
        cursor.execute("CREATE USER app IDENTIFIED BY 'x'")
        cursor.execute("GRANT SELECT, INSERT ON durable.* TO app")
        cursor.execute("SET GLOBAL read_only = 1")
    reader = Database(own_mariadb_server.url("durable").replace("root@", "app:x@"))
    with pytest.raises(Exception, match="is read-only: connect to the primary"):
        reader.run(lambda session: write(1, session))
    reader.dispose()
