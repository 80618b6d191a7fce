"""Webhooks: owners are told what happens to their dispatches, signed as of Standard Webhooks, at least once.

An event is a row in the transaction that makes the change (``announce``); a handler makes a delivery of it for each
webhook (``fan_out``), another one sends deliveries with retries until they are dead letters (``WebhookSender``).
"""

from marketplace.webhooks.addresses import AddressRules
from marketplace.webhooks.announce import EVENT_WORK, KNOWN_FOR_MS, OutgoingEvent, announce, listening_owners
from marketplace.webhooks.change_webhook import change_webhook, delete_webhook
from marketplace.webhooks.delivery_repository import DELIVERY_WORK
from marketplace.webhooks.event_kinds import CHOOSABLE, EventKind
from marketplace.webhooks.fan_out import fan_out, send_test
from marketplace.webhooks.find_webhooks import (
    DeliveryNotFound,
    WebhookNotFound,
    get_delivery,
    get_webhook,
    list_deliveries,
    list_webhooks,
)
from marketplace.webhooks.register_webhook import MAX_WEBHOOKS, TooManyWebhooks, register_webhook
from marketplace.webhooks.rotate_secret import DEFAULT_OVERLAP_HOURS, MAX_OVERLAP_HOURS, rotate_secret
from marketplace.webhooks.send_again import send_again, send_dead_again
from marketplace.webhooks.sweep_webhooks import sweep_webhooks
from marketplace.webhooks.views import DeliveryPage, DeliveryState, DeliveryView, IssuedSecret, WebhookView

__all__ = [
    "CHOOSABLE",
    "DEFAULT_OVERLAP_HOURS",
    "DELIVERY_WORK",
    "EVENT_WORK",
    "KNOWN_FOR_MS",
    "MAX_OVERLAP_HOURS",
    "MAX_WEBHOOKS",
    "AddressRules",
    "DeliveryNotFound",
    "DeliveryPage",
    "DeliveryState",
    "DeliveryView",
    "EventKind",
    "IssuedSecret",
    "OutgoingEvent",
    "TooManyWebhooks",
    "WebhookNotFound",
    "WebhookView",
    "announce",
    "change_webhook",
    "delete_webhook",
    "fan_out",
    "get_delivery",
    "get_webhook",
    "list_deliveries",
    "list_webhooks",
    "listening_owners",
    "register_webhook",
    "rotate_secret",
    "send_again",
    "send_dead_again",
    "send_test",
    "sweep_webhooks",
]
