"""A user's inbox: list, read marks, live stream."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.bodies import body_of, read_model
from api.callers import CallerOf, ServicesOf
from api.cursors import decode_number, encode_cursor
from api.once import Answer, Changes, answer
from api.v1.dispatches import Cursor
from api.v1.inbox_models import InboxAnswer, InboxLine, ReadAnswer, ReadMarks, UnmatchableLine
from api.v1.users import ExternalIdPath, own_user
from kit.db import Session
from kit.errors import InvalidInput
from marketplace import dispatch, inbox
from marketplace.dispatch.views import UserAnswer
from marketplace.inbox import InboxEntry, InboxEvent

router = APIRouter(tags=["inbox"])

RETRY_MS = 2_000


def user_of_path(external_id: ExternalIdPath, caller: CallerOf, services: ServicesOf) -> int:
    """Return the platform's number of the caller's user in the path. Raises UserNotFound."""
    with services.database.read() as session:
        return own_user(session, caller, external_id=external_id, user_id=None)


UserOfPath = Annotated[int, Depends(user_of_path)]


@router.get("/v1/users/{id}/inbox", response_model=InboxAnswer, summary="A user's offers, newest first")
def list_offers(
    user_id: UserOfPath,
    services: ServicesOf,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=100, description="Most items of a page.")] = 20,
) -> Response:
    """Return the inbox from Redis, or from the database while Redis is away: the content is the same."""
    with services.database.read() as session:
        page = inbox.list_inbox(
            session,
            services.inbox_store,
            dispatch,  # the module has the functions that the inbox needs of dispatch
            user_id=user_id,
            cursor=decode_number("inbox", cursor),
            limit=limit,
            now_ms=services.clock(),
        )
        refused = dispatch.unmatchable_orders(session, publisher_user_id=user_id) if cursor is None else []
        answers = dispatch.answers_of_user(
            session, user_id=user_id, dispatch_ids=[each.dispatch_id for each in page.entries]
        )
    found = InboxAnswer(
        items=[_line(each, answers.get(each.dispatch_id)) for each in page.entries],
        next_cursor=None if page.next_cursor is None else encode_cursor("inbox", page.next_cursor),
        unread=page.unread,
        source=page.source,
        unmatchable=[UnmatchableLine.model_validate(each, from_attributes=True) for each in refused],
    )
    return answer(found)


@router.post(
    "/v1/users/{id}/inbox/reads",
    response_model=ReadAnswer,
    summary="Mark offers as opened",
    openapi_extra=body_of(ReadMarks),
)
def mark_read(external_id: ExternalIdPath, change: Changes) -> Response:
    """Mark offers among the user's newest 100 as opened; others are passed over."""
    wanted = read_model(change.body, ReadMarks)

    def effect(session: Session, now_ms: int) -> Answer:
        user_id = own_user(session, change.caller, external_id=external_id, user_id=None)
        marked = inbox.mark_read(
            session,
            change.services.inbox_store,
            dispatch,
            user_id=user_id,
            dispatch_ids=wanted.dispatch_ids,
            now_ms=now_ms,
        )
        return Answer(200, ReadAnswer(marked=marked))

    return change.once(effect)


async def open_stream(
    user_id: UserOfPath,
    services: ServicesOf,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", description="The id of the last event that arrived.", max_length=20)
    ] = None,
) -> AsyncIterator[AsyncIterator[InboxEvent]]:
    """Open the subscription before the answer begins, so that a refusal still has a status of its own."""
    after = _event_id(last_event_id)
    async with services.inbox_events.subscribe(user_id, after) as stream:
        yield stream


@router.get(
    "/v1/users/{id}/inbox/stream",
    response_class=EventSourceResponse,
    summary="A user's offers as they arrive (server-sent events)",
)
async def stream(
    events: Annotated[AsyncIterator[InboxEvent], Depends(open_stream)], services: ServicesOf
) -> AsyncIterator[ServerSentEvent]:
    """Send an event for each new offer (`offer`), for each change of an offer's state (`state`) or title (`title`).

    Connect again with Last-Event-ID and nothing is missed: offers that came meanwhile are sent, and the states of those
    that are not open any more. `reset` says that more may have been missed: read the list again. `reconnect` ends the
    stream of a client that reads too slowly, as a connection ends on which nothing is read for 30 seconds. Every stream
    ends after fifteen minutes, and the client connects again.
    """
    yield ServerSentEvent(comment="open", retry=RETRY_MS)
    loop = asyncio.get_running_loop()
    ends_at_s = loop.time() + services.limits.stream_lasts_s
    while True:
        try:
            async with asyncio.timeout_at(ends_at_s):
                event = await anext(events)
        except (TimeoutError, StopAsyncIteration):
            return
        document: dict[str, Any] = event.document
        yield ServerSentEvent(event=event.kind, id=None if event.id is None else str(event.id), data=document)


def _line(entry: InboxEntry, given: UserAnswer | None) -> InboxLine:
    """Return an offer with its user's own answer."""
    hold = None if given is None else given.hold
    return InboxLine.model_validate(
        {
            **entry.to_document(),
            "answer": None if given is None else given.state,
            "position": None if given is None else given.position,
            "hold_until_ms": None if hold is None else hold.until_ms,
        }
    )


def _event_id(text: str | None) -> int | None:
    """Return the number that a Last-Event-ID names; an empty one means none, as browsers send it."""
    if text is None or not text.strip():
        return None
    if not (text.isascii() and text.isdigit()) or int(text) >= 1 << 53:
        raise InvalidInput("Last-Event-ID", text, "is no id that this stream gave; leave the header out to begin anew")
    return int(text)
