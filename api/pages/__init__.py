"""Pages for people: server-rendered, in Chinese and English, for phone and PC."""

from collections.abc import Awaitable, Callable
from typing import cast

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import Scope

from api.pages.dispatches import DispatchPages
from api.pages.failures import failure_page
from api.pages.front import FrontPages
from api.pages.inbox import InboxPages
from api.pages.needs import PageServices
from api.pages.operations import OperationsPages
from api.pages.previews import PreviewPages
from api.pages.rendering import ASSETS
from api.pages.replays import ReplayPages
from api.pages.sign_in import SignInPages
from api.pages.site import Site

__all__ = ["PageServices", "mount_pages"]

HttpHandler = Callable[[Request, Exception], Response | Awaitable[Response]]

PROGRAM_PATHS = ("/v1/", "/livez", "/readyz", "/metrics", "/openapi.json", "/assets/")
"""Answers below these are for programs and stay as they are."""


class Assets(StaticFiles):
    """Style sheet, scripts and images; an address carries the build's version, so it may be kept for a year."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        versioned = scope.get("query_string", b"").startswith(b"v=")
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if versioned else "no-cache"
        response.headers["x-content-type-options"] = "nosniff"
        return response


def mount_pages(app: FastAPI, services: PageServices) -> None:
    """Add all pages, their assets, and pages for addresses that lead nowhere.

    Call it last, after the application's own handlers are set: those keep answering programs.
    """
    site = Site(services)
    kinds = (FrontPages, SignInPages, DispatchPages, ReplayPages, PreviewPages, OperationsPages, InboxPages)
    for pages in kinds:
        app.include_router(pages(site).router())
    app.mount("/assets", Assets(directory=ASSETS, check_dir=False), name="assets")
    _explain_dead_ends(app, site)


def _explain_dead_ends(app: FastAPI, site: Site) -> None:
    """Answer unknown addresses with a page when a browser asks, and as before when a program does."""
    before = cast("HttpHandler | None", app.exception_handlers.get(HTTPException))

    async def handle(request: Request, error: Exception) -> Response:
        for_people = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(PROGRAM_PATHS)
        if for_people or before is None:
            return failure_page(site.renderer, request, error)
        answer = before(request, error)
        return answer if isinstance(answer, Response) else await answer

    app.add_exception_handler(HTTPException, handle)
