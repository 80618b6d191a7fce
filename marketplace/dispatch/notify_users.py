"""The handlers of work kinds "notify_wave" and "notify_user": who wants it is notified beside the inbox."""

from collections.abc import Collection, Sequence
from typing import Final

from kit.db import Database, Session
from kit.ids import IdAllocator
from kit.work import Claimed, NewWork, complete, enqueue, hold
from marketplace.channels import Notification, NotificationKind, notify, wanted_kinds
from marketplace.dispatch import history_repository

WAVE_NOTICE_WORK: Final = "notify_wave"
"""Work kind: the users of one wave chunk who want it are notified of the offer."""
USER_NOTICE_WORK: Final = "notify_user"
"""Work kind: one user is notified of what happened to a dispatch."""


def enqueue_wave_notices(session: Session, ids: IdAllocator, wave_ids: Sequence[int], now_ms: int) -> None:
    """Let the users of new wave chunks be notified, if anybody at all wants that."""
    if wave_ids and NotificationKind.OFFER in wanted_kinds(session, now_ms):
        enqueue(session, ids, [NewWork(WAVE_NOTICE_WORK, wave_id, now_ms) for wave_id in wave_ids], now_ms)


def enqueue_user_notices(
    session: Session, ids: IdAllocator, notices: Sequence[tuple[int, NotificationKind, int]], now_ms: int
) -> None:
    """Let users be notified: (user, kind, dispatch) of what somebody at all wants to be notified of."""
    wanted = wanted_kinds(session, now_ms)
    works = [
        NewWork(
            USER_NOTICE_WORK,
            ids.next_id(),
            now_ms,
            {"user_id": user_id, "kind": kind.value, "dispatch_id": dispatch_id},
        )
        for user_id, kind, dispatch_id in notices
        if kind in wanted
    ]
    if works:
        enqueue(session, ids, works, now_ms)


def notify_waves(
    database: Database, ids: IdAllocator, claims: Sequence[Claimed], *, channels: Collection[str], now_ms: int
) -> None:
    """Write the messages for the claimed wave chunks, in one transaction with the end of the work.

    ``channels`` are those that this installation has.
    """
    with database.read() as session:
        chunks = history_repository.read_chunks(session, [claimed.subject_id for claimed in claims])
    offers = [
        Notification(user_id, NotificationKind.OFFER, chunk.entry.dispatch_id, chunk.entry.title)
        for chunk in chunks
        if chunk.entry.state == "open"
        for user_id in chunk.user_ids
    ]
    _write(database, ids, claims, offers, channels, now_ms)


def notify_users(
    database: Database, ids: IdAllocator, claims: Sequence[Claimed], *, channels: Collection[str], now_ms: int
) -> None:
    """Write the messages for what happened to single users, as ``notify_waves`` does."""
    dispatch_ids = [int(claimed.payload["dispatch_id"]) for claimed in claims]
    with database.read() as session:
        labels = history_repository.labels_of(session, sorted(set(dispatch_ids)))
    notices = [
        Notification(
            int(claimed.payload["user_id"]),
            NotificationKind(claimed.payload["kind"]),
            dispatch_id,
            labels[dispatch_id].title,
        )
        for claimed, dispatch_id in zip(claims, dispatch_ids, strict=True)
        if dispatch_id in labels
    ]
    _write(database, ids, claims, notices, channels, now_ms)


def _write(
    database: Database,
    ids: IdAllocator,
    claims: Sequence[Claimed],
    notices: Sequence[Notification],
    channels: Collection[str],
    now_ms: int,
) -> None:
    def write(session: Session) -> None:
        mine = hold(session, claims)
        # A claim of ours that is lost belongs to somebody who writes the same messages.
        if len(mine) == len(claims):
            notify(session, ids, notices, channels=channels, now_ms=now_ms)
            complete(session, mine)

    database.run(write)
