"""Orders: what publishers want done, checked and kept once.

Submitting is a use case of ``marketplace.dispatch`` (it opens the dispatch in the same transaction).
"""

from marketplace.orders.order_documents import MAX_POLICY_REFERENCE, SubmittedOrder, read_order
from marketplace.orders.record_orders import (
    MAX_ORDERS,
    RecordedOrder,
    TooManyOrders,
    read_orders,
    record_orders,
    with_internal_exclusions,
)
from marketplace.orders.repository import (
    StoredOrder,
    external_ids_of,
    replace_order,
    stored_documents,
    stored_order,
)

__all__ = [
    "MAX_ORDERS",
    "MAX_POLICY_REFERENCE",
    "RecordedOrder",
    "StoredOrder",
    "SubmittedOrder",
    "TooManyOrders",
    "external_ids_of",
    "read_order",
    "read_orders",
    "record_orders",
    "replace_order",
    "stored_documents",
    "stored_order",
    "with_internal_exclusions",
]
