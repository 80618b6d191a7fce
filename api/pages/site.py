"""What all pages share: services, renderer, sessions, and the way in which a failure becomes a page."""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from api import problems
from api.pages import failures
from api.pages.needs import PageServices
from api.pages.protection import CSRF_FIELD, CSRF_HEADER, check_origin, check_token
from api.pages.rendering import Renderer
from kit.errors import QuanwangError, Unauthenticated
from marketplace.access import WebSession, find_session, require

SESSION_COOKIE = "quanwang_session"


class SignInNeeded(Unauthenticated):
    """The page shows somebody's own things, and nobody is signed in for them."""

    def __init__(self, kind: str) -> None:
        super().__init__("Sign in to see this page.")
        self.kind = kind


class Site:
    """Shared by all page handlers of one process."""

    def __init__(self, services: PageServices) -> None:
        self.services = services
        self.renderer = Renderer(services.clock)

    def router(self) -> APIRouter:
        """Return a router whose failures are shown as pages."""
        return APIRouter(route_class=_page_route(self), include_in_schema=False)

    def find_session(self, request: Request) -> WebSession | None:
        """Return the open session of the request's cookie and remember it for the header of the page."""
        secret = request.cookies.get(SESSION_COOKIE)
        found: WebSession | None = None
        if secret and len(secret) <= 200:
            with self.services.database.read() as session:
                found = find_session(session, secret, now_ms=self.services.clock())
        request.state.web_session = found
        return found

    def diagnostics_session(self, request: Request) -> WebSession:
        """Return the session of a reader of dispatches. Raises SignInNeeded or MissingScope."""
        found = self.find_session(request)
        if found is None or found.user_id is not None:
            raise SignInNeeded("admin")
        require(found.caller, "dispatches:read")
        return found

    def operations_session(self, request: Request) -> WebSession:
        """Return the session of an admin. Raises SignInNeeded or MissingScope."""
        found = self.find_session(request)
        if found is None or found.user_id is not None:
            raise SignInNeeded("admin")
        require(found.caller, "admin")
        return found

    def inbox_session(self, request: Request, *, scope: str = "inbox:read") -> tuple[WebSession, int]:
        """Return the session of an inbox and its user. Raises SignInNeeded or MissingScope."""
        found = self.find_session(request)
        if found is None or found.user_id is None:
            raise SignInNeeded("inbox")
        require(found.caller, scope)
        return found, found.user_id

    def check_form(self, request: Request, session: WebSession, token: str | None) -> None:
        """Refuse a form that another site sent or that another session's page made."""
        check_origin(request)
        check_token(session.csrf_token, token or request.headers.get(CSRF_HEADER))

    def sign_in_path(self, request: Request, kind: str) -> str:
        """Return the sign-in page that leads back to where the reader is."""
        if request.method != "GET":
            return f"/sign-in?kind={kind}"
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return f"/sign-in?kind={kind}&then={quote(here, safe='')}"


def _page_route(site: Site) -> type[APIRoute]:
    """Return a route class that turns failures into pages in the reader's language."""

    class PageRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handle_or_explain(request: Request) -> Response:
                try:
                    return await handle(request)
                except SignInNeeded as error:
                    return site.renderer.go(request, site.sign_in_path(request, error.kind))
                except (QuanwangError, HTTPException, RequestValidationError) as error:
                    return failures.failure_page(site.renderer, request, error)
                except Exception as error:  # noqa: BLE001  # a reader gets a page, never a stack trace
                    problems.incident(request, error)
                    return failures.failure_page(site.renderer, request, error)

            return handle_or_explain

    return PageRoute


__all__ = ["CSRF_FIELD", "SESSION_COOKIE", "SignInNeeded", "Site"]
