"""Inboxes as the interface shows them."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from api.bodies import RequestModel
from marketplace.dispatch.views import Tier


class InboxLine(BaseModel):
    """One offer in an inbox."""

    id: int = Field(description="Its stable position; newer offers have larger ones.")
    dispatch_id: int
    title: str
    tier: Tier
    wave: int
    score: int
    notified_at_ms: int
    expires_at_ms: int
    state: str = Field(description="open, taken or closed.")
    expired: bool = Field(description="The offer's time is over, whatever its state.")
    read: bool
    answer: Literal["accepted", "declined", "withdrawn", "selected", "released", "lapsed", "failed"] | None = Field(
        description="The user's own answer; null before he gave one. accepted: waits in the queue. selected: the"
        " publisher chose him. released: the order ended without him. lapsed: selected, and not confirmed in time."
        " failed: selected, and the assignment failed."
    )
    position: int | None = Field(description="His place in the queue, from 1, while he waits.")
    hold_until_ms: int | None = Field(
        description="Until when he must confirm, once selected; null when nothing can lapse."
    )


class UnmatchableLine(BaseModel):
    """An order that this user published and that nobody can be found for."""

    dispatch_id: int
    order_id: int
    external_id: str | None
    title: str
    reason: str = Field(description="A sentence that says why, and what to change.")
    closed_at_ms: int


class InboxAnswer(BaseModel):
    """A part of an inbox, newest first."""

    items: list[InboxLine]
    next_cursor: str | None
    unread: int = Field(description="Among the newest 100.")
    source: Literal["redis", "database"] = Field(description='"database" while Redis is away; the content is the same.')
    unmatchable: list[UnmatchableLine] = Field(
        description="With the first page: the newest 20 orders that the user published himself and that could not be"
        " matched, because nothing in their texts is known."
    )


class ReadMarks(RequestModel):
    """Which offers the user has opened."""

    dispatch_ids: list[Annotated[int, Field(ge=1, le=2**53 - 1)]] = Field(min_length=1, max_length=100)


class ReadAnswer(BaseModel):
    """How many of them had not been opened before."""

    marked: int
