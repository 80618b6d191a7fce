"""Rows of dispatches, their events and their policies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Row, and_, bindparam, func, select

from kit.db import Session, insert_if_absent, insert_many, lock_rows, lock_shared, upsert
from marketplace.dispatch.policies import Policy
from marketplace.dispatch.states import Assigned, DispatchState, Stage, Step
from marketplace.dispatch.tables import acceptance, dispatch, dispatch_event, policy

IN_AT_MOST: Final = 900


@dataclass(frozen=True, slots=True)
class DispatchRow:
    """A dispatch as it is stored. ``version`` grows with every change.

    ``full_left``: users of the full tier whom the last answer found and left for later waves, None before it.
    """

    dispatch_id: int
    order_id: int
    owner: str
    publisher_user_id: int | None
    policy_id: int
    version: int
    state: DispatchState
    due_at_ms: int | None
    created_at_ms: int
    changed_at_ms: int
    first_wave_at_ms: int | None = None
    partial_at_ms: int | None = None
    closed_at_ms: int | None = None
    reason: str | None = None
    full_left: int | None = None

    @property
    def label(self) -> str:
        """What receivers see: open | taken | closed."""
        if self.state.assigned is not None:
            return "taken"
        return "closed" if self.state.final else "open"


@dataclass(frozen=True, slots=True)
class Queue:
    """Acceptances that wait: how many, and since when the oldest does."""

    count: int = 0
    since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """One immutable version of a policy; ``is_new``: this very call wrote it."""

    policy_id: int
    version: int
    policy: Policy
    created_at_ms: int
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A line for the timeline of a dispatch."""

    dispatch_id: int
    at_ms: int
    kind: str
    actor: str
    user_id: int | None = None
    detail: str | None = None


def insert_dispatches(session: Session, rows: Sequence[DispatchRow]) -> None:
    """Insert new dispatches."""
    insert_many(session, dispatch, [_values(row) for row in rows])


def save_dispatches(session: Session, rows: Sequence[DispatchRow]) -> None:
    """Write changed dispatches in one statement. The caller holds their exclusive locks since it read them."""
    if rows:
        upsert(session, dispatch, [_values(row) for row in rows], _CHANGING)


def read_dispatches(session: Session, dispatch_ids: Sequence[int]) -> dict[int, DispatchRow]:
    """Return the dispatches with these ids."""
    return _rows(session.execute(_BY_IDS, _these(dispatch_ids)).all())


def lock_dispatches(
    session: Session, dispatch_ids: Sequence[int], known: Mapping[int, DispatchRow] | None = None
) -> dict[int, DispatchRow]:
    """Return the dispatches and lock them against everybody until the commit.

    Always before their work rows: whoever takes both takes them in this order. ``known`` rows were read before; those
    whose version still stands are not read again.
    """
    if not known:
        return _rows(lock_rows(session, _BY_IDS, _these(dispatch_ids)).all())
    versions = lock_rows(session, _VERSIONS_BY_IDS, _these(dispatch_ids)).all()
    rows = {row.id: known[row.id] for row in versions if row.id in known and known[row.id].version == row.version}
    moved = [row.id for row in versions if row.id not in rows]
    return {**rows, **read_dispatches(session, moved)} if moved else rows


def share_dispatches(session: Session, dispatch_ids: Sequence[int]) -> dict[int, DispatchRow]:
    """Return the dispatches and keep them from changing until the commit; others may share them."""
    return _rows(lock_shared(session, _BY_IDS, _these(dispatch_ids)).all())


def dispatches_of_orders(session: Session, order_ids: Sequence[int]) -> dict[int, int]:
    """Return the newest dispatch id of each order, at most 900 orders a statement."""
    found: dict[int, int] = {}
    for start in range(0, len(order_ids), IN_AT_MOST):
        part = order_ids[start : start + IN_AT_MOST]
        newest = func.max(dispatch.c.id)
        statement = (
            select(dispatch.c.order_id, newest).where(dispatch.c.order_id.in_(part)).group_by(dispatch.c.order_id)
        )
        found.update((row[0], row[1]) for row in session.execute(statement))
    return found


def queues(session: Session, dispatch_ids: Sequence[int]) -> dict[int, Queue]:
    """Count the waiting acceptances of each dispatch; those without any are missing."""
    rows = session.execute(_QUEUES, {"ids": list(dispatch_ids)})
    return {dispatch_id: Queue(count, since_ms) for dispatch_id, count, since_ms in rows}


_QUEUES: Final = (
    select(acceptance.c.dispatch_id, func.count(), func.min(acceptance.c.accepted_at_ms))
    .where(acceptance.c.dispatch_id.in_(bindparam("ids", expanding=True)), acceptance.c.state == "accepted")
    .group_by(acceptance.c.dispatch_id)
)


def insert_events(session: Session, rows: Sequence[tuple[int, NewEvent]]) -> None:
    """Write lines of the timeline under given ids."""
    insert_many(
        session,
        dispatch_event,
        [
            {
                "id": event_id,
                "dispatch_id": event.dispatch_id,
                "at_ms": event.at_ms,
                "kind": event.kind,
                "actor": event.actor,
                "user_id": event.user_id,
                "detail": event.detail,
            }
            for event_id, event in rows
        ],
    )


def newest_policies(session: Session, names: Sequence[str] | None = None) -> dict[str, StoredPolicy]:
    """Return the newest version of each policy, or of the named ones."""
    if names is None:
        return {row.name: _stored_policy(row) for row in session.execute(_NEWEST_POLICIES)}
    rows = [session.execute(_NEWEST_OF, {"of_name": name}).first() for name in names]
    return {row.name: _stored_policy(row) for row in rows if row is not None}


_VERSIONS: Final = select(policy.c.name, func.max(policy.c.version).label("version")).group_by(policy.c.name).subquery()
_NEWEST_POLICIES: Final = select(policy).join(
    _VERSIONS, and_(policy.c.name == _VERSIONS.c.name, policy.c.version == _VERSIONS.c.version)
)
# Built once: every request with orders asks it.
_NEWEST_OF: Final = (
    select(policy).where(policy.c.name == bindparam("of_name")).order_by(policy.c.version.desc()).limit(1)
)


def policy_version(session: Session, name: str, version: int) -> StoredPolicy | None:
    """Return one version of a policy, if it is there."""
    row = session.execute(select(policy).where(policy.c.name == name, policy.c.version == version)).first()
    return None if row is None else _stored_policy(row)


def policy_versions(session: Session, name: str, limit: int) -> list[StoredPolicy]:
    """Return the newest ``limit`` versions of a policy, the newest first."""
    statement = select(policy).where(policy.c.name == name).order_by(policy.c.version.desc()).limit(limit)
    return [_stored_policy(row) for row in session.execute(statement)]


def policies_by_id(session: Session, policy_ids: Sequence[int]) -> dict[int, StoredPolicy]:
    """Return the policies with these ids."""
    statement = select(policy).where(policy.c.id.in_(sorted(set(policy_ids))))
    return {row.id: _stored_policy(row) for row in session.execute(statement)}


def insert_policy(session: Session, policy_id: int, version: int, value: Policy, now_ms: int) -> bool:
    """Insert a version; False when somebody else has just inserted this version."""
    row = {
        "id": policy_id,
        "name": value.name,
        "version": version,
        "document": value.to_json(),
        "created_at_ms": now_ms,
    }
    return insert_if_absent(session, policy, [row]) == 1


_AMONG: Final = dispatch.c.id.in_(bindparam("ids", expanding=True))
_BY_IDS: Final = select(dispatch).where(_AMONG).order_by(dispatch.c.id)
_VERSIONS_BY_IDS: Final = select(dispatch.c.id, dispatch.c.version).where(_AMONG).order_by(dispatch.c.id)


def _these(dispatch_ids: Sequence[int]) -> dict[str, list[int]]:
    return {"ids": sorted(set(dispatch_ids))}


def _rows(rows: Sequence[Row[Any]]) -> dict[int, DispatchRow]:
    return {row.id: dispatch_row(row) for row in rows}


def dispatch_row(row: Row[Any]) -> DispatchRow:
    """Read a row of the dispatch table."""
    assigned = None
    if row.assigned_user_id is not None:
        assigned = Assigned(row.assigned_user_id, row.assigned_token, row.hold_until_ms)
    state = DispatchState(
        expires_at_ms=row.expires_at_ms,
        step_at_ms=row.step_at_ms,
        stage=Stage(row.stage),
        step=Step(row.step),
        order_version=row.order_version,
        waves=row.waves,
        notified_full=row.notified_full,
        notified_partial=row.notified_partial,
        last_wave_at_ms=row.last_wave_at_ms,
        queued=row.queued,
        idle_since_ms=row.idle_since_ms,
        reminded=bool(row.reminded),
        assigned=assigned,
        tokens_given=row.tokens_given,
        confirmed_reach=row.confirmed_reach,
        set_aside_full=row.set_aside_full,
        set_aside_partial=row.set_aside_partial,
        suppressed=row.suppressed,
    )
    return DispatchRow(
        dispatch_id=row.id,
        order_id=row.order_id,
        owner=row.owner,
        publisher_user_id=row.publisher_user_id,
        policy_id=row.policy_id,
        version=row.version,
        state=state,
        due_at_ms=row.due_at_ms,
        created_at_ms=row.created_at_ms,
        changed_at_ms=row.changed_at_ms,
        first_wave_at_ms=row.first_wave_at_ms,
        partial_at_ms=row.partial_at_ms,
        closed_at_ms=row.closed_at_ms,
        reason=row.reason,
        full_left=row.full_left,
    )


def _values(row: DispatchRow) -> dict[str, Any]:
    state, assigned = row.state, row.state.assigned
    return {
        "id": row.dispatch_id,
        "order_id": row.order_id,
        "owner": row.owner,
        "publisher_user_id": row.publisher_user_id,
        "policy_id": row.policy_id,
        "version": row.version,
        "stage": state.stage.value,
        "step": state.step.value,
        "step_at_ms": state.step_at_ms,
        "order_version": state.order_version,
        "waves": state.waves,
        "notified_full": state.notified_full,
        "notified_partial": state.notified_partial,
        "last_wave_at_ms": state.last_wave_at_ms,
        "queued": state.queued,
        "idle_since_ms": state.idle_since_ms,
        "reminded": int(state.reminded),
        "assigned_user_id": None if assigned is None else assigned.user_id,
        "assigned_token": None if assigned is None else assigned.token,
        "hold_until_ms": None if assigned is None else assigned.hold_until_ms,
        "tokens_given": state.tokens_given,
        "confirmed_reach": state.confirmed_reach,
        "set_aside_full": state.set_aside_full,
        "set_aside_partial": state.set_aside_partial,
        "suppressed": state.suppressed,
        "expires_at_ms": state.expires_at_ms,
        "due_at_ms": row.due_at_ms,
        "created_at_ms": row.created_at_ms,
        "first_wave_at_ms": row.first_wave_at_ms,
        "partial_at_ms": row.partial_at_ms,
        "closed_at_ms": row.closed_at_ms,
        "changed_at_ms": row.changed_at_ms,
        "reason": row.reason,
        "full_left": row.full_left,
    }


_FIXED = {"id", "order_id", "owner", "publisher_user_id", "policy_id", "created_at_ms"}
_CHANGING = [column.name for column in dispatch.columns if column.name not in _FIXED]


def _stored_policy(row: Row[Any]) -> StoredPolicy:
    return StoredPolicy(row.id, row.version, _policy_of(row.document), row.created_at_ms)


@lru_cache(maxsize=1_024)
def _policy_of(document: str) -> Policy:
    """Read a stored policy; a version never changes, and every batch of work asks for the same few."""
    return Policy.from_json(document)
