"""A market whose owner has webhooks, on each database; receivers are real."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.db import Database
from kit.encryption import SecretBox
from kit.ids import IdAllocator
from marketplace.dispatch.invariants import INVARIANTS
from tests.harness.invariants import invariant
from tests.harness.receiver import Receiver, receiving
from tests.integration.dispatch.market import Market
from tests.integration.webhooks.sending import Hooks

for _name, _check in INVARIANTS.items():
    invariant(_name, tables=["dispatch", "wave", "work"])(_check)


@pytest.fixture
def market(database: Database, ids: IdAllocator) -> Market:
    return Market(database, ids)


@pytest.fixture
def box(tmp_path: Path) -> SecretBox:
    return SecretBox(tmp_path / "keys" / "encryption.key")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def hooks(market: Market, box: SecretBox) -> Iterator[Hooks]:
    """Registers webhooks of the market's owner and sends what is due, on the market's clock."""
    found = Hooks(market, box)
    yield found
    found.close()
