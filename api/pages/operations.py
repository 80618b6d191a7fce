"""Operations, for admins alone: kill switches, queues, shards, and the work that failed too often."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Query, Request, Response

from api.callers import actor_of
from api.operations import turn_switch
from api.pages import operations_reading as reading
from api.pages.failures import failure_of, told_failure
from api.pages.language import catalogue
from api.pages.operations_views import Refusal
from api.pages.site import Site
from api.pages.words import mark
from kit.errors import InvalidInput, QuanwangError
from marketplace import operations
from marketplace.access import WebSession
from marketplace.settings import UnknownSwitch

HOME = "/admin/operations"
LETTERS = "/admin/operations/dead-letters"
MAX_REASON_CHARACTERS = 500
MAX_ID = (1 << 53) - 1
NO_REASON = mark("Say why, in 1 to 500 characters; others read it in the log.")
NOT_CONFIRMED = mark("Tick the box first: this takes effect at once, for everybody.")

Reason = Annotated[str, Form(max_length=10_000)]
Token = Annotated[str, Form(max_length=200)]
Kind = Annotated[str, Query(max_length=40)]
After = Annotated[int, Query(ge=0, le=MAX_ID)]


class OperationsPages:
    """The pages under /admin/operations. Every form says why, and who sent it is kept."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def router(self) -> APIRouter:
        """Return the routes of operations."""
        router = self._site.router()
        router.add_api_route(HOME, self.health, methods=["GET"])
        router.add_api_route(HOME + "/switches/{switch}", self.turn, methods=["POST"])
        router.add_api_route(LETTERS, self.letters, methods=["GET"])
        router.add_api_route(LETTERS + "/{letter_id}", self.decide, methods=["POST"])
        return router

    def health(self, request: Request) -> Response:
        """Show switches, queues and shards."""
        self._site.operations_session(request)
        return self._health(request, None)

    def _health(self, request: Request, refused: Refusal | None, status: int = 200) -> Response:
        services = self._site.services
        with services.database.read() as session:
            switches, changes = reading.read_switch_views(session)
            queues = reading.read_queues(session, services.clock())
        # The shards are asked with no database connection held.
        values: dict[str, Any] = {
            "switches": switches,
            "changes": changes,
            "queues": queues,
            "shards": reading.read_shards(services.match_service),
            "refused": refused,
        }
        return self._site.renderer.page(request, "operations.html", values, status=status)

    def turn(
        self,
        request: Request,
        switch: Annotated[str, Path(max_length=40)],
        paused: Annotated[bool, Form()],
        reason: Reason = "",
        confirmed: Annotated[str, Form(max_length=10)] = "",
        csrf_token: Token = "",
    ) -> Response:
        """Pause or resume; a refusal is shown beside the form, with what was typed."""
        web_session = self._checked(request, csrf_token)
        language = self._site.renderer.reader(request).language
        if not confirmed:
            sentence = catalogue(language).gettext(NOT_CONFIRMED)
            return self._health(request, Refusal(switch, sentence, reason), 422)
        services = self._site.services
        now_ms = services.clock()
        try:
            services.database.run_idempotent(
                lambda session: turn_switch(
                    session,
                    switch=switch,
                    paused=paused,
                    set_by=actor_of(web_session.caller),
                    reason=reason.strip(),
                    now_ms=now_ms,
                )
            )
        except UnknownSwitch:
            raise
        except QuanwangError as error:
            refused = Refusal(switch, _told(error, language), reason)
            return self._health(request, refused, failure_of(error).status)
        return self._site.renderer.go(request, HOME)

    def letters(self, request: Request, kind: Kind = "", after: After = 0, done: str = "") -> Response:
        """Show one page of the dead letters."""
        self._site.operations_session(request)
        return self._letters(request, kind, after, None, done=done)

    def _letters(
        self, request: Request, kind: str, after: int, refused: Refusal | None, *, done: str = "", status: int = 200
    ) -> Response:
        with self._site.services.database.read() as session:
            found = reading.read_letters(session, kind=kind or None, after=after)
            decided = reading.read_letter_decisions(session)
        values: dict[str, Any] = {"letters": found, "decisions": decided, "refused": refused, "done": done}
        return self._site.renderer.page(request, "dead_letters.html", values, status=status)

    def decide(
        self,
        request: Request,
        letter_id: Annotated[int, Path(ge=1, le=MAX_ID)],
        action: Annotated[operations.Action, Form()],
        reason: Reason = "",
        csrf_token: Token = "",
        kind: Kind = "",
        after: After = 0,
    ) -> Response:
        """Make the work due again or give it up; a refusal is shown beside the form, with what was typed."""
        web_session = self._checked(request, csrf_token)
        services = self._site.services
        now_ms = services.clock()
        try:
            decided = services.database.run(
                lambda session: operations.decide_letter(
                    session,
                    services.ids,
                    letter_id=letter_id,
                    action=action,
                    actor=actor_of(web_session.caller),
                    reason=reason.strip(),
                    now_ms=now_ms,
                )
            )
        except QuanwangError as error:
            refused = Refusal(str(letter_id), _told(error, self._site.renderer.reader(request).language), reason)
            return self._letters(request, kind, after, refused, status=failure_of(error).status)
        if action == "retry":
            services.wake.notify([decided.kind])
        return self._site.renderer.go(request, reading.letters_path(kind, after, done=action))

    def _checked(self, request: Request, token: str) -> WebSession:
        """Return the admin's session of a form that our own page sent."""
        web_session = self._site.operations_session(request)
        self._site.check_form(request, web_session, token)
        return web_session


def _told(error: QuanwangError, language: str) -> str:
    """Return what is wrong with a form; all that can be mistyped in these is the reason."""
    if isinstance(error, InvalidInput):
        return catalogue(language).gettext(NO_REASON)
    return told_failure(error, language)
