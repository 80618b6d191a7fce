"""A market whose users are notified by channels, on each database; mail servers are real."""

from collections.abc import Iterator

import pytest

from kit.db import Database
from kit.ids import IdAllocator
from marketplace.dispatch.invariants import INVARIANTS
from tests.harness.invariants import invariant
from tests.integration.channels.mail_server import MailBox, mail_server
from tests.integration.dispatch.market import Market

for _name, _check in INVARIANTS.items():
    invariant(_name, tables=["dispatch", "wave", "work"])(_check)


@pytest.fixture
def market(database: Database, ids: IdAllocator) -> Market:
    return Market(database, ids)


@pytest.fixture
def mail_box() -> Iterator[MailBox]:
    with mail_server() as found:
        yield found
