"""A user's inbox: what he was offered, why, and his answer; live."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from api.pages import inbox_reading as reading
from api.pages.explanation_sentences import Teller
from api.pages.explanation_views import NotAskedYet, explanation_view
from api.pages.failures import told_failure
from api.pages.language import catalogue
from api.pages.names import user_names
from api.pages.protection import protect
from api.pages.site import Site
from kit.db import Session
from kit.errors import QuanwangError
from marketplace import dispatch as dispatches
from marketplace import inbox as inboxes
from marketplace.access import require
from marketplace.dispatch.errors import DispatchNotFound, NeverOffered, StaleHold

HEARTBEAT_S = 15.0
LONGEST_STREAM_S = 600.0
"""A stream ends after this long; the page connects again, which checks the session again."""
MAX_READ_MARKS = 100


class InboxPages:
    """The pages under /me/inbox; a session is bound to one user's inbox."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def router(self) -> APIRouter:
        """Return the routes of the inbox."""
        router = self._site.router()
        router.add_api_route("/me", self.home, methods=["GET"])
        router.add_api_route("/me/inbox", self.inbox, methods=["GET"])
        router.add_api_route("/me/inbox/stream", self.stream, methods=["GET"])
        router.add_api_route("/me/inbox/read", self.mark_read, methods=["POST"])
        router.add_api_route("/me/inbox/{dispatch_id}/why", self.why, methods=["GET"])
        router.add_api_route("/me/inbox/{dispatch_id}/{action}", self.answer, methods=["POST"])
        return router

    def home(self, request: Request) -> Response:
        """Go on to the inbox."""
        return self._site.renderer.go(request, "/me/inbox")

    def inbox(self, request: Request, cursor: int | None = None) -> Response:
        """Show the offers, newest first."""
        session, user_id = self._site.inbox_session(request)
        return self._page(request, session.caller.owner, user_id, cursor)

    def _page(
        self, request: Request, owner: str, user_id: int, cursor: int | None = None, failure: str | None = None
    ) -> Response:
        services = self._site.services
        now_ms = services.clock()
        with services.database.read() as session:
            view = reading.read_inbox(session, services.inbox_store, user_id=user_id, cursor=cursor, now_ms=now_ms)
            user = user_names(session, [user_id], owner)[user_id]
        # An answered form renders the inbox under its own address; the page's own is the one to refresh.
        values: dict[str, Any] = {"inbox": view, "user": user, "failure": failure, "cursor": cursor}
        return self._site.renderer.page(request, "inbox.html", values)

    def mark_read(
        self,
        request: Request,
        dispatch_id: Annotated[list[int] | None, Form()] = None,
        csrf_token: Annotated[str, Form(max_length=200)] = "",
    ) -> Response:
        """Mark the shown offers as read."""
        web_session, user_id = self._site.inbox_session(request)
        self._site.check_form(request, web_session, csrf_token)
        self._mark(user_id, (dispatch_id or [])[:MAX_READ_MARKS])
        return self._after(request, web_session.caller.owner, user_id, None)

    def answer(
        self,
        request: Request,
        dispatch_id: int,
        action: str,
        csrf_token: Annotated[str, Form(max_length=200)] = "",
        hold: Annotated[int, Form(ge=0, lt=1 << 53)] = 0,
    ) -> Response:
        """Accept, decline, withdraw, or confirm the ``hold``; a refusal is shown in the inbox, with its reason."""
        web_session, user_id = self._site.inbox_session(request)
        require(web_session.caller, "acceptances:write")
        self._site.check_form(request, web_session, csrf_token)
        failure = None
        try:
            self._answer(dispatch_id, user_id, action, hold)
        except QuanwangError as error:
            failure = told_failure(error, self._site.renderer.reader(request).language)
        self._mark(user_id, [dispatch_id])
        return self._after(request, web_session.caller.owner, user_id, failure)

    def _answer(self, dispatch_id: int, user_id: int, action: str, hold: int) -> None:
        """Give the answer; the session names the user, and whose order it is does not matter to a receiver."""
        services = self._site.services
        now_ms = services.clock()

        def give(session: Session) -> None:
            if action == "acceptance":
                dispatches.accept_offer(session, services.ids, dispatch_id=dispatch_id, user_id=user_id, now_ms=now_ms)
            elif action == "decline":
                dispatches.decline_offer(session, dispatch_id=dispatch_id, user_id=user_id, now_ms=now_ms)
            elif action == "withdrawal":
                dispatches.withdraw_acceptance(
                    session, services.ids, dispatch_id=dispatch_id, user_id=user_id, now_ms=now_ms
                )
            elif action == "confirmation":
                self._confirm(session, dispatch_id, user_id, hold, now_ms)
            else:
                raise DispatchNotFound(dispatch_id)

        services.database.run(give)
        services.wake.notify([dispatches.DISPATCH_WORK])

    def _confirm(self, session: Session, dispatch_id: int, user_id: int, hold: int, now_ms: int) -> None:
        """End the hold, if it is this user's: a token alone is no proof of who he is."""
        answer = dispatches.answers_of_user(session, user_id=user_id, dispatch_ids=[dispatch_id]).get(dispatch_id)
        if answer is None or answer.hold is None or answer.hold.token != hold:
            raise StaleHold(dispatch_id, hold)
        ids, who = self._site.services.ids, f"user {user_id}"
        dispatches.confirm_assignment(session, ids, dispatch_id=dispatch_id, token=hold, actor=who, now_ms=now_ms)

    def why(self, request: Request, dispatch_id: int) -> Response:
        """Show, as a part of the page, the order's text and why it came to this user."""
        web_session, user_id = self._site.inbox_session(request)
        services = self._site.services
        with services.database.read() as session:
            offer = dispatches.notification_of(session, dispatch_id=dispatch_id, user_id=user_id)
            if offer is None:
                raise NeverOffered(dispatch_id, user_id)
            view = dispatches.get_dispatch(session, dispatch_id=dispatch_id, owner=None)
            user = user_names(session, [user_id], web_session.caller.owner)[user_id]
        self._mark(user_id, [dispatch_id])
        values: dict[str, Any] = {"text": reading.order_text(view), "explanation": None, "explanation_failure": None}
        language = self._site.renderer.reader(request).language
        try:
            if view.query_json is None:
                raise NotAskedYet
            document = services.match_service.explain(view.query_json, user_id)
            teller = Teller(services.taxonomy, catalogue(language).gettext, language, to_the_user=True)
            values["explanation"] = explanation_view(user, document, offer, teller)
        except QuanwangError as error:
            values["explanation_failure"] = told_failure(error, language)
        return self._site.renderer.page(request, "_inbox_why.html", values)

    def _mark(self, user_id: int, dispatch_ids: list[int]) -> None:
        services = self._site.services
        now_ms = services.clock()
        services.database.run_idempotent(
            lambda session: inboxes.mark_read(
                session,
                services.inbox_store,
                dispatches,
                user_id=user_id,
                dispatch_ids=dispatch_ids,
                now_ms=now_ms,
            )
        )

    def _after(self, request: Request, owner: str, user_id: int, failure: str | None) -> Response:
        """Show the inbox after a form: in place for a partial update, by a redirect for a plain form that went well."""
        if failure is None and not request.headers.get("hx-request"):
            return self._site.renderer.go(request, "/me/inbox")
        return self._page(request, owner, user_id, failure=failure)

    async def stream(self, request: Request) -> Response:
        """Stream what happens to this inbox; the page reads the list again at every event."""
        _, user_id = await run_in_threadpool(self._site.inbox_session, request)
        last = request.headers.get("last-event-id", "")
        after = int(last) if last.isdecimal() and len(last) <= 16 else None
        response = StreamingResponse(self._events(user_id, after), media_type="text/event-stream")
        response.headers["x-accel-buffering"] = "no"
        return protect(response)

    async def _events(self, user_id: int, after: int | None) -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + LONGEST_STREAM_S
        async with self._site.services.inbox_events.subscribe(user_id, after) as stream:
            events = aiter(stream)
            yield ": open\n\n"
            pending = asyncio.ensure_future(anext(events))
            try:
                while loop.time() < ends_at:
                    done, _ = await asyncio.wait({pending}, timeout=HEARTBEAT_S)
                    if not done:
                        yield ": still here\n\n"
                        continue
                    try:
                        event = pending.result()
                    except StopAsyncIteration:
                        return
                    # The page only needs to know that something changed: the list itself is read through SQL and Redis.
                    position = "" if event.id is None else f"id: {event.id}\n"
                    yield f"{position}event: {event.kind}\ndata: {{}}\n\n"
                    pending = asyncio.ensure_future(anext(events))
            finally:
                pending.cancel()
                with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                    await pending
