"""Diagnostics: the list of dispatches, one dispatch, and why a user is in it or not."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from api.pages import dispatch_reading as reading
from api.pages.dispatch_charts import stage_chart, wave_chart
from api.pages.explanation_sentences import Teller
from api.pages.explanation_views import AskedNobody, ExplanationView, NotAskedYet, UnknownUser, explanation_view
from api.pages.failures import told_failure
from api.pages.key_information import key_information
from api.pages.language import catalogue
from api.pages.names import find_user
from api.pages.operations_reading import read_pauses
from api.pages.passed_over import newest_reason, passed_over_users, passed_over_view
from api.pages.site import Site
from api.pages.words import STAGES
from kit.errors import QuanwangError
from marketplace import dispatch as dispatches
from marketplace.access import WebSession
from marketplace.dispatch.views import DispatchView
from marketplace.inbox import opened_counts

MAX_SEARCH_CHARACTERS = 100
MAX_USER_CHARACTERS = 128


class DispatchPages:
    """The pages under /admin/dispatches. An admin sees every dispatch, other keys those of their owner."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def router(self) -> APIRouter:
        """Return the routes of the diagnostics."""
        router = self._site.router()
        router.add_api_route("/admin", self.home, methods=["GET"])
        router.add_api_route("/admin/dispatches", self.list, methods=["GET"])
        router.add_api_route("/admin/dispatches/{dispatch_id}", self.one, methods=["GET"])
        router.add_api_route("/admin/dispatches/{dispatch_id}/explanation", self.explanation, methods=["GET"])
        return router

    def home(self, request: Request) -> Response:
        """Go on to the list."""
        return self._site.renderer.go(request, "/admin/dispatches")

    def list(self, request: Request, state: str = "", search: str = "", cursor: str = "") -> Response:
        """Show one page of the list."""
        web_session = self._site.diagnostics_session(request)
        owner = _owner(web_session)
        with self._site.services.database.read() as session:
            pauses = read_pauses(session, to_admin=web_session.caller.is_admin)
            found = reading.read_list(
                session,
                owner=owner,
                state=state if state in STAGES else None,
                search=search.strip()[:MAX_SEARCH_CHARACTERS],
                cursor=cursor or None,
            )
        return self._site.renderer.page(request, "dispatches.html", {"list": found, "pauses": pauses})

    def one(self, request: Request, dispatch_id: int, tier: str = "", cursor: str = "", user_id: str = "") -> Response:
        """Show one dispatch; with ``user_id`` also why that user is in it or not."""
        web_session = self._site.diagnostics_session(request)
        owner = _owner(web_session)
        reader = self._site.renderer.reader(request)
        translate = catalogue(reader.language).gettext
        taxonomy = self._site.services.taxonomy
        with self._site.services.database.read() as session:
            view = dispatches.get_dispatch(session, dispatch_id=dispatch_id, owner=owner)
            funnel = dispatches.funnel(session, dispatch_id=dispatch_id, owner=owner)
            lines = dispatches.timeline(session, dispatch_id=dispatch_id, owner=owner)
            passed_over = dispatches.suppression_counts(session, dispatch_id)
            head = reading.read_head(view)
            values: dict[str, Any] = {
                "pauses": read_pauses(session, to_admin=web_session.caller.is_admin),
                "dispatch": head,
                "keys": key_information(view, taxonomy, reader.language),
                "funnel": reading.funnel_view(
                    funnel,
                    opened_counts(session, [dispatch_id]).get(dispatch_id, 0),
                    passed_over_users(passed_over),
                    reader.formats,
                    translate,
                ),
                "passed_over": passed_over_view(passed_over, translate),
                "stages": stage_chart(funnel, reader.formats, translate),
                "wave_chart": wave_chart(
                    lines, until_ms=None if head.final else self._site.services.clock(), translate=translate
                ),
                "tiers": reading.read_tiers(view),
                "waves": reading.read_waves(session, dispatch_id),
                "acceptances": reading.read_acceptances(session, view),
                "timeline": reading.read_timeline(session, view, lines, reader.formats, translate),
                "timeline_more": max(0, len(lines) - reading.MAX_LINES),
                "recipients": reading.read_recipients(
                    session,
                    view,
                    tier=tier if tier in ("full", "partial") else None,
                    cursor=cursor or None,
                ),
            }
        values |= self._explained(view, user_id, reader.language)
        return self._site.renderer.page(request, "dispatch.html", values)

    def explanation(self, request: Request, dispatch_id: int, user_id: str = "") -> Response:
        """Show, as a part of the page, why a user is in the dispatch or not."""
        owner = _owner(self._site.diagnostics_session(request))
        with self._site.services.database.read() as session:
            view = dispatches.get_dispatch(session, dispatch_id=dispatch_id, owner=owner)
        reader = self._site.renderer.reader(request)
        return self._site.renderer.page(request, "_explanation.html", self._explained(view, user_id, reader.language))

    def _explained(self, view: DispatchView, user_text: str, language: str) -> Mapping[str, Any]:
        """Return the explanation, or the failure that stands in its place: the rest of the page is shown anyway."""
        user_text = user_text.strip()[:MAX_USER_CHARACTERS]
        values: dict[str, Any] = {"user_id": user_text, "explanation": None, "explanation_failure": None}
        if not user_text:
            return values
        try:
            values["explanation"] = self._explain(view, user_text, language)
        except QuanwangError as error:
            values["explanation_failure"] = told_failure(error, language)
        return values

    def _explain(self, view: DispatchView, user_text: str, language: str) -> ExplanationView:
        services = self._site.services
        with services.database.read() as session:
            user_id = find_user(session, user_text, view.summary.owner)
            if user_id is None:
                raise UnknownUser(user_text)
            offer = dispatches.notification_of(session, dispatch_id=view.summary.dispatch_id, user_id=user_id)
            passed_over = dispatches.suppressions_of(session, view.summary.dispatch_id, user_id)
        if view.query_json is None:
            raise AskedNobody(view.summary.dispatch_id) if view.summary.stage in reading.FINAL_STAGES else NotAskedYet()
        # The index is asked with no database connection held.
        document = services.match_service.explain(view.query_json, user_id)
        teller = Teller(services.taxonomy, catalogue(language).gettext, language)
        return explanation_view(user_text, document, offer, teller, newest_reason(passed_over, teller.translate))


def _owner(session: WebSession) -> str | None:
    """Return whose dispatches the reader sees; None: everybody's."""
    return None if session.caller.is_admin else session.caller.owner
