"""Real dispatch and real inboxes together: every committed wave is in the inboxes, whatever happens to Redis."""

import pytest

from kit.db import Database
from kit.errors import Unavailable
from kit.ids import IdAllocator
from kit.redis import RedisClient
from marketplace import dispatch
from marketplace.inbox import InboxKeeper, InboxPage, InboxStore, find_inbox_faults, list_inbox
from tests.integration.dispatch.market import WELDER, Market


class LiveMarket(Market):
    """A market whose waves go into Redis, with the keeper beside it."""

    def __init__(self, database: Database, ids: IdAllocator, client: RedisClient) -> None:
        super().__init__(database, ids)
        self.store = InboxStore(client)
        self.keeper = InboxKeeper(database, self.store, dispatch)
        self.inboxes = self.store  # type: ignore[assignment]  # it implements the same port

    def run_until(self, end_ms: int, emptied_every: int | None = None) -> int:
        """Let time pass in steps of 50 ms; returns how often a delivery had to wait for Redis."""
        waited = 0
        for step in range((end_ms - self.now_ms) // 50):
            if emptied_every and step % emptied_every == 0:
                self.store.client.execute("FLUSHALL")
            try:
                self.settle()
            except Unavailable:
                waited += 1
            self.keeper.keep(self.now_ms)
            self.now_ms += 50
        return waited

    def page(self, user_id: int, store: InboxStore | None) -> InboxPage:
        with self.database.read() as session:
            return list_inbox(session, store, dispatch, user_id=user_id, limit=100, now_ms=self.now_ms)

    def faults(self) -> list[str]:
        with self.database.read() as session:
            return find_inbox_faults(session, self.store, dispatch)


@pytest.mark.parametrize("emptied_every", [None, 7, 2])
def test_every_committed_wave_is_in_the_inboxes(
    database: Database, ids: IdAllocator, redis_client: RedisClient, emptied_every: int | None
) -> None:
    """Both tiers, several orders; Redis is emptied every so often; lists from Redis and from the waves agree."""
    market = LiveMarket(database, ids, redis_client)
    opened = [market.open(dict(WELDER)) for _ in range(3)]
    # The first delivery meets a Redis that nobody has filled yet.
    assert market.run_until(market.now_ms + 3_000, emptied_every) >= 1
    # A claim that met an empty Redis runs out before its work is taken again.
    market.now_ms += 60_000
    market.run_until(market.now_ms + 500)
    assert market.faults() == []
    for user_id in (1, 12, 101, 999):
        hot, cold = market.page(user_id, market.store), market.page(user_id, None)
        assert (hot.source, cold.source) == ("redis", "database")
        assert (hot.entries, hot.unread) == (cold.entries, cold.unread)
    assert {entry.dispatch_id for entry in market.page(1, market.store).entries} == set(opened)
    assert {entry.tier for entry in market.page(101, market.store).entries} == {"partial"}


def test_receivers_see_that_an_order_is_taken(database: Database, ids: IdAllocator, redis_client: RedisClient) -> None:
    market = LiveMarket(database, ids, redis_client)
    market.keeper.keep(market.now_ms)
    dispatch_id = market.open(dict(WELDER))
    market.run_until(market.now_ms + 300)
    market.accept(dispatch_id, 1)
    market.do(dispatch.select_acceptor, dispatch_id, user_id=1, actor="shop")
    market.run_until(market.now_ms + 300)
    assert [entry.state for entry in market.page(2, market.store).entries] == ["taken"]
    redis_client.execute("FLUSHALL")
    assert [entry.state for entry in market.page(2, market.store).entries] == ["taken"]
    market.keeper.keep(market.now_ms)
    page = market.page(2, market.store)
    assert (page.source, [entry.state for entry in page.entries]) == ("redis", ["taken"])
