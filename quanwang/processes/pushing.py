"""What the worker sends to the outside, each kind in a loop of its own: who hangs out there holds nobody in here."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from functools import partial

from kit.clock import now_ms
from kit.config import Settings
from kit.db import Database
from kit.encryption import SecretBox
from kit.ids import IdAllocator
from kit.redis import RedisClient, RedisWakeStream
from kit.work import Claimed, Handler, HandlerOptions, Wake, WorkLoop
from marketplace import channels, dispatch, webhooks
from marketplace.channels import Channel
from marketplace.webhooks import AddressRules
from marketplace.webhooks.send_deliveries import OPTIONS, WebhookSender
from marketplace.webhooks.webhook_client import WebhookClient
from quanwang.processes.channels import channels_of
from quanwang.processes.switches import require_deliveries

MESSAGES_AT_ONCE = 20
"""So many messages of a channel are handed over between two commits."""


@contextlib.contextmanager
def pushing(settings: Settings, database: Database, client: RedisClient) -> Iterator[None]:
    """Send webhooks and notifications from threads until the block ends. Raises InvalidInput for wrong settings."""
    ids = IdAllocator(database)
    sender = WebhookSender(
        database,
        WebhookClient(AddressRules.parse(settings.webhook_networks)),
        SecretBox(settings.resolved_encryption_key_file),
        now_ms,
    )
    loops = {"webhooks": _webhook_loop(database, ids, sender, client)}
    for name, channel in channels_of(settings).items():
        loops[f"channel {name}"] = _channel_loop(database, channel, client)
    threads = [threading.Thread(target=loop.run_forever, name=name) for name, loop in loops.items()]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for loop in loops.values():
            loop.stop()
        for thread in threads:
            thread.join()
        sender.close()


def notice_handlers(settings: Settings, database: Database, ids: IdAllocator) -> dict[str, Handler]:
    """The handlers that only write messages for channels; they run beside the deliveries into inboxes."""
    names = frozenset(channels_of(settings))
    return {
        kind: _unless_paused(database, partial(work, database, ids, channels=names))
        for kind, work in (
            (dispatch.WAVE_NOTICE_WORK, dispatch.notify_waves),
            (dispatch.USER_NOTICE_WORK, dispatch.notify_users),
        )
    }


NOTICE_OPTIONS = {dispatch.WAVE_NOTICE_WORK: HandlerOptions(limit=8)}


def sweep(database: Database, ids: IdAllocator) -> int:
    """Remove what of the webhooks is over."""
    return webhooks.sweep_webhooks(database, ids, now_ms=now_ms())


def _webhook_loop(database: Database, ids: IdAllocator, sender: WebhookSender, client: RedisClient) -> WorkLoop:
    handlers: dict[str, Handler] = {
        webhooks.EVENT_WORK: lambda claims: webhooks.fan_out(database, ids, claims, now_ms=now_ms()),
        webhooks.DELIVERY_WORK: sender.take,
    }
    return WorkLoop(
        database, handlers, Wake(RedisWakeStream(client)), now_ms, options={webhooks.DELIVERY_WORK: OPTIONS}
    )


def _channel_loop(database: Database, channel: Channel, client: RedisClient) -> WorkLoop:
    kind = channels.work_kind_of(channel.name)
    handlers: dict[str, Handler] = {
        kind: _unless_paused(database, partial(channels.send_notifications, database, channel))
    }
    options = {kind: HandlerOptions(limit=MESSAGES_AT_ONCE, max_attempts=channels.MAX_ATTEMPTS)}
    return WorkLoop(database, handlers, Wake(RedisWakeStream(client)), now_ms, options=options)


def _unless_paused(database: Database, work: Callable[..., None]) -> Handler:
    def handle(claims: list[Claimed]) -> None:
        with database.read() as session:
            require_deliveries(session)
        work(claims, now_ms=now_ms())

    return handle
