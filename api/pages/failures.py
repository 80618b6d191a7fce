"""Failures as pages: a title, what to do, and the product's own sentence; never a stack trace."""

from dataclasses import dataclass

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api.pages.failure_sentences import sentence_of
from api.pages.language import catalogue
from api.pages.rendering import Renderer
from api.pages.words import mark
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


@dataclass(frozen=True, slots=True)
class Failure:
    """How one kind of failure is told."""

    status: int
    title: str
    advice: str
    retry: bool = False


NOT_FOUND = Failure(
    404, mark("Nothing is here"), mark("The address may be mistyped, or what it named is not yours to see.")
)
REFUSED = Failure(
    403, mark("This is not allowed"), mark("The session's key does not permit it, or the form came from an old page.")
)
CONFLICT = Failure(
    409, mark("This is no longer possible"), mark("Things have changed meanwhile; look at the current state.")
)
AWAY = Failure(
    503, mark("Paused for a moment"), mark("A part of the system is away. Nothing is lost; try again shortly."), True
)
BAD = Failure(422, mark("This cannot be understood"), mark("Check what was entered and try again."))
BROKEN = Failure(
    500, mark("Something went wrong"), mark("Try again; if it happens again, tell the operator when it was."), True
)

KINDS: tuple[tuple[type[Exception], Failure], ...] = (
    (NotFound, NOT_FOUND),
    (Unauthenticated, Failure(401, mark("Sign in first"), mark("This page belongs to somebody."))),
    (Forbidden, REFUSED),
    (Conflict, CONFLICT),
    (TooManyRequests, Failure(429, mark("Too many requests"), mark("Wait a moment and try again."), retry=True)),
    (Unavailable, AWAY),
    (TooLarge, Failure(413, mark("This is too large"), mark("Send less at once."))),
    (InvalidInput, BAD),
    (Unprocessable, BAD),
    (RequestValidationError, BAD),
)
STATUSES = {404: NOT_FOUND, 405: NOT_FOUND, 403: REFUSED, 409: CONFLICT, 422: BAD, 400: BAD, 503: AWAY}


def failure_of(error: Exception) -> Failure:
    """Return how an error is told."""
    if isinstance(error, HTTPException):
        return STATUSES.get(error.status_code, BROKEN)
    for kind, failure in KINDS:
        if isinstance(error, kind):
            return failure
    return BROKEN


def told_failure(error: QuanwangError, language: str) -> str:
    """Return a failure as one text for a place within a page: what exactly went wrong, else what its kind advises."""
    translate = catalogue(language).gettext
    return sentence_of(error, translate, language) or translate(failure_of(error).advice)


def failure_page(renderer: Renderer, request: Request, error: Exception) -> Response:
    """Return the page of one failure; a partial update gets a short alert instead of a whole page."""
    failure = failure_of(error)
    language = renderer.reader(request).language
    sentence = sentence_of(error, catalogue(language).gettext, language)
    template = "failure_part.html" if request.headers.get("hx-request") else "failure.html"
    response = renderer.page(
        request,
        template,
        {
            "status": failure.status,
            "title_text": failure.title,
            "advice": failure.advice,
            "sentence": sentence,
            "retry": failure.retry and request.method == "GET",
        },
        status=failure.status,
    )
    if isinstance(error, TooManyRequests | Unavailable):
        response.headers["retry-after"] = str(error.retry_after_s)
    return response
