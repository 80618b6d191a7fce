"""A market on each database; the invariants of dispatch are checked after every test."""

import pytest

from kit.db import Database
from kit.ids import IdAllocator
from marketplace.dispatch.invariants import INVARIANTS
from tests.harness.invariants import invariant
from tests.integration.dispatch.market import Market

for _name, _check in INVARIANTS.items():
    invariant(_name, tables=["dispatch", "wave", "work"])(_check)


@pytest.fixture
def market(database: Database, ids: IdAllocator) -> Market:
    """12 welders and 8 carpenters in Shanghai, policy "fast": waves of 5 every 100 ms, windows of 1 s."""
    return Market(database, ids)


@pytest.fixture
def maria_market(mariadb_database: Database) -> Market:
    """The same on MariaDB alone, where transactions run beside each other."""
    return Market(mariadb_database, IdAllocator(mariadb_database))
