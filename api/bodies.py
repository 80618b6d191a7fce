"""Reading request bodies within bounds, as strict JSON."""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

import orjson
from fastapi import Depends, Request

from api.problems import MalformedBody
from kit.errors import InvalidInput, TooLarge

MAX_BODY_BYTES = 1 << 20
MAX_BULK_BODY_BYTES = 8 << 20
MAX_LINE_BYTES = 64 << 10
MAX_DEPTH = 16
MAX_WHOLE_NUMBER = (1 << 53) - 1


class BodyTooLarge(TooLarge):
    """The body is above the bound of its route."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            f"the body is larger than the {limit_bytes >> 20} MiB that this route takes; send it in several requests"
        )


async def _read(request: Request, limit_bytes: int) -> bytes:
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    parts = bytearray()
    async for piece in request.stream():
        parts += piece
        if len(parts) > limit_bytes:
            raise BodyTooLarge(limit_bytes)
    return bytes(parts)


async def _body(request: Request) -> bytes:
    return await _read(request, MAX_BODY_BYTES)


async def _bulk_body(request: Request) -> bytes:
    return await _read(request, MAX_BULK_BODY_BYTES)


Body = Annotated[bytes, Depends(_body)]
BulkBody = Annotated[bytes, Depends(_bulk_body)]


def json_of(body: bytes) -> Any:
    """Return what the body says. Raises MalformedBody for no JSON, NaN, bad UTF-8, deep nesting, numbers above 2^53."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        shown = body[:40].decode("utf-8", "replace")
        raise MalformedBody("body", shown, f"is not JSON ({error.msg} at character {error.pos})") from error
    _check(document, MAX_DEPTH)
    return document


def object_of(body: bytes, *, fields: frozenset[str] | None = None) -> dict[str, Any]:
    """Return the JSON object of a body; with ``fields``, others are refused by name."""
    document = json_of(body)
    if not isinstance(document, dict):
        raise MalformedBody("body", document, "must be a JSON object")
    if fields is not None:
        for name in document:
            if name not in fields:
                raise InvalidInput(name, document[name], f"is not a field here; known are {', '.join(sorted(fields))}")
    return document


def whole_number(document: Mapping[str, Any], name: str, *, least: int = 1, most: int = MAX_WHOLE_NUMBER) -> int:
    """Return a required whole number of an object."""
    value = document.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidInput(name, value, f"must be a whole number from {least} to {most}")
    return value


def _check(value: object, depth: int) -> None:
    if isinstance(value, dict | list):
        if depth == 0:
            raise MalformedBody("body", "...", f"is nested deeper than {MAX_DEPTH} levels")
        for each in value.values() if isinstance(value, dict) else value:
            if isinstance(each, dict | list | int | float):
                _check(each, depth - 1)
    elif isinstance(value, int | float) and abs(value) > MAX_WHOLE_NUMBER:
        raise InvalidInput("body", value, "is a number beyond 2^53 - 1, which JSON readers cannot keep exactly")


async def lines_of(request: Request) -> AsyncIterator[bytes]:
    """Yield the lines of a streamed body without their ends. A line above 64 KiB is cut there, so that it is refused."""
    rest = b""
    async for piece in request.stream():
        rest += piece
        *lines, rest = rest.split(b"\n")
        for line in lines:
            yield line[: MAX_LINE_BYTES + 1]
        if len(rest) > MAX_LINE_BYTES:
            rest = rest[: MAX_LINE_BYTES + 1]
    if rest:
        yield rest
