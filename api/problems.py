"""From an error to an answer of RFC 9457 (application/problem+json): the one table of statuses.

The domain knows no HTTP and no route knows a status of an error: a route raises, this module answers.
"""

import re
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from api.request_errors import sentences_of
from kit.errors import (
    LONGEST_SHOWN,
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
    shown_value,
)
from kit.idempotency import InvalidIdempotencyKey
from kit.logging import logger_of

log = logger_of(__name__)

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"


class MalformedRequest(QuanwangError):
    """The request cannot be read at all: its body is no JSON, or a header that it needs is missing."""


class NotThisMediaType(QuanwangError):
    """The body comes in a form that this route does not read."""


class BodyTooSlow(QuanwangError):
    """The body does not arrive within the time that a request may take."""


STATUSES: Final[Mapping[type[QuanwangError], HTTPStatus]] = {
    MalformedRequest: HTTPStatus.BAD_REQUEST,
    InvalidIdempotencyKey: HTTPStatus.BAD_REQUEST,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    BodyTooSlow: HTTPStatus.REQUEST_TIMEOUT,
    NotThisMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    Unprocessable: HTTPStatus.UNPROCESSABLE_ENTITY,
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Kind of error to status; the most special class of an error that stands here decides."""


def status_of(error: QuanwangError) -> HTTPStatus:
    """Return the status of an expected error; an error of no known kind is a fault of ours."""
    for kind in type(error).__mro__:
        if kind in STATUSES:
            return STATUSES[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    members: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return one problem document. ``code`` is stable and in kebab case; ``detail`` is one sentence for a person."""
    document = {
        "type": f"urn:quanwang:problem:{code}",
        "title": _title(code),
        "status": status,
        "detail": detail,
        "request_id": request_id_of(request),
        **(members or {}),
    }
    return Response(
        orjson.dumps(document, default=str), status, media_type=PROBLEM_MEDIA_TYPE, headers=dict(headers or {})
    )


def problem_of(request: Request, error: QuanwangError) -> Response:
    """Return the problem document of an expected error."""
    status = status_of(error)
    members: dict[str, Any] = {}
    headers: dict[str, str] = {}
    if isinstance(error, InvalidInput):
        members = {"field": error.field, "value": _shown(error.value), "rule": error.rule}
    if isinstance(error, TooManyRequests | Unavailable):
        headers["retry-after"] = str(max(1, error.retry_after_s))
    if isinstance(error, Unauthenticated):
        headers["www-authenticate"] = 'Bearer realm="quanwang"'
    return problem(request, status, code_of(error), outside(request, error.sentence), members=members, headers=headers)


def outside(request: Request, sentence: str) -> str:
    """Return a sentence without the addresses of our own servers, which are nobody else's business; logs have them."""
    services = getattr(request.app.state, "services", None)
    for part in (getattr(services, "database", None), getattr(services, "redis", None)):
        if part is not None:
            sentence = sentence.replace(f" at {part.where}", "").replace(f" {part.where}", "")
    return sentence


def incident(request: Request, error: BaseException) -> Response:
    """Log a fault of ours under a new number and return the answer that names only that number."""
    number = secrets.token_hex(6)
    log.error(
        "a request failed",
        exception=error,
        incident=number,
        request_id=request_id_of(request),
        method=request.method,
        path=request.url.path,
    )
    detail = (
        f"Something went wrong on our side; it was logged as incident {number}. Try again; if it happens again, tell"
        " the operator this number."
    )
    return problem(request, 500, "internal-error", detail, members={"incident": number})


def install(app: FastAPI) -> None:
    """Make the application answer every error as a problem document."""
    app.add_exception_handler(QuanwangError, _on_expected)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)


def request_id_of(request: Request) -> str | None:
    """Return the id that this request is logged under."""
    found: str | None = request.scope.get("quanwang.request_id")
    return found


def code_of(error: QuanwangError) -> str:
    """Return the stable code of an error: its class name in kebab case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(error).__name__).lower()


def _title(code: str) -> str:
    return code.replace("-", " ").capitalize()


def _shown(value: object) -> object:
    """Return the refused value as JSON can carry it, shortened."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 53 else "a number above 2^53"
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, str):
        return value if len(value) <= LONGEST_SHOWN else f"{value[: LONGEST_SHOWN - 3]}..."
    return shown_value(value)


async def _on_expected(request: Request, error: Exception) -> Response:
    if not isinstance(error, QuanwangError) or status_of(error) == HTTPStatus.INTERNAL_SERVER_ERROR:
        return incident(request, error)
    return problem_of(request, error)


async def _on_validation(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        return incident(request, error)
    found = sentences_of(error.errors())
    first = found[0]
    return problem(request, 422, "invalid-input", first["detail"], members={"field": first["field"], "errors": found})


def _methods_at(request: Request) -> list[str]:
    """Return every method that some route takes at the request's path; the router itself names one route's only."""
    routes = request.app.router.routes
    return [
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


async def _on_http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return incident(request, error)
    path = request.url.path
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem(request, 404, "no-such-route", f"There is nothing at {path[:200]}; /docs lists every route.")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_methods_at(request))
        detail = f"{path[:200]} does not take {request.method[:20]}; it takes {allowed}."
        return problem(request, 405, "method-not-allowed", detail, headers={"allow": allowed})
    code = re.sub(r"[^a-z]+", "-", HTTPStatus(error.status_code).phrase.lower())
    return problem(request, error.status_code, code, str(error.detail), headers=headers)
