"""Stores and keepers for the tests of inboxes. The database and Redis are real."""

import pytest

from kit.db import Database
from kit.redis import RedisClient
from marketplace.inbox import InboxKeeper, InboxStore
from tests.integration.inbox.waves import START_MS, Waves


@pytest.fixture
def waves() -> Waves:
    return Waves()


@pytest.fixture
def store(redis_client: RedisClient) -> InboxStore:
    """A store whose Redis is empty: not ready yet."""
    return InboxStore(redis_client)


@pytest.fixture
def keeper(sqlite_database: Database, store: InboxStore, waves: Waves) -> InboxKeeper:
    return InboxKeeper(sqlite_database, store, waves, history_ms=START_MS * 2)


@pytest.fixture
def ready_store(store: InboxStore, keeper: InboxKeeper) -> InboxStore:
    """A store whose Redis was found empty and is complete."""
    report = keeper.keep(START_MS)
    assert report is not None
    return store
