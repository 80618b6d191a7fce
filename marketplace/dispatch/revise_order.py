"""An edit after approval: a new version of the order, offered to those who were not told yet."""

from kit.db import Session
from kit.errors import Conflict
from kit.ids import IdAllocator
from marketplace.dispatch import suppression_repository
from marketplace.dispatch.errors import OrderAlreadyAssigned
from marketplace.dispatch.locked_dispatch import decide, lock_dispatch, require_open
from marketplace.dispatch.machine import open_dispatch
from marketplace.dispatch.states import Revised
from marketplace.orders import read_order, replace_order
from matching.taxonomy import Taxonomy


class OrderChangedMeanwhile(Conflict):
    """Somebody else revised the order at the same moment."""

    def __init__(self, order_id: int) -> None:
        super().__init__(f"Order {order_id} was changed by somebody else meanwhile; read it again and repeat the edit.")


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
    """Replace an approved order's content; return its new version.

    Its next wave asks anew, full tier first, without those who were told already: they see the change in the order
    itself and get no second notification. Acceptances stay queued; external id and publisher stay what they were.
    Raises InvalidInput, DispatchNotFound, DispatchClosed, OrderAlreadyAssigned, OrderChangedMeanwhile.
    """
    order = read_order(document, taxonomy)
    locked = lock_dispatch(session, dispatch_id, owner, now_ms)
    if locked.woken.state.assigned is not None:
        raise OrderAlreadyAssigned(dispatch_id)
    require_open(locked)
    version = locked.row.state.order_version
    if not replace_order(session, order_id=locked.row.order_id, version=version, order=order, now_ms=now_ms):
        raise OrderChangedMeanwhile(locked.row.order_id)
    opened = open_dispatch(locked.policy, now_ms=locked.row.created_at_ms, expires_at_ms=order.expires_at_ms)
    event = Revised(version + 1, opened.expires_at_ms)
    if locked.row.state.set_aside:
        suppression_repository.settle(session, [dispatch_id])
    decide(session, ids, locked, event, actor=actor, reason=f"version {version + 1}", now_ms=now_ms)
    return version + 1
