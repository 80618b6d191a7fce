"""Tells those who asked for it what happens to a dispatch: owners by webhooks, users by their channels.

Called inside the transaction that makes the change. Where nobody listens it costs one look at what is remembered.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kit.db import Session
from kit.ids import IdAllocator
from marketplace.channels import NotificationKind, wanted_kinds
from marketplace.dispatch.dispatch_repository import DispatchRow
from marketplace.dispatch.notify_users import enqueue_user_notices
from marketplace.dispatch.states import (
    FINAL,
    Assign,
    Confirm,
    Decision,
    EndAssignment,
    Instruction,
    MoveTo,
    RemindPublisher,
    SendWave,
)
from marketplace.orders import external_ids_of
from marketplace.users import identities_of
from marketplace.webhooks import EventKind, OutgoingEvent, announce, listening_owners

Happening = tuple[DispatchRow, EventKind, Mapping[str, Any]]
"""The dispatch, what happened, and the facts beside the ids of dispatch and order."""


def announce_decisions(
    session: Session, ids: IdAllocator, decided: Iterable[tuple[DispatchRow, Decision, str | None]], now_ms: int
) -> None:
    """Announce what the machine decided: (dispatch, decision, reason)."""
    decided = list(decided)
    if wanted_kinds(session, now_ms):
        notices = [found for row, decision, _ in decided for found in _notices(row, decision)]
        enqueue_user_notices(session, ids, notices, now_ms)
    if listening_owners(session, now_ms):
        happenings = [
            (row, *found)
            for row, decision, reason in decided
            for instruction in decision.instructions
            if (found := _happening(instruction, decision, reason)) is not None
        ]
        _announce(session, ids, happenings, now_ms)


def announce_acceptances(
    session: Session, ids: IdAllocator, accepted: Sequence[tuple[DispatchRow, int, str]], now_ms: int
) -> None:
    """Announce (dispatch, user, tier) of acceptances that are new in their queues."""
    if listening_owners(session, now_ms):
        happenings = [
            (row, EventKind.ACCEPTANCE_CREATED, {"user_id": user_id, "tier": tier}) for row, user_id, tier in accepted
        ]
        _announce(session, ids, happenings, now_ms)


def announce_withdrawal(
    session: Session, ids: IdAllocator, row: DispatchRow, user_id: int, reason: str | None, now_ms: int
) -> None:
    """Announce that a user who waited left the queue."""
    if listening_owners(session, now_ms):
        facts = {"user_id": user_id, "reason": reason}
        _announce(session, ids, [(row, EventKind.ACCEPTANCE_WITHDRAWN, facts)], now_ms)


def _happening(
    instruction: Instruction, decision: Decision, reason: str | None
) -> tuple[EventKind, Mapping[str, Any]] | None:
    match instruction:
        case SendWave(number, full, partial, expires_at_ms):
            sizes = {"wave": number, "full": full, "partial": partial}
            return EventKind.WAVE_SENT, {**sizes, "offers_expire_at_ms": expires_at_ms}
        case Assign(user_id, token, hold_until_ms):
            return EventKind.ASSIGNED, {"user_id": user_id, "token": token, "hold_until_ms": hold_until_ms}
        case Confirm(user_id, token):
            return EventKind.ASSIGNMENT_CONFIRMED, {"user_id": user_id, "token": token}
        case EndAssignment(user_id, token, ending):
            facts = {"user_id": user_id, "token": token, "ending": ending.value}
            return EventKind.ASSIGNMENT_ENDED, {**facts, "reason": reason}
        case RemindPublisher():
            return EventKind.PUBLISHER_REMINDED, {"waiting": decision.state.queued}
        case MoveTo(stage) if stage in FINAL:
            return EventKind.CLOSED, {"stage": stage.value, "reason": reason}
        case _:
            return None


def _notices(row: DispatchRow, decision: Decision) -> Iterator[tuple[int, NotificationKind, int]]:
    for instruction in decision.instructions:
        match instruction:
            case Assign(user_id):
                yield user_id, NotificationKind.ASSIGNED, row.dispatch_id
            case RemindPublisher() if row.publisher_user_id is not None:
                yield row.publisher_user_id, NotificationKind.PUBLISHER_REMINDED, row.dispatch_id
            case _:
                pass


def _announce(session: Session, ids: IdAllocator, happenings: Sequence[Happening], now_ms: int) -> None:
    """Write the events that are listened to, with the ids by which their owners know the order and the user."""
    wanted = listening_owners(session, now_ms)
    heard = [each for each in happenings if each[1] in wanted.get(each[0].owner, ())]
    if not heard:
        return
    orders = external_ids_of(session, sorted({row.order_id for row, _, _ in heard}))
    users = identities_of(session, sorted({facts["user_id"] for _, _, facts in heard if "user_id" in facts}))
    events = []
    for row, kind, facts in heard:
        content = {"dispatch_id": row.dispatch_id, "order_id": row.order_id, "external_id": orders.get(row.order_id)}
        content |= facts
        if "user_id" in facts:
            identity = users.get(facts["user_id"])
            known = identity is not None and identity.source == row.owner
            content["user_external_id"] = identity.external_id if identity is not None and known else None
        events.append(OutgoingEvent(row.owner, kind, content))
    announce(session, ids, events, now_ms)
