"""The preview: how many an order would reach before anybody publishes it, and what each of its keys costs."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from api.pages.failures import failure_of, told_failure
from api.pages.language import catalogue
from api.pages.preview_form import NOTHING_KNOWN, PreviewForm, Problem, place_of, read_form, rule_of
from api.pages.preview_views import preview_view
from api.pages.site import Site
from api.previews import preview_order
from kit.errors import InvalidInput, QuanwangError, TooManyRequests, Unavailable
from marketplace import dispatch as dispatches
from marketplace.access import WebSession
from marketplace.dispatch import Policy
from marketplace.orders import read_order

MAX_TEXT_CHARACTERS = 60_000
"""More than an order may have, so that what is too long is told beside the field; far more is refused outright."""
Text = Annotated[str, Form(max_length=MAX_TEXT_CHARACTERS)]
Short = Annotated[str, Form(max_length=5_000)]


class PreviewPages:
    """The page /admin/preview, for keys that may read dispatches. It counts for the key's owner, by the same budget."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def router(self) -> APIRouter:
        """Return the routes of the preview."""
        router = self._site.router()
        router.add_api_route("/admin/preview", self.form, methods=["GET"])
        router.add_api_route("/admin/preview", self.count, methods=["POST"])
        return router

    def form(self, request: Request) -> Response:
        """Show the empty form."""
        self._site.diagnostics_session(request)
        return self._page(request, PreviewForm(), self._policies())

    def count(
        self,
        request: Request,
        text: Text = "",
        keywords: Text = "",
        keyword_rule: Short = "all",
        at_least: Short = "",
        industries: Short = "",
        regions: Short = "",
        lat: Short = "",
        lon: Short = "",
        radius_km: Short = "",
        crowds: Short = "",
        fuzzy: Short = "",
        policy: Short = "default",
        csrf_token: Annotated[str, Form(max_length=200)] = "",
    ) -> Response:
        """Count, and show the form again with what was typed, its mistakes beside their fields."""
        web_session = self._site.diagnostics_session(request)
        self._site.check_form(request, web_session, csrf_token)
        typed = PreviewForm(
            text=text,
            keywords=keywords,
            keyword_rule=keyword_rule if keyword_rule in ("all", "any", "at_least") else "all",
            at_least=at_least,
            industries=industries,
            regions=regions,
            lat=lat,
            lon=lon,
            radius_km=radius_km,
            crowds=crowds,
            fuzzy=fuzzy == "true",
            policy=policy,
        )
        return self._count(request, web_session, typed)

    def _count(self, request: Request, web_session: WebSession, typed: PreviewForm) -> Response:
        policies = self._policies()
        reader = self._site.renderer.reader(request)
        taxonomy = self._site.services.taxonomy
        read = read_form(typed, taxonomy)
        if read.problems:
            return self._page(request, typed, policies, problems=read.problems, status=422)
        try:
            read_order(read.document, taxonomy)
        except InvalidInput as error:
            problems = {place_of(error.field): rule_of(error.field)}
            return self._page(request, typed, policies, problems=problems, status=422)
        try:
            found = preview_order(request, web_session.caller, read.document)
        except InvalidInput:
            # What the order itself may hold was checked before; only the vocabulary knows what a text names.
            return self._page(request, typed, policies, problems={"text": Problem(NOTHING_KNOWN, {})}, status=422)
        except QuanwangError as error:
            failure = told_failure(error, reader.language)
            response = self._page(request, typed, policies, failure=failure, status=failure_of(error).status)
            if isinstance(error, TooManyRequests | Unavailable):
                response.headers["retry-after"] = str(error.retry_after_s)
            return response
        chosen = next((each for each in policies if each.name == typed.policy), policies[0])
        view = preview_view(found, chosen, taxonomy, reader.formats, reader.language)
        return self._page(request, typed, policies, preview=view)

    def _policies(self) -> Sequence[Policy]:
        with self._site.services.database.read() as session:
            return [view.policy for view in dispatches.list_policies(session)]

    def _page(
        self,
        request: Request,
        typed: PreviewForm,
        policies: Sequence[Policy],
        *,
        problems: Mapping[str, Problem] | None = None,
        failure: str | None = None,
        preview: Any = None,
        status: int = 200,
    ) -> Response:
        translate = catalogue(self._site.renderer.reader(request).language).gettext
        sentences = {
            field: translate(problem.message) % problem.parameters for field, problem in (problems or {}).items()
        }
        values: dict[str, Any] = {
            "typed": typed,
            "policies": [policy.name for policy in policies],
            "problems": sentences,
            "failure": failure,
            "preview": preview,
            "a_minute": self._site.services.limits.previews_a_minute,
        }
        return self._site.renderer.page(request, "preview.html", values, status=status)
