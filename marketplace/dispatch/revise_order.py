"""An edit after approval: a new version of the order, offered to those who were not told yet."""

from typing import Final

from kit.db import Session
from kit.errors import Conflict, InvalidInput
from kit.ids import IdAllocator
from kit.work import NewWork, enqueue
from marketplace.dispatch import suppression_repository
from marketplace.dispatch.apply_decisions import LABEL_WORK
from marketplace.dispatch.errors import OrderAlreadyAssigned
from marketplace.dispatch.locked_dispatch import decide, lock_dispatch, require_open
from marketplace.dispatch.machine import open_dispatch
from marketplace.dispatch.states import Revised
from marketplace.orders import (
    StoredOrder,
    SubmittedOrder,
    read_order,
    replace_order,
    stored_order,
    with_internal_exclusions,
)
from marketplace.users import find_user_ids
from matching.taxonomy import Taxonomy

MAX_ORDER_VERSION: Final = 1_000


class OrderChangedMeanwhile(Conflict):
    """Somebody else revised the order at the same moment."""

    def __init__(self, order_id: int) -> None:
        super().__init__(f"Order {order_id} was changed by somebody else meanwhile; read it again and repeat the edit.")


class RevisedTooOften(Conflict):
    """The order has as many versions as an order can have."""

    def __init__(self, order_id: int) -> None:
        super().__init__(f"Order {order_id} has {MAX_ORDER_VERSION:,} versions, which is the most; submit it anew.")


def revise_order(
    session: Session,
    ids: IdAllocator,
    *,
    dispatch_id: int,
    document: object,
    taxonomy: Taxonomy,
    owner: str | None = None,
    actor: str = "publisher",
    now_ms: int,
) -> int:
    """Replace an approved order's content by the whole new document; return its new version.

    Its next wave asks anew, full tier first, without those who were told already: they see the change in the order
    itself and get no second notification. Acceptances stay queued; external id, publisher and policy stay what they
    were. A ``confirmed_reach`` replaces the one before.
    Raises InvalidInput, DispatchNotFound, DispatchClosed, OrderAlreadyAssigned, OrderChangedMeanwhile, RevisedTooOften.
    """
    locked = lock_dispatch(session, dispatch_id, owner, now_ms)
    if locked.woken.state.assigned is not None:
        raise OrderAlreadyAssigned(dispatch_id)
    require_open(locked)
    row = locked.row
    order = read_order(with_internal_exclusions(session, row.owner, [document])[0], taxonomy)
    before = stored_order(session, row.order_id)
    _check_what_stays(session, before, order)
    if order.expires_at_ms is not None and order.expires_at_ms <= now_ms:
        raise InvalidInput("expires_at_ms", order.expires_at_ms, "is over already; it must lie in the future.")
    version = row.state.order_version
    if version >= MAX_ORDER_VERSION:
        raise RevisedTooOften(row.order_id)
    if not replace_order(session, order_id=row.order_id, version=version, order=order, now_ms=now_ms):
        raise OrderChangedMeanwhile(row.order_id)
    opened = open_dispatch(locked.policy, now_ms=row.created_at_ms, expires_at_ms=order.expires_at_ms)
    event = Revised(version + 1, opened.expires_at_ms, order.confirmed_reach)
    if row.state.set_aside:
        suppression_repository.settle(session, [dispatch_id])
    decide(session, ids, locked, event, actor=actor, reason=f"version {version + 1}", now_ms=now_ms)
    if row.state.waves and order.title != before.title:
        enqueue(session, ids, [NewWork(LABEL_WORK, dispatch_id, now_ms)], now_ms)
    return version + 1


def _check_what_stays(session: Session, before: StoredOrder, order: SubmittedOrder) -> None:
    """Refuse what a revision cannot change, instead of passing it over."""
    if order.external_id is not None and order.external_id != before.external_id:
        raise InvalidInput("id", order.external_id, "is not the id of this order, which stays; leave it out.")
    if order.policy is not None:
        raise InvalidInput("policy", order.policy, "cannot be changed: a dispatch keeps the policy that it began with.")
    if order.publisher is not None:
        known = find_user_ids(session, before.owner, [order.publisher]).get(order.publisher)
        if known is None or known != before.publisher_user_id:
            raise InvalidInput("publisher", order.publisher, "is not who published this order; leave it out.")
