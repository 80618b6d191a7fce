"""List a user's inbox: Redis first; the waves in the database where Redis is away, being rebuilt, or too short."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

from kit.db import Session
from kit.errors import InvalidInput, Unavailable
from marketplace.inbox import repository
from marketplace.inbox.entries import ENTRIES_PER_USER, OPEN_STATE, InboxEntry, InboxPage, StoredEntry
from marketplace.inbox.ports import UserNotice, WaveHistory
from marketplace.inbox.redis_store import InboxStore, UserEntries

MAX_PAGE: Final = 100

Labels = Callable[[Sequence[int]], Mapping[int, tuple[str, str]]]


def list_inbox(
    session: Session,
    store: InboxStore | None,
    history: WaveHistory,
    *,
    user_id: int,
    cursor: int | None = None,
    limit: int = 20,
    now_ms: int,
) -> InboxPage:
    """Return up to ``limit`` (1..100) offers older than ``cursor`` (an event id, None: from the newest).

    Raises InvalidInput for a limit or cursor out of range; never fails for want of Redis.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidInput("limit", limit, f"must be 1 to {MAX_PAGE}")
    if cursor is not None and not 1 <= cursor < 1 << 53:
        raise InvalidInput("cursor", cursor, "must be the cursor that the page before gave")
    hot = read_hot(store, user_id)
    if hot is None:
        return _from_database(session, history, user_id, cursor, limit, now_ms)
    return _from_redis(session, store, history, hot, user_id, cursor, limit, now_ms)


def read_hot(store: InboxStore | None, user_id: int) -> UserEntries | None:
    """Return what Redis knows of a user, None when it cannot tell now."""
    if store is None:
        return None
    try:
        return store.read_all(user_id)
    except Unavailable:
        return None


def stored_of(notice: UserNotice) -> StoredEntry:
    """Return an offer of the waves as an entry without its label."""
    entry = notice.entry
    return StoredEntry(
        entry.event_id,
        entry.dispatch_id,
        entry.tier,
        entry.wave,
        notice.score,
        entry.notified_at_ms,
        entry.expires_at_ms,
    )


def _from_redis(
    session: Session,
    store: InboxStore | None,
    history: WaveHistory,
    hot: UserEntries,
    user_id: int,
    cursor: int | None,
    limit: int,
    now_ms: int,
) -> InboxPage:
    opened = repository.opened_by(session, user_id, [entry.dispatch_id for entry in hot.entries])
    unread = sum(entry.dispatch_id not in opened for entry in hot.entries)
    older = [entry for entry in hot.entries if cursor is None or entry.event_id < cursor]
    if len(older) > limit or hot.complete:
        page, more = older[:limit], len(older) > limit
        labels = _labels(session, store, history, [entry.dispatch_id for entry in page])
        return _page(page, labels, opened, unread, more=more, now_ms=now_ms, source="redis")
    # Redis keeps the newest 100 only; this page reaches beyond them.
    notices = history.waves_of_user(session, user_id, before_event_id=cursor, limit=limit + 1)
    return _page_of_notices(session, notices, user_id, limit, unread, now_ms, "redis")


def _from_database(
    session: Session, history: WaveHistory, user_id: int, cursor: int | None, limit: int, now_ms: int
) -> InboxPage:
    newest = history.waves_of_user(session, user_id, before_event_id=None, limit=ENTRIES_PER_USER)
    opened = repository.opened_by(session, user_id, [notice.entry.dispatch_id for notice in newest])
    unread = sum(notice.entry.dispatch_id not in opened for notice in newest)
    notices = [notice for notice in newest if cursor is None or notice.entry.event_id < cursor]
    if len(notices) <= limit and len(newest) == ENTRIES_PER_USER:
        notices = list(history.waves_of_user(session, user_id, before_event_id=cursor, limit=limit + 1))
    return _page_of_notices(session, notices, user_id, limit, unread, now_ms, "database")


def _page_of_notices(
    session: Session,
    notices: Sequence[UserNotice],
    user_id: int,
    limit: int,
    unread: int,
    now_ms: int,
    source: Literal["redis", "database"],
) -> InboxPage:
    page = [stored_of(notice) for notice in notices[:limit]]
    labels = {notice.entry.dispatch_id: (notice.entry.title, notice.entry.state) for notice in notices[:limit]}
    opened = repository.opened_by(session, user_id, list(labels))
    return _page(page, labels, opened, unread, more=len(notices) > limit, now_ms=now_ms, source=source)


def _labels(
    session: Session, store: InboxStore | None, history: WaveHistory, dispatch_ids: Sequence[int]
) -> dict[int, tuple[str, str]]:
    labels: dict[int, tuple[str, str]] = {}
    if store is not None:
        try:
            labels = store.labels(dispatch_ids)
        except Unavailable:
            labels = {}
    missing = [each for each in dispatch_ids if each not in labels]
    if missing:
        found = history.labels_of(session, missing)
        labels.update((each, (label.title, label.state)) for each, label in found.items())
    return labels


def _page(
    page: Sequence[StoredEntry],
    labels: Mapping[int, tuple[str, str]],
    opened: set[int],
    unread: int,
    *,
    more: bool,
    now_ms: int,
    source: Literal["redis", "database"],
) -> InboxPage:
    entries = []
    for entry in page:
        title, state = labels.get(entry.dispatch_id, ("", OPEN_STATE))
        entries.append(
            InboxEntry(
                entry.event_id,
                entry.dispatch_id,
                title,
                entry.tier,
                entry.wave,
                entry.score,
                entry.notified_at_ms,
                entry.expires_at_ms,
                state,
                entry.expires_at_ms <= now_ms,
                entry.dispatch_id in opened,
            )
        )
    cursor = entries[-1].event_id if entries and more else None
    return InboxPage(entries, cursor, unread, source)
