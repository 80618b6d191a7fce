"""Every failure as problem+json (RFC 9457): the one table from kinds of errors to HTTP statuses."""

import logging
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from kit.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    QuanwangError,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    Unprocessable,
)

PROBLEM_TYPE = "application/problem+json"

STATUS_OF_KIND: Mapping[type[QuanwangError], int] = {
    InvalidInput: 422,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
    Unprocessable: 422,
    TooManyRequests: 429,
    Unavailable: 503,
}

_log = logging.getLogger(__name__)


class MissingIdempotencyKey(InvalidInput):
    """A POST that changes something came without a key to recognise its repetition by."""


class MalformedBody(InvalidInput):
    """The body is no JSON of the expected shape at all."""


BAD_REQUESTS: tuple[type[QuanwangError], ...] = (MissingIdempotencyKey, MalformedBody)


def status_of(error: QuanwangError) -> int:
    """Return the HTTP status of an expected error."""
    if isinstance(error, BAD_REQUESTS):
        return 400
    return next((status for kind, status in STATUS_OF_KIND.items() if isinstance(error, kind)), 500)


def problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, **members: object
) -> Response:
    """Return a problem document; ``type`` stays about:blank, so ``title`` is the phrase of the status."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **members,
    }
    return Response(orjson.dumps(document), status, dict(headers or {}), PROBLEM_TYPE)


def problem_of(error: QuanwangError) -> Response:
    """Return the problem document of an expected error."""
    headers: dict[str, str] = {}
    members: dict[str, object] = {"code": type(error).__name__}
    if isinstance(error, TooManyRequests | Unavailable):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="quanwang"'
    if isinstance(error, InvalidInput):
        members["field"] = error.field
        members["rule"] = error.rule
    return problem(status_of(error), error.sentence, headers=headers, **members)


def register_problems(app: FastAPI) -> None:
    """Answer every failure of ``app`` as a problem document."""

    @app.exception_handler(QuanwangError)
    def expected(_: Request, error: QuanwangError) -> Response:
        return problem_of(error)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = [str(part) for part in first["loc"] if part not in ("body", "query", "path", "header")]
        refused = InvalidInput(".".join(where) or "request", first.get("input"), f"is refused: {first['msg']}")
        return problem_of(refused)

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        sentences = {
            404: f"there is nothing at {request.url.path[:200]}; see /docs for what there is",
            405: f"{request.method} is not possible at {request.url.path[:200]}; see /docs for what is",
        }
        return problem(
            error.status_code, sentences.get(error.status_code, str(error.detail)), headers=error.headers
        )

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> Response:
        incident = secrets.token_hex(6)
        _log.error("incident %s at %s %s", incident, request.method, request.url.path, exc_info=error)
        detail = f"something went wrong here; nothing was changed by this request. Quote incident {incident} when you ask"
        return problem(500, detail, incident=incident)
