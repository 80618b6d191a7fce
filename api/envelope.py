"""The outermost layer: request ids, security headers, request metrics, and no fault of ours that reaches a person."""

import re
import secrets
from typing import Final

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.metrics import Metrics
from kit.clock import elapsed_s

REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")

SECURITY_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
"""What every answer carries unless its route said something else."""


class Envelope:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope["quanwang.request_id"] = request_id
        started_s = elapsed_s()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _complete(MutableHeaders(raw=message["headers"]), request_id, scope["path"])
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:  # the last place that can answer: nothing may pass it unanswered
            answer = problems.incident(Request(scope), error)
            if status == 0:
                await answer(scope, receive, send_with_headers)
            else:
                # Half an answer is sent already: only ending the connection tells the client that it is not whole.
                raise
        finally:
            _measure(scope, status, elapsed_s() - started_s)


def _request_id(scope: Scope) -> str:
    given: bytes | None = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
    if given is not None and REQUEST_ID.fullmatch(given):
        return given.decode("ascii")
    return secrets.token_hex(8)


def _complete(headers: MutableHeaders, request_id: str, path: str) -> None:
    headers["x-request-id"] = request_id
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    if path.startswith("/v1/"):
        headers.setdefault("cache-control", "no-store")


def _measure(scope: Scope, status: int, seconds: float) -> None:
    measures: Metrics | None = getattr(scope["app"].state, "metrics", None) if "app" in scope else None
    if measures is not None:
        route = scope.get("route")
        template = getattr(route, "path", None) or "(none)"
        measures.observe_request(scope["method"], template, status or 499, seconds)
