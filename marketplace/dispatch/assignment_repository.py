"""Reads assignments."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select

from kit.db import Session
from marketplace.dispatch.tables import assignment
from marketplace.dispatch.views import AssignmentView, Hold


def read_assignment(session: Session, dispatch_id: int, token: int) -> AssignmentView:
    """Return one assignment, which exists."""
    statement = select(assignment).where(assignment.c.dispatch_id == dispatch_id, assignment.c.token == token)
    return _view(session.execute(statement).one())


def assignments_of(session: Session, dispatch_id: int) -> Sequence[AssignmentView]:
    """Return all assignments of a dispatch, the first first."""
    statement = select(assignment).where(assignment.c.dispatch_id == dispatch_id).order_by(assignment.c.token)
    return [_view(row) for row in session.execute(statement)]


def holds_of(session: Session, dispatch_ids: Sequence[int]) -> dict[int, Hold]:
    """Return the assignments that wait to be confirmed, of at most 900 dispatches."""
    if not dispatch_ids:
        return {}
    statement = select(assignment.c.dispatch_id, assignment.c.token, assignment.c.hold_until_ms).where(
        assignment.c.active_dispatch_id.in_(dispatch_ids), assignment.c.state == "active"
    )
    return {row.dispatch_id: Hold(row.token, row.hold_until_ms) for row in session.execute(statement)}


def _view(row: Row[Any]) -> AssignmentView:
    return AssignmentView(
        dispatch_id=row.dispatch_id,
        user_id=row.user_id,
        token=row.token,
        state=row.state,
        selected_at_ms=row.selected_at_ms,
        hold_until_ms=row.hold_until_ms,
        confirmed_at_ms=row.confirmed_at_ms,
        ended_at_ms=row.ended_at_ms,
        reason=row.reason,
    )
