"""Inboxes: fast in Redis, true in the waves of the database; lists, read marks, live events, rebuild after a loss."""

from marketplace.inbox.catch_up import Missed, catch_up
from marketplace.inbox.entries import ENTRIES_PER_USER, InboxEntry, InboxNotReady, InboxPage, Notice
from marketplace.inbox.invariants import find_inbox_faults
from marketplace.inbox.list_inbox import list_inbox
from marketplace.inbox.mark_read import TooManyMarks, mark_read, opened_by_users, opened_counts
from marketplace.inbox.ports import Label, NoticeChunk, UserNotice, WaveHistory
from marketplace.inbox.redis_events import InboxEvents, TooManyStreams
from marketplace.inbox.redis_rebuild import InboxKeeper, RebuildReport
from marketplace.inbox.redis_store import InboxStore
from marketplace.inbox.streams import InboxEvent, InboxStream

__all__ = [
    "ENTRIES_PER_USER",
    "InboxEntry",
    "InboxEvent",
    "InboxEvents",
    "InboxKeeper",
    "InboxNotReady",
    "InboxPage",
    "InboxStore",
    "InboxStream",
    "Label",
    "Missed",
    "Notice",
    "NoticeChunk",
    "RebuildReport",
    "TooManyMarks",
    "TooManyStreams",
    "UserNotice",
    "WaveHistory",
    "catch_up",
    "find_inbox_faults",
    "list_inbox",
    "mark_read",
    "opened_by_users",
    "opened_counts",
]
