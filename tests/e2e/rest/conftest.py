"""One running installation for the tests of the REST interface; tests keep apart by names of their own."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.db import Database, metadata
from tests.e2e.rest.installation import Backend, Installation, running
from tests.harness.invariants import violations
from tests.harness.redis import new_server


@pytest.fixture(scope="module")
def installation(worker: str) -> Iterator[Installation]:
    """A whole installation on SQLite; whoever breaks a part of one uses a fixture of its own."""
    redis = new_server(worker)
    redis.start()
    # The path of a unix socket must be short; pytest's own folders are not.
    with tempfile.TemporaryDirectory(prefix="qw-") as folder:
        database = Database(f"sqlite:///{folder}/rest.sqlite3")
        database.create_schema(metadata)
        with running(database, redis, Path(folder)) as found:
            yield found
        broken = violations(database)
        database.dispose()
    redis.stop()
    assert not broken, "after the tests: " + "; ".join(broken)


@pytest.fixture
def alpha(installation: Installation) -> Backend:
    """A backend with all scopes of a backend."""
    return installation.alpha


@pytest.fixture
def beta(installation: Installation) -> Backend:
    """Another backend: everything of alpha is foreign to it."""
    return installation.beta
