"""What a channel is: a way to reach a user beside the inbox. Those included are log_file_channel and smtp_channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from marketplace.channels.preferences import NotificationKind


@dataclass(frozen=True, slots=True)
class Message:
    """One notification for one address. ``message_id`` is the same whenever it is sent again."""

    message_id: str
    kind: NotificationKind
    user_id: int
    dispatch_id: int
    address: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message: ``error`` None when it was handed over; ``final``: it will never be taken."""

    error: str | None = None
    final: bool = False


class Channel(Protocol):
    """Hands messages over to the outside, at least once. Safe for one thread at a time."""

    @property
    def name(self) -> str:
        """At most 20 small letters; names its preferences and its work."""
        ...

    def check_address(self, address: str) -> str:
        """Return an address as it is kept. Raises InvalidInput for one that this channel cannot reach."""
        ...

    def send(self, messages: Sequence[Message], now_ms: int) -> Sequence[Outcome]:
        """Hand the messages over, within bounded time; return an outcome for each, in order.

        Raises Unavailable when the channel is away as a whole: all of them come again, under the same ids.
        """
        ...
