"""Rows of webhooks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, select, update

from kit.db import Session, insert_many, lock_rows
from marketplace.webhooks.event_kinds import EventKind
from marketplace.webhooks.tables import webhook
from marketplace.webhooks.views import WebhookView

MAX_OWNERS: Final = 100_000


@dataclass(frozen=True, slots=True)
class SealedSecrets:
    """The secrets of a webhook as they are stored."""

    current: str
    previous: str | None
    previous_until_ms: int | None


def insert_webhook(session: Session, view: WebhookView, sealed: str) -> None:
    """Insert a webhook."""
    insert_many(
        session,
        webhook,
        [
            {
                "id": view.webhook_id,
                "owner": view.owner,
                "url": view.url,
                "description": view.description,
                "kinds": joined(view.kinds),
                "active": int(view.active),
                "off_reason": view.off_reason,
                "secret": sealed,
                "previous_secret": None,
                "previous_until_ms": None,
                "failing_since_ms": None,
                "created_at_ms": view.created_at_ms,
                "changed_at_ms": view.changed_at_ms,
                "deleted_at_ms": None,
            }
        ],
    )


def webhooks_of(session: Session, owners: Sequence[str]) -> list[WebhookView]:
    """Return the webhooks of these owners (at most 900), oldest first."""
    rows = session.execute(
        select(webhook).where(webhook.c.owner.in_(owners), webhook.c.deleted_at_ms.is_(None)).order_by(webhook.c.id)
    )
    return [_view(row) for row in rows]


def find_webhook(session: Session, webhook_id: int) -> WebhookView | None:
    """Return one webhook, None when there is none or it was deleted."""
    row = session.execute(
        select(webhook).where(webhook.c.id == webhook_id, webhook.c.deleted_at_ms.is_(None))
    ).one_or_none()
    return None if row is None else _view(row)


def lock_webhook(session: Session, webhook_id: int) -> WebhookView | None:
    """Return one webhook and lock it until the commit."""
    row = lock_rows(
        session, select(webhook).where(webhook.c.id == webhook_id, webhook.c.deleted_at_ms.is_(None))
    ).one_or_none()
    return None if row is None else _view(row)


def sealed_secrets(session: Session, webhook_ids: Sequence[int]) -> dict[int, SealedSecrets]:
    """Return the sealed secrets of webhooks (at most 900)."""
    rows = session.execute(
        select(webhook.c.id, webhook.c.secret, webhook.c.previous_secret, webhook.c.previous_until_ms).where(
            webhook.c.id.in_(webhook_ids)
        )
    )
    return {row.id: SealedSecrets(row.secret, row.previous_secret, row.previous_until_ms) for row in rows}


def change_webhook(session: Session, webhook_id: int, values: Mapping[str, Any], now_ms: int) -> None:
    """Set columns of a webhook."""
    session.execute(update(webhook).where(webhook.c.id == webhook_id).values(changed_at_ms=now_ms, **values))


def note_failing(session: Session, webhook_id: int, since_ms: int | None) -> None:
    """Note since when a webhook fails; the first failure counts. None: it took a delivery."""
    row = webhook.c
    unchanged = row.failing_since_ms.is_(None) if since_ms is not None else row.failing_since_ms.is_not(None)
    session.execute(update(webhook).where(row.id == webhook_id, unchanged).values(failing_since_ms=since_ms))


def turn_off(session: Session, webhook_id: int, reason: str, now_ms: int) -> bool:
    """Turn a webhook off; False when it was off already."""
    return (
        session.execute(
            update(webhook)
            .where(webhook.c.id == webhook_id, webhook.c.active == 1)
            .values(active=0, off_reason=reason, changed_at_ms=now_ms)
        ).rowcount
        == 1
    )


def listening_owners(session: Session) -> dict[str, frozenset[str]]:
    """Return which kinds each owner with webhooks that are on wants to be told of."""
    rows = session.execute(
        select(webhook.c.owner, webhook.c.kinds)
        .where(webhook.c.active == 1, webhook.c.deleted_at_ms.is_(None))
        .order_by(webhook.c.owner)
        .limit(MAX_OWNERS)
    )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row.owner, set()).update(row.kinds.split())
    return {owner: frozenset(kinds) for owner, kinds in found.items()}


def deleted_webhooks(session: Session, limit: int) -> list[int]:
    """Return webhooks that were deleted and are not yet swept."""
    query = select(webhook.c.id).where(webhook.c.deleted_at_ms.is_not(None)).order_by(webhook.c.deleted_at_ms)
    return list(session.execute(query.limit(limit)).scalars())


def remove_webhook(session: Session, webhook_id: int) -> None:
    """Remove the row of a deleted webhook."""
    session.execute(webhook.delete().where(webhook.c.id == webhook_id))


def joined(kinds: frozenset[EventKind]) -> str:
    """Return kinds as they are stored."""
    return " ".join(sorted(kinds))


def _view(row: Row[Any]) -> WebhookView:
    return WebhookView(
        webhook_id=row.id,
        owner=row.owner,
        url=row.url,
        description=row.description,
        kinds=frozenset(EventKind(kind) for kind in row.kinds.split()),
        active=bool(row.active),
        off_reason=row.off_reason,
        previous_secret_until_ms=row.previous_until_ms,
        failing_since_ms=row.failing_since_ms,
        created_at_ms=row.created_at_ms,
        changed_at_ms=row.changed_at_ms,
    )
