"""Turns a template and its values into an answer: language, time zone, session and headers are added here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.pages import words
from api.pages.formats import Formats
from api.pages.language import (
    LANGUAGE_COOKIE,
    LANGUAGES,
    TIME_ZONE_COOKIE,
    catalogue,
    choose_language,
    choose_time_zone,
    locale_of,
)
from api.pages.protection import protect
from kit.clock import Clock
from marketplace.access import WebSession

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
ASSETS = Path(__file__).resolve().parent.parent / "assets" / "dist"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at the page: language tag, way of writing, and the open session if there is one."""

    language: str
    formats: Formats
    session: WebSession | None


class Renderer:
    """Holds one template environment per language; safe to use from many threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._environments = {tag: _environment(tag) for tag in LANGUAGES}
        stamp = ASSETS / ".stamp"
        self.assets_version = stamp.read_text() if stamp.exists() else "unbuilt"

    def reader(self, request: Request) -> Reader:
        """Return who looks at the page, as the request says."""
        language = choose_language(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language"))
        zone = choose_time_zone(request.cookies.get(TIME_ZONE_COOKIE))
        formats = Formats(locale_of(language), zone, self._clock())
        return Reader(language, formats, getattr(request.state, "web_session", None))

    def page(
        self, request: Request, template: str, values: Mapping[str, Any] | None = None, *, status: int = 200
    ) -> Response:
        """Render a whole page or a fragment."""
        reader = self.reader(request)
        text = (
            self._environments[reader.language]
            .get_template(template)
            .render(
                reader=reader,
                languages=tuple(LANGUAGES),
                form=reader.formats,
                session=reader.session,
                here=_here(request),
                path=request.url.path,
                assets=self.assets_version,
                **(values or {}),
            )
        )
        response = HTMLResponse(text, status_code=status)
        response.headers["content-language"] = reader.language
        response.headers["vary"] = "Cookie, Accept-Language, HX-Request"
        return protect(response)

    def go(self, request: Request, path: str) -> Response:
        """Send the reader to another page of this site, also from within a partial update."""
        if request.headers.get("hx-request"):
            response = Response(status_code=200, headers={"hx-redirect": path})
        else:
            response = RedirectResponse(path, status_code=303)
        return protect(response)


def _environment(tag: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    messages = catalogue(tag)
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # added by the i18n extension
        messages.gettext, messages.ngettext, newstyle=True
    )
    environment.filters["json_text"] = _json_text
    environment.filters["query"] = _query
    environment.globals["word"] = words.word
    environment.globals["words"] = words
    return environment


def _json_text(value: object) -> str:
    """Return JSON for an attribute; the template escapes it as any text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _query(values: Mapping[str, object | None]) -> str:
    """Return ``?a=b&c=d`` of the values that are set, or nothing."""
    given = {name: value for name, value in values.items() if value not in (None, "")}
    return "?" + urlencode(given, quote_via=quote) if given else ""


def _here(request: Request) -> str:
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path
