"""The migrations make exactly the tables of the code, on both databases, once, whoever calls."""

import threading
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

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


def _of_tests(difference: Any) -> bool:
    return isinstance(difference, tuple) and str(getattr(difference[1], "name", "")).startswith("test_")
