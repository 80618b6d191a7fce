"""Rows of orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, bindparam, select, update

from kit.db import Session, insert_if_absent
from marketplace.orders.order_documents import SubmittedOrder
from marketplace.orders.tables import orders

_IN_AT_MOST = 900


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """An order as it is kept; ``document_json`` is its validated key information."""

    order_id: int
    owner: str
    external_id: str | None
    version: int
    title: str
    description: str
    publisher_user_id: int | None
    document_json: str
    body_hash: bytes
    expires_at_ms: int | None
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """An order that the owner has submitted before."""

    order_id: int
    body_hash: bytes


_KNOWN: Final = select(orders.c.external_id, orders.c.id, orders.c.body_hash).where(
    orders.c.owner == bindparam("of_owner"), orders.c.external_id.in_(bindparam("among", expanding=True))
)


def known_orders(session: Session, owner: str, external_ids: Sequence[str]) -> dict[str, KnownOrder]:
    """Return the owner's orders among these external ids."""
    found: dict[str, KnownOrder] = {}
    for start in range(0, len(external_ids), _IN_AT_MOST):
        part = external_ids[start : start + _IN_AT_MOST]
        rows = session.execute(_KNOWN, {"of_owner": owner, "among": part})
        found.update({row.external_id: KnownOrder(row.id, bytes(row.body_hash)) for row in rows})
    return found


def insert_orders(session: Session, rows: Sequence[dict[str, Any]]) -> int:
    """Insert orders whose (owner, external id) is free; return how many were."""
    return insert_if_absent(session, orders, rows)


def read_orders(session: Session, order_ids: Sequence[int]) -> dict[int, StoredOrder]:
    """Return the orders with these ids, at most 900."""
    rows = session.execute(select(orders).where(orders.c.id.in_(order_ids)))
    return {row.id: _stored(row) for row in rows}


def stored_order(session: Session, order_id: int) -> StoredOrder:
    """Return one order, which exists."""
    return read_orders(session, [order_id])[order_id]


def replace_order(session: Session, *, order_id: int, version: int, order: SubmittedOrder, now_ms: int) -> bool:
    """Write ``order`` as the next version over ``version``; False when somebody else was faster."""
    result = session.execute(
        update(orders)
        .where(orders.c.id == order_id, orders.c.version == version)
        .values(
            version=version + 1,
            title=order.title,
            description=order.description,
            document=order.document_json(order_id),
            body_hash=order.body_hash,
            expires_at_ms=order.expires_at_ms,
            changed_at_ms=now_ms,
        )
    )
    return result.rowcount == 1


def _stored(row: Row[Any]) -> StoredOrder:
    return StoredOrder(
        order_id=row.id,
        owner=row.owner,
        external_id=row.external_id,
        version=row.version,
        title=row.title,
        description=row.description,
        publisher_user_id=row.publisher_user_id,
        document_json=row.document,
        body_hash=bytes(row.body_hash),
        expires_at_ms=row.expires_at_ms,
        created_at_ms=row.created_at_ms,
    )


def stored_documents(session: Session, order_ids: Sequence[int]) -> dict[int, str]:
    """Return the validated key information of each order, as text, at most 900 orders."""
    rows = session.execute(select(orders.c.id, orders.c.document).where(orders.c.id.in_(order_ids)))
    return {row.id: row.document for row in rows}


def external_ids_of(session: Session, order_ids: Sequence[int]) -> dict[int, str | None]:
    """Return the owner's own id of each order, None where it gave none."""
    found: dict[int, str | None] = {}
    for start in range(0, len(order_ids), _IN_AT_MOST):
        part = order_ids[start : start + _IN_AT_MOST]
        rows = session.execute(select(orders.c.id, orders.c.external_id).where(orders.c.id.in_(part)))
        found.update((row.id, row.external_id) for row in rows)
    return found
