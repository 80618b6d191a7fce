"""The page of a replay: whether every wave comes out again, and what another policy would have done."""

from typing import Any

from fastapi import APIRouter, Request, Response

from api.match_slots import MatchSlots
from api.pages import dispatch_reading as reading
from api.pages.failures import told_failure
from api.pages.language import catalogue
from api.pages.replay_views import policy_choices, replan_view, replay_view
from api.pages.site import Site
from kit.errors import InvalidInput, QuanwangError
from marketplace import dispatch as dispatches
from marketplace.dispatch.errors import UnknownPolicy

MAX_POLICY_CHARACTERS = 80


class ReplayPages:
    """The page /admin/dispatches/{dispatch_id}/replay. Who sees the dispatch may replay it: nothing is changed."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def router(self) -> APIRouter:
        """Return the route of the replay."""
        router = self._site.router()
        router.add_api_route("/admin/dispatches/{dispatch_id}/replay", self.replay, methods=["GET"])
        return router

    def replay(self, request: Request, dispatch_id: int, with_policy: str = "") -> Response:
        """Replay a dispatch; with a policy, plan its candidates under that one too."""
        site = self._site
        caller = site.diagnostics_session(request).caller
        owner = None if caller.is_admin else caller.owner
        reader = site.renderer.reader(request)
        translate = catalogue(reader.language).gettext
        chosen = with_policy.strip()[:MAX_POLICY_CHARACTERS]
        values: dict[str, Any] = {
            "chosen": chosen, "replay": None, "plan": None, "replay_failure": None, "policy_failure": None
        }  # fmt: skip
        with site.services.database.read() as session:
            values["dispatch"] = reading.read_head(
                dispatches.get_dispatch(session, dispatch_id=dispatch_id, owner=owner)
            )
            values["policies"] = policy_choices(session)
        slots: MatchSlots = request.app.state.match_slots
        try:
            with slots.taken(), site.services.database.read() as session:
                found = dispatches.replay_dispatch(session, dispatch_id=dispatch_id, owner=owner)
                values["replay"] = replay_view(found, reader.formats, translate)
                if chosen:
                    now_ms = site.services.clock()
                    plan = dispatches.replan_dispatch(
                        session, dispatch_id=dispatch_id, with_policy=chosen, owner=owner, now_ms=now_ms
                    )
                    values["plan"] = replan_view(plan, reader.formats, translate)
        except (UnknownPolicy, InvalidInput) as error:
            values["policy_failure"] = told_failure(error, reader.language)
        except QuanwangError as error:
            values["replay_failure"] = told_failure(error, reader.language)
        return site.renderer.page(request, "replay.html", values)
