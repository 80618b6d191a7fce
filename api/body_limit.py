"""Bounds request bodies before anything parses them: a body that is too large is refused, not kept."""

import asyncio
import contextlib
from typing import Final

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.services import Limits
from kit.errors import TooLarge

BULK_ROUTES: Final = frozenset({"/v1/dispatches"})
STREAMED_ROUTES: Final = frozenset({"/v1/profiles:import"})
"""Read line by line as they arrive; each line is bounded by its reader."""

DRAINED_BYTES: Final = 64 * 1024 * 1024
DRAINED_S: Final = 10.0


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
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit_of(scope["path"])
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        has_body = announced.strip(b"0") != b"" or any(name == b"transfer-encoding" for name, _ in scope["headers"])
        body = _Body(receive, send, scope["path"], limit, has_body=has_body)
        if announced.isdigit() and limit is not None and (len(announced) > 12 or int(announced) > limit):
            await _refuse(BodyTooLarge(scope["path"], limit), scope, body)
            return
        try:
            await self._app(scope, body.receive, body.send)
        except BodyTooLarge as refusal:
            if body.answered:
                raise
            await _refuse(refusal, scope, body)

    def _limit_of(self, path: str) -> int | None:
        if path in STREAMED_ROUTES:
            return None
        return self._limits.bulk_body_bytes if path in BULK_ROUTES else self._limits.body_bytes


async def _refuse(error: BodyTooLarge, scope: Scope, body: "_Body") -> None:
    """Answer at once; the connection ends with the answer."""
    answer = problems.problem_of(Request(scope), error)
    answer.headers["connection"] = "close"
    await answer(scope, body.receive, body.send)


class _Body:
    """The body of one request as it arrives, and the answer to it.

    Many clients send everything before they read anything, and a connection that is closed on them loses the answer. So
    an answer that leaves early is sent whole, and then a bounded part of the rest is read and thrown away.
    """

    def __init__(self, receive: Receive, send: Send, path: str, limit_bytes: int | None, *, has_body: bool) -> None:
        self._receive = receive
        self._send = send
        self._path = path
        self._limit_bytes = limit_bytes
        self._counted_bytes = 0
        self._whole = not has_body
        self.answered = False

    async def receive(self) -> Message:
        """Return the next part. Raises BodyTooLarge."""
        message = await self._next()
        if self._limit_bytes is not None and self._counted_bytes > self._limit_bytes:
            raise BodyTooLarge(self._path, self._limit_bytes)
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer."""
        self.answered = True
        ends = message["type"] == "http.response.body" and not message.get("more_body", False)
        if ends and not self._whole:
            await self._send({**message, "more_body": True})
            await self._drain()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def _next(self) -> Message:
        message = await self._receive()
        self._counted_bytes += len(message.get("body", b""))
        self._whole = message["type"] == "http.disconnect" or not message.get("more_body", False)
        return message

    async def _drain(self) -> None:
        most_bytes = self._counted_bytes + DRAINED_BYTES
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAINED_S):
                while not self._whole and self._counted_bytes < most_bytes:
                    await self._next()
