"""What a user reads, and the compact text in which Redis keeps it."""

from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from kit.errors import Unavailable

ENTRIES_PER_USER: Final = 100
OPEN_STATE: Final = "open"


class InboxNotReady(Unavailable):
    """Redis was emptied and its inboxes are being rebuilt; the database answers meanwhile, deliveries wait."""

    def __init__(self) -> None:
        super().__init__("the inboxes in Redis are being rebuilt: try again in a second", 1)


class Notice(Protocol):
    """What all recipients of one wave chunk read. ``event_id`` grows in commit order over all chunks."""

    @property
    def event_id(self) -> int:
        """Position of the chunk, growing in commit order."""
        ...

    @property
    def dispatch_id(self) -> int:
        """The dispatch that offers."""
        ...

    @property
    def title(self) -> str:
        """The order's title."""
        ...

    @property
    def tier(self) -> str:
        """Either full or partial."""
        ...

    @property
    def wave(self) -> int:
        """Number of the wave, from 1."""
        ...

    @property
    def notified_at_ms(self) -> int:
        """When the wave was committed."""
        ...

    @property
    def expires_at_ms(self) -> int:
        """When the offer ends."""
        ...

    @property
    def state(self) -> str:
        """Open | taken | closed, as of now."""
        ...


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry without its label; the label (title, state) is kept once a dispatch."""

    event_id: int
    dispatch_id: int
    tier: str
    wave: int
    score: int
    notified_at_ms: int
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """One offer in a user's inbox. ``event_id`` is its stable position; ``read`` whether the user has opened it.

    ``state``: open | taken | closed. ``expired``: the offer's time is over, whatever the state.
    """

    event_id: int
    dispatch_id: int
    title: str
    tier: str
    wave: int
    score: int
    notified_at_ms: int
    expires_at_ms: int
    state: str
    expired: bool
    read: bool

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object of this entry."""
        return {
            "id": self.event_id,
            "dispatch_id": self.dispatch_id,
            "title": self.title,
            "tier": self.tier,
            "wave": self.wave,
            "score": self.score,
            "notified_at_ms": self.notified_at_ms,
            "expires_at_ms": self.expires_at_ms,
            "state": self.state,
            "expired": self.expired,
            "read": self.read,
        }


@dataclass(frozen=True, slots=True)
class InboxPage:
    """A part of an inbox, newest first.

    ``next_cursor`` asks for older entries, None at the end. ``unread`` counts among the newest 100. ``source`` says who
    answered: "redis", or "database" while Redis is away or being rebuilt.
    """

    entries: list[InboxEntry]
    next_cursor: int | None
    unread: int
    source: Literal["redis", "database"]


def packed_prefix(notice: Notice) -> str:
    """Return what the entries of one chunk have in common; the score is appended to it.

    Below 64 characters with the score, which Redis keeps in its compact encoding.
    """
    lasts_ms = notice.expires_at_ms - notice.notified_at_ms
    return f"{notice.dispatch_id}:{notice.wave}:{notice.tier[0]}:{notice.notified_at_ms}:{lasts_ms}:"


def unpacked(event_id: int, packed: str) -> StoredEntry:
    """Return the entry of a packed text."""
    dispatch_id, wave, tier, notified_at_ms, lasts_ms, score = packed.split(":")
    return StoredEntry(
        event_id,
        int(dispatch_id),
        "full" if tier == "f" else "partial",
        int(wave),
        int(score),
        int(notified_at_ms),
        int(notified_at_ms) + int(lasts_ms),
    )
