"""Registers webhooks and works on what is due, as the worker does, on the clock of a market."""

import threading
import time
from collections.abc import Callable
from typing import Any

from kit.encryption import SecretBox
from kit.work import Backoff, Wake, WorkLoop
from marketplace import webhooks
from marketplace.webhooks import AddressRules, EventKind, IssuedSecret
from marketplace.webhooks.send_deliveries import OPTIONS, WebhookSender
from marketplace.webhooks.views import DeliveryState, DeliveryView
from marketplace.webhooks.webhook_client import WebhookClient
from tests.harness.receiver import LOCAL
from tests.integration.dispatch.market import Market

ALL_KINDS = tuple(kind.value for kind in webhooks.CHOOSABLE)
OWNER = "shop"
RULES = AddressRules.parse(LOCAL)
PATIENCE_S = 10.0


class Hooks:
    """Everything that a test of webhooks needs around one market."""

    def __init__(self, market: Market, box: SecretBox, *, client: WebhookClient | None = None) -> None:
        self.market, self.box = market, box
        self.database, self.ids = market.database, market.ids
        self.client = client or WebhookClient(RULES, whole_s=1.0)
        self.sender = WebhookSender(
            self.database, self.client, box, lambda: market.now_ms, threads=8, backoff=Backoff(1_000, 60_000)
        )
        self.loop = WorkLoop(
            self.database,
            {
                webhooks.EVENT_WORK: lambda claims: webhooks.fan_out(
                    self.database, self.ids, claims, now_ms=market.now_ms
                ),
                webhooks.DELIVERY_WORK: self.sender.take,
            },
            Wake(),
            lambda: market.now_ms,
            options={webhooks.DELIVERY_WORK: OPTIONS},
        )

    def close(self) -> None:
        self.sender.close()

    def register(self, url: str, *kinds: EventKind, owner: str = OWNER, rules: AddressRules = RULES) -> IssuedSecret:
        wanted = [kind.value for kind in kinds] or ALL_KINDS
        return self.database.run(
            lambda session: webhooks.register_webhook(
                session, self.ids, self.box, rules, owner=owner, url=url, kinds=wanted, now_ms=self.market.now_ms
            )
        )

    def do(self, use_case: Callable[..., Any], webhook_id: int, **arguments: Any) -> Any:
        """Run a use case on one webhook in a transaction of its own."""
        return self.database.run(
            lambda session: use_case(
                session, owner=OWNER, webhook_id=webhook_id, now_ms=self.market.now_ms, **arguments
            )
        )

    def test_event(self, webhook_id: int) -> DeliveryView:
        return self.database.run(
            lambda session: webhooks.send_test(
                session, self.ids, owner=OWNER, webhook_id=webhook_id, now_ms=self.market.now_ms
            )
        )

    def work(self) -> None:
        """Work on everything that is due now, until nothing waits in the threads."""
        ends_at_s = time.monotonic() + PATIENCE_S
        while True:
            claimed = self.loop.step()
            while not self.sender.idle:
                assert time.monotonic() < ends_at_s, "the threads never come to rest"
                threading.Event().wait(0.005)
            if not claimed:
                return

    def later(self, milliseconds: int) -> None:
        """Let time pass and work."""
        self.market.now_ms += milliseconds
        self.work()

    def deliveries(self, webhook_id: int, state: DeliveryState | None = None) -> list[DeliveryView]:
        with self.database.read() as session:
            return webhooks.list_deliveries(session, owner=OWNER, webhook_id=webhook_id, state=state, limit=100).items
