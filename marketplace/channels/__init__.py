"""Channels: users who want it are notified beside the inbox too, at least once, each message under an id of its own.

A channel is a port (``Channel``); one into a log file and one by mail are included. Without a user's own choice there
is only the inbox.
"""

from marketplace.channels.choose_channel import ChannelNotFound, channels_of_user, choose_channel, leave_channel
from marketplace.channels.notify import (
    KNOWN_FOR_MS,
    MAX_ATTEMPTS,
    Notification,
    notify,
    send_notifications,
    wanted_kinds,
    work_kind_of,
)
from marketplace.channels.ports import Channel, Message, Outcome
from marketplace.channels.preferences import Language, NotificationKind, Preference

__all__ = [
    "KNOWN_FOR_MS",
    "MAX_ATTEMPTS",
    "Channel",
    "ChannelNotFound",
    "Language",
    "Message",
    "Notification",
    "NotificationKind",
    "Outcome",
    "Preference",
    "channels_of_user",
    "choose_channel",
    "leave_channel",
    "notify",
    "send_notifications",
    "wanted_kinds",
    "work_kind_of",
]
