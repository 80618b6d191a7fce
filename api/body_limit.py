"""Bounds request bodies before anything parses them: a body that is too large is refused, not read."""

import asyncio
from typing import Final

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.services import Limits
from kit.clock import elapsed_s
from kit.errors import TooLarge

BULK_ROUTES: Final = frozenset({"/v1/dispatches"})
STREAMED_ROUTES: Final = frozenset({"/v1/profiles:import"})
"""Read line by line as they arrive; each line is bounded by its reader."""

DRAINED_BYTES: Final = 2 * 1024 * 1024
DRAINED_S: Final = 1.0


class BodyTooLarge(TooLarge):
    """The body is above what its route takes."""

    def __init__(self, path: str, limit_bytes: int) -> None:
        super().__init__(
            f"The body is larger than the {limit_bytes:,} bytes that {path[:200]} takes; send less at once, profiles in"
            " bulk go to /v1/profiles:import line by line."
        )


class BodyLimit:
    """ASGI middleware; ``limits.body_bytes`` in general, ``bulk_body_bytes`` for orders in bulk, none for imports."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in STREAMED_ROUTES:
            await self._app(scope, receive, send)
            return
        limit = self._limits.bulk_body_bytes if scope["path"] in BULK_ROUTES else self._limits.body_bytes
        refusal = BodyTooLarge(scope["path"], limit)
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if announced.isdigit() and (len(announced) > 12 or int(announced) > limit):
            await _refuse(refusal, scope, receive, send)
            return
        counted = 0
        started = False

        async def bounded_receive() -> Message:
            nonlocal counted
            message = await receive()
            if message["type"] == "http.request":
                counted += len(message.get("body", b""))
                if counted > limit:
                    raise refusal
            return message

        async def noting_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, bounded_receive, noting_send)
        except BodyTooLarge:
            if started:
                raise
            await _refuse(refusal, scope, receive, send)


async def _refuse(error: BodyTooLarge, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer at once, then read a little of what is still on its way.

    A connection that is closed on a client in the middle of sending may lose the answer; so a bounded part of the rest
    is read and thrown away, and then the connection ends.
    """
    answer = problems.problem_of(Request(scope), error)
    answer.headers["connection"] = "close"
    await send({"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers})
    await send({"type": "http.response.body", "body": bytes(answer.body), "more_body": True})
    deadline_s = elapsed_s() + DRAINED_S
    left = DRAINED_BYTES
    while left > 0 and elapsed_s() < deadline_s:
        try:
            message = await asyncio.wait_for(receive(), deadline_s - elapsed_s())
        except TimeoutError:
            break
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            break
        left -= len(message.get("body", b""))
    await send({"type": "http.response.body", "body": b"", "more_body": False})
