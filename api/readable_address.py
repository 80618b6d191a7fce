"""Refuses addresses that are no UTF-8: read with replacement characters, two of them would mean the same thing."""

from urllib.parse import unquote_to_bytes

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api import problems


class ReadableAddress:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            for part, raw in (("path", scope.get("raw_path") or b""), ("query", scope["query_string"])):
                if not _is_utf8(raw):
                    shown = raw[:80].decode("ascii", "replace")
                    error = problems.MalformedRequest(
                        f"The {part} of the address is not UTF-8: {shown!r}; encode text as UTF-8 before its bytes are"
                        " written as %XX."
                    )
                    await problems.problem_of(Request(scope), error)(scope, receive, send)
                    return
        await self._app(scope, receive, send)


def _is_utf8(raw: bytes) -> bool:
    if b"%" not in raw:
        return True
    try:
        unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        return False
    return True
