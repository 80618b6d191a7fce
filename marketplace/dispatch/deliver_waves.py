"""The handlers of work kinds "delivery" (a wave chunk into inboxes) and "dispatch_label" (what readers see of it)."""

from collections.abc import Sequence
from typing import Final

from kit.db import Database, Session
from kit.work import Claimed, complete, hold
from marketplace.dispatch import history_repository, wave_repository
from marketplace.dispatch.crash_points import Reached, passing_by
from marketplace.dispatch.ports import Gate, InboxDelivery, always_open
from marketplace.dispatch.views import DispatchLabel

MAX_LOOKS: Final = 20
"""How often a late worker looks whether what it showed still stands: a state changes a few times in its life."""


def deliver_waves(
    database: Database,
    inbox: InboxDelivery,
    claims: Sequence[Claimed],
    *,
    now_ms: int,
    gate: Gate = always_open,
    reached: Reached = passing_by,
) -> None:
    """Put the claimed wave chunks into the inboxes, then note it. Raises Unavailable when the inboxes are away.

    ``gate`` is asked first and raises Unavailable where deliveries are switched off.

    A crash in between repeats the delivery, which is idempotent per (dispatch, wave, chunk).
    """
    wave_ids = [claimed.subject_id for claimed in claims]
    with database.read() as session:
        gate(session)
        chunks = history_repository.read_chunks(session, wave_ids)
    reached("delivery.chunks_read")
    inbox.deliver(chunks)
    reached("delivery.delivered")

    def note(session: Session) -> None:
        mine = hold(session, claims)
        if mine:
            wave_repository.mark_delivered(session, [claimed.subject_id for claimed in mine], now_ms)
        reached("delivery.marked")
        complete(session, mine)

    database.run(note)
    reached("delivery.committed")


def show_labels(
    database: Database, inbox: InboxDelivery, claims: Sequence[Claimed], *, reached: Reached = passing_by
) -> None:
    """Show receivers the present state (open | taken | closed) and title of the claimed dispatches.

    A worker that froze in between may put an older state over a newer one, which is nobody's work any more. So whoever
    finds that others took his work over looks again, until what he showed is what stands.
    """
    shown = _show(database, inbox, [claimed.subject_id for claimed in claims], reached)

    def note(session: Session) -> set[int]:
        mine = hold(session, claims)
        complete(session, mine)
        reached("label.ended")
        return {claimed.subject_id for claimed in mine}

    kept = database.run(note)
    reached("label.committed")
    doubtful = {dispatch_id: label for dispatch_id, label in shown.items() if dispatch_id not in kept}
    for _ in range(MAX_LOOKS):
        if not doubtful:
            return
        with database.read() as session:
            present = history_repository.labels_of(session, sorted(doubtful))
        stale = [dispatch_id for dispatch_id, label in doubtful.items() if present[dispatch_id] != label]
        doubtful = _show(database, inbox, stale, reached)


def _show(
    database: Database, inbox: InboxDelivery, dispatch_ids: Sequence[int], reached: Reached
) -> dict[int, DispatchLabel]:
    with database.read() as session:
        labels = history_repository.labels_of(session, dispatch_ids)
    reached("label.read")
    for dispatch_id, label in labels.items():
        inbox.set_state(dispatch_id, label.state)
        if label.order_version > 1:
            inbox.set_title(dispatch_id, label.title)
    reached("label.shown")
    return labels
