"""A small history and its end, both right; tests make one thing wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from quanwang.drills.chaos.end_state import EndedAcceptance, EndedAssignment, EndedDispatch, EndState, ToldChunk
from quanwang.drills.chaos.history import Operation, Outcome
from quanwang.drills.chaos.scenes import POLICY

TITLE = "order one"
DISPATCH_ID = 11


def operation(
    kind: str,
    at_ms: int,
    outcome: Outcome = "ok",
    *,
    user_id: int | None = None,
    answer: Mapping[str, Any] | None = None,
    wanted: Mapping[str, Any] | None = None,
    status: int = 200,
    order: str | None = TITLE,
) -> Operation:
    """One operation that took ten milliseconds."""
    return Operation(
        at_ms, kind, order, user_id, wanted or {}, at_ms, outcome, at_ms + 10, status, 1, answer or {}, "a sentence"
    )


def submit(
    at_ms: int, outcome: Outcome = "ok", *, title: str = TITLE, dispatch_id: int | None = DISPATCH_ID
) -> Operation:
    line = {"status": "created", "dispatch_id": dispatch_id, "external_id": None, "sentence": None}
    answer = {"lines": [line]} if outcome == "ok" else {}
    return operation("submit", at_ms, outcome, wanted={"titles": [title], "only_user": None}, answer=answer, order=None)


def dispatch(**changes: Any) -> EndedDispatch:
    """A dispatch that is assigned to user 1, who confirmed."""
    plain = EndedDispatch(
        dispatch_id=DISPATCH_ID,
        order_id=10,
        title=TITLE,
        policy=POLICY.name,
        stage="offering_full",
        waves=1,
        notified_full=3,
        notified_partial=0,
        offered_partial=False,
        assigned_user_id=1,
        hold_until_ms=None,
        due_at_ms=None,
        created_at_ms=0,
        expires_at_ms=100_000,
    )
    return replace(plain, **changes)


def history() -> list[Operation]:
    """Submitted, accepted by users 1 and 2 after each other, withdrawn by 2, selected, confirmed."""
    place = {"status": "accepted"}
    assigned = {"user_id": 1, "token": 1}
    return [
        submit(0),
        operation("accept", 100, user_id=1, answer={**place, "position": 1}),
        operation("accept", 200, user_id=2, answer={**place, "position": 2}),
        operation("withdraw", 300, user_id=2),
        operation("select", 400, user_id=1, answer={**assigned, "state": "active"}),
        operation("confirm", 500, user_id=1, answer={**assigned, "state": "confirmed"}),
        operation("inbox", 600, user_id=1, answer={"dispatch_ids": [DISPATCH_ID], "source": "redis"}, order=None),
    ]


def end(**changes: Any) -> EndState:
    """What is there after :func:`history`."""
    plain = EndState(
        dispatches=[dispatch()],
        acceptances=[
            EndedAcceptance(DISPATCH_ID, 1, "selected", 1),
            EndedAcceptance(DISPATCH_ID, 2, "withdrawn", 2),
        ],
        assignments=[EndedAssignment(DISPATCH_ID, 1, 1, "confirmed", active=True, ended_at_ms=None)],
        chunks=[chunk((1, 2, 3))],
        inboxes={1: [DISPATCH_ID], 9: []},
    )
    return replace(plain, **changes)


def chunk(user_ids: Sequence[int], **changes: Any) -> ToldChunk:
    plain = ToldChunk(
        event_id=1, dispatch_id=DISPATCH_ID, number=1, tier="full", user_ids=tuple(user_ids), delivered_at_ms=50
    )
    return replace(plain, **changes)
