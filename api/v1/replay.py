"""Replay: the machine run again on what was recorded, and the same candidates under another policy."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.callers import CallerOf, ServicesOf, owner_seen_by
from api.match_slots import MatchSlots
from api.once import answer
from api.v1.replay_models import ReplayAnswer, replay_answer
from api.v1.users import DispatchIdPath
from marketplace import dispatch

router = APIRouter(tags=["diagnostics"])


@router.get(
    "/v1/dispatches/{dispatch_id}/replay",
    response_model=ReplayAnswer,
    summary="Whether every wave comes out again, and what another policy would have done",
)
def replay(
    dispatch_id: DispatchIdPath,
    caller: CallerOf,
    services: ServicesOf,
    request: Request,
    with_policy: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=80,
            description="Plan the recorded candidates under this policy too: `name`, or `name:version`.",
        ),
    ] = None,
) -> Response:
    """Run the machine again on the recorded match results: every wave must come out byte for byte.

    With a policy the recorded candidates are planned under it, people taking as long as they took. A match result is
    recorded as far as users were told; of the others only the number is known, and the notes say so.
    """
    slots: MatchSlots = request.app.state.match_slots
    owner = owner_seen_by(caller)
    with slots.taken(), services.database.read() as session:
        found = dispatch.replay_dispatch(session, dispatch_id=dispatch_id, owner=owner)
        plan = (
            None
            if with_policy is None
            else dispatch.replan_dispatch(
                session, dispatch_id=dispatch_id, with_policy=with_policy, owner=owner, now_ms=services.clock()
            )
        )
    return answer(replay_answer(found, plan))
