"""Reads the end of a run from the tables, whole."""

from collections.abc import Iterator

from sqlalchemy import select

from kit.db import Session
from kit.work import work_table
from marketplace import dispatch as dispatches
from marketplace.dispatch.packing import unpack_ids
from marketplace.dispatch.ports import WaveChunk
from marketplace.dispatch.tables import acceptance, assignment, dispatch, policy, suppression, wave
from marketplace.orders.tables import orders
from quanwang.drills.chaos.end_state import EndedAcceptance, EndedAssignment, EndedDispatch, ToldChunk

CHUNKS_A_READ = 500


def read_dispatches(session: Session) -> list[EndedDispatch]:
    """Return every dispatch by id."""
    statement = (
        select(
            dispatch.c.id,
            dispatch.c.order_id,
            orders.c.title,
            policy.c.name.label("policy"),
            dispatch.c.stage,
            dispatch.c.waves,
            dispatch.c.notified_full,
            dispatch.c.notified_partial,
            dispatch.c.partial_at_ms,
            dispatch.c.assigned_user_id,
            dispatch.c.hold_until_ms,
            dispatch.c.due_at_ms,
            dispatch.c.created_at_ms,
            dispatch.c.expires_at_ms,
        )
        .join_from(dispatch, orders, orders.c.id == dispatch.c.order_id)
        .join(policy, policy.c.id == dispatch.c.policy_id)
        .order_by(dispatch.c.id)
    )
    return [
        EndedDispatch(
            dispatch_id=row.id,
            order_id=row.order_id,
            title=row.title,
            policy=row.policy,
            stage=row.stage,
            waves=row.waves,
            notified_full=row.notified_full,
            notified_partial=row.notified_partial,
            offered_partial=row.partial_at_ms is not None,
            assigned_user_id=row.assigned_user_id,
            hold_until_ms=row.hold_until_ms,
            due_at_ms=row.due_at_ms,
            created_at_ms=row.created_at_ms,
            expires_at_ms=row.expires_at_ms,
        )
        for row in session.execute(statement)
    ]


def read_acceptances(session: Session) -> list[EndedAcceptance]:
    """Return every acceptance in the order of its queue."""
    columns = (acceptance.c.dispatch_id, acceptance.c.user_id, acceptance.c.state, acceptance.c.arrival)
    rows = session.execute(select(*columns).order_by(acceptance.c.dispatch_id, acceptance.c.arrival))
    return [EndedAcceptance(row.dispatch_id, row.user_id, row.state, row.arrival) for row in rows]


def read_assignments(session: Session) -> list[EndedAssignment]:
    """Return every assignment in the order of its tokens."""
    rows = session.execute(select(assignment).order_by(assignment.c.dispatch_id, assignment.c.token))
    return [
        EndedAssignment(
            row.dispatch_id,
            row.user_id,
            row.token,
            row.state,
            row.state in ("active", "confirmed"),
            row.ended_at_ms,
        )
        for row in rows
    ]


def read_chunks(session: Session) -> list[ToldChunk]:
    """Return every chunk of every wave in the order of the commits."""
    delivered = {row.id: row.delivered_at_ms for row in session.execute(select(wave.c.id, wave.c.delivered_at_ms))}
    return [
        ToldChunk(
            event_id=chunk.entry.event_id,
            dispatch_id=chunk.entry.dispatch_id,
            number=chunk.entry.wave,
            tier=chunk.entry.tier,
            user_ids=tuple(chunk.user_ids),
            delivered_at_ms=delivered.get(chunk.entry.event_id),
        )
        for chunk in _chunks(session)
    ]


def _chunks(session: Session) -> Iterator[WaveChunk]:
    after = 0
    while page := dispatches.iterate_wave_chunks(session, 0, after, CHUNKS_A_READ):
        yield from page
        after = page[-1].entry.event_id


def read_suppressed(session: Session) -> dict[int, set[int]]:
    """Return by dispatch who was passed over at least once, whatever became of it."""
    found: dict[int, set[int]] = {}
    for row in session.execute(select(suppression.c.dispatch_id, suppression.c.user_ids)):
        found.setdefault(row.dispatch_id, set()).update(unpack_ids(row.user_ids))
    return found


def read_work(session: Session, now_ms: int) -> list[tuple[str, int, str, int]]:
    """Return (kind, subject, state, milliseconds overdue) of every work row; what is due later is overdue by less."""
    row = work_table.c
    rows = session.execute(select(row.kind, row.subject_id, row.state, row.due_at_ms).order_by(row.due_at_ms))
    return [(each.kind, each.subject_id, each.state, now_ms - each.due_at_ms) for each in rows]


def read_documents(session: Session) -> dict[int, str]:
    """Return the validated key information of every order, as text, by order id."""
    return {row.id: row.document for row in session.execute(select(orders.c.id, orders.c.document))}
