"""The migrations make exactly the tables of the code, on both databases, once, whoever calls."""

import threading
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import column, select, table

from kit.db import Database, metadata
from quanwang.migrations import HEAD, SchemaFromTheFuture, migrate, schema_version
from quanwang.migrations import tables as all_tables
from quanwang.migrations.migrate import FOLDER
from tests.harness.mariadb import MariaServer


@pytest.fixture(params=["sqlite", "mariadb"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path, worker: str) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    server: MariaServer = request.getfixturevalue("mariadb_server")
    return server.create_database(f"migrations_{worker}")


def test_head_is_the_newest_revision() -> None:
    assert ScriptDirectory(str(FOLDER)).get_heads() == [HEAD]


def test_migrated_schema_is_the_schema_of_the_code(empty_url: str) -> None:
    assert all_tables.metadata is metadata
    migrate(empty_url)
    database = Database(empty_url)
    assert schema_version(database) == HEAD
    with database.read() as session:
        context = MigrationContext.configure(session, opts={"compare_type": True})
        # Tables that only tests declare are not the schema's.
        differences = [each for each in compare_metadata(context, metadata) if not _of_tests(each)]
    database.dispose()
    assert differences == [], "run: python -m quanwang.migrations.generate <revision> <message>"


def test_a_migrated_database_is_left_alone(empty_url: str) -> None:
    migrate(empty_url)
    migrate(empty_url)
    database = Database(empty_url)
    assert schema_version(database) == HEAD
    database.dispose()


def test_two_processes_that_migrate_at_once_both_find_the_schema(empty_url: str) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            migrate(empty_url)
        except BaseException as error:  # noqa: BLE001  # handed to the asserting thread
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_schema_of_a_newer_version_is_refused_with_a_sentence(empty_url: str) -> None:
    migrate(empty_url)
    database = Database(empty_url)
    with database.transaction() as session:
        session.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.dispose()
    with pytest.raises(SchemaFromTheFuture, match="9999"):
        migrate(empty_url)


def test_acceptances_of_an_older_schema_keep_their_places(empty_url: str) -> None:
    database = Database(empty_url)
    with database.transaction() as session:
        config = Config()
        config.set_main_option("script_location", str(FOLDER))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = session
        command.upgrade(config, "0001")
        names = ("id", "dispatch_id", "user_id", "tier", "wave_id", "state", "accepted_at_ms", "changed_at_ms")
        old = table("acceptance", *(column(name) for name in names))
        yes = [(3, 7, 11, 200), (1, 7, 12, 100), (2, 7, 13, 100), (4, 8, 11, 50)]
        rows = [(key, subject, user, "full", 5, "accepted", at_ms, at_ms) for key, subject, user, at_ms in yes]
        session.execute(old.insert(), [dict(zip(names, row, strict=True)) for row in rows])
    database.dispose()
    migrate(empty_url)
    database = Database(empty_url)
    with database.read() as session:
        tables = all_tables.metadata.tables
        new, counter = tables["acceptance"], tables["arrival_counter"]
        places = select(new.c.dispatch_id, new.c.user_id).order_by(new.c.dispatch_id, new.c.arrival)
        assert session.execute(places).all() == [(7, 12), (7, 13), (7, 11), (8, 11)]
        counted = select(counter.c.dispatch_id, counter.c.arrivals).order_by(counter.c.dispatch_id)
        assert session.execute(counted).all() == [(7, 3), (8, 1)]
    database.dispose()


def _of_tests(difference: Any) -> bool:
    return isinstance(difference, tuple) and str(getattr(difference[1], "name", "")).startswith("test_")
