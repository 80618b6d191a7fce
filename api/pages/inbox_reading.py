"""Reads a user's inbox and shapes it for the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from kit.db import Session
from marketplace import dispatch as dispatches
from marketplace import inbox as inboxes
from marketplace.dispatch.views import DispatchView, Hold, UnmatchableOrder
from marketplace.inbox import InboxEntry, InboxStore

PAGE_ROWS = 20


@dataclass(frozen=True, slots=True)
class EntryView:
    """One offer and what its user can do with it.

    ``answer`` is None before he answered; ``hold`` is the assignment that he has yet to confirm.
    """

    dispatch_id: int
    title: str
    tier: str
    state: str
    read: bool
    notified_at_ms: int
    expires_at_ms: int
    answer: str | None
    position: int | None
    hold: Hold | None

    @property
    def open(self) -> bool:
        """Whether the order still looks for somebody."""
        return self.state == "open"

    @property
    def can_accept(self) -> bool:
        """Whether a yes is possible now; one who declined or withdrew may change his mind."""
        return self.open and self.answer in (None, "declined", "withdrawn")

    @property
    def can_decline(self) -> bool:
        """Whether a no is possible now."""
        return self.open and self.answer is None

    @property
    def can_withdraw(self) -> bool:
        """Whether an acceptance can be taken back: from the queue, and as long as a selection is not confirmed."""
        return self.answer == "accepted" or self.hold is not None


@dataclass(frozen=True, slots=True)
class InboxView:
    """One page of an inbox, newest first; ``unmatchable`` are orders of the user himself, with the first page."""

    entries: Sequence[EntryView]
    unread: int
    cursor: int | None
    next_cursor: int | None
    unmatchable: Sequence[UnmatchableOrder]


def read_inbox(
    session: Session, store: InboxStore | None, *, user_id: int, cursor: int | None, now_ms: int
) -> InboxView:
    """Return one page; it comes from the database while Redis is away."""
    page = inboxes.list_inbox(
        session, store, dispatches, user_id=user_id, cursor=cursor, limit=PAGE_ROWS, now_ms=now_ms
    )
    answers = dispatches.answers_of_user(
        session, user_id=user_id, dispatch_ids=[entry.dispatch_id for entry in page.entries]
    )
    entries = []
    for entry in page.entries:
        answer = answers.get(entry.dispatch_id)
        entries.append(
            EntryView(
                dispatch_id=entry.dispatch_id,
                title=entry.title,
                tier=entry.tier,
                state=_shown_state(entry),
                read=entry.read,
                notified_at_ms=entry.notified_at_ms,
                expires_at_ms=entry.expires_at_ms,
                answer=answer.state if answer else None,
                position=answer.position if answer else None,
                hold=answer.hold if answer else None,
            )
        )
    refused = dispatches.unmatchable_orders(session, publisher_user_id=user_id) if cursor is None else []
    return InboxView(entries, page.unread, cursor, page.next_cursor, refused)


def _shown_state(entry: InboxEntry) -> str:
    return "expired" if entry.expired and entry.state == "open" else entry.state


def order_text(view: DispatchView) -> str:
    """Return what the publisher wrote beside the title: the description, else the text that keys were taken from."""
    text = view.description or str(view.document.get("text", ""))
    return text.removeprefix(view.summary.title).strip()
