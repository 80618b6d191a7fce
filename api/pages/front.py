"""The front page and the choice of language."""

from fastapi import APIRouter, Request, Response

from api.pages.language import LANGUAGE_COOKIE, LANGUAGES
from api.pages.protection import is_secure, local_path
from api.pages.site import Site
from kit.errors import NotFound

YEAR_S = 365 * 24 * 3_600


class UnknownLanguage(NotFound):
    """The pages speak Chinese and English."""

    def __init__(self) -> None:
        super().__init__(f"This language is not offered; choose one of {', '.join(LANGUAGES)}.")


class FrontPages:
    """What this is, and where to go."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def router(self) -> APIRouter:
        """Return the routes of the front page."""
        router = self._site.router()
        router.add_api_route("/", self.front, methods=["GET", "HEAD"])
        router.add_api_route("/language/{tag}", self.speak, methods=["GET"])
        return router

    def front(self, request: Request) -> Response:
        """Show what this is."""
        self._site.find_session(request)
        return self._site.renderer.page(request, "front.html")

    def speak(self, request: Request, tag: str, then: str = "/") -> Response:
        """Keep the reader's choice of language and go back to where he was."""
        if tag not in LANGUAGES:
            raise UnknownLanguage
        response = self._site.renderer.go(request, local_path(then, "/"))
        response.set_cookie(
            LANGUAGE_COOKIE, tag, max_age=YEAR_S, samesite="lax", secure=is_secure(request), httponly=True
        )
        return response
