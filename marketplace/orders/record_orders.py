"""Keeps submitted orders, each once, with an answer for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from kit.db import Session
from kit.errors import InvalidInput, TooLarge
from kit.ids import IdAllocator
from marketplace.orders import repository
from marketplace.orders.order_documents import SubmittedOrder, read_order
from marketplace.users import find_user_ids, user_ids_for
from matching.taxonomy import Taxonomy

MAX_ORDERS: Final = 1_000


class TooManyOrders(TooLarge):
    """A batch of orders above the bound."""

    def __init__(self, given: int) -> None:
        super().__init__(f"{given} orders in one request are too many; send at most {MAX_ORDERS:,} at a time.")


@dataclass(frozen=True, slots=True)
class RecordedOrder:
    """What became of one submitted order.

    created: ``order_id`` and ``order`` are set. duplicate: ``order_id`` is the order that was there before, and
    ``same_content`` says whether it came in with the same words. error: ``error`` says why it was refused.
    """

    index: int
    status: Literal["created", "duplicate", "error"]
    external_id: str | None = None
    order_id: int | None = None
    publisher_user_id: int | None = None
    order: SubmittedOrder | None = None
    same_content: bool = True
    error: InvalidInput | None = None


def read_orders(documents: Sequence[object], taxonomy: Taxonomy) -> list[SubmittedOrder | InvalidInput]:
    """Check every document by itself. Raises TooManyOrders above 1,000."""
    if len(documents) > MAX_ORDERS:
        raise TooManyOrders(len(documents))
    return [_read(document, taxonomy) for document in documents]


def _read(document: object, taxonomy: Taxonomy) -> SubmittedOrder | InvalidInput:
    try:
        return read_order(document, taxonomy)
    except InvalidInput as error:
        return error


def record_orders(
    session: Session,
    ids: IdAllocator,
    *,
    owner: str,
    submitted: Sequence[SubmittedOrder | InvalidInput],
    now_ms: int,
) -> list[RecordedOrder]:
    """Keep the good ones, answer for all, in order. An external id that the owner used before is a duplicate."""
    good = [(index, order) for index, order in enumerate(submitted) if isinstance(order, SubmittedOrder)]
    # The first place of each id: later ones overwrite, so from the back.
    first_with = {order.external_id: index for index, order in reversed(good) if order.external_id is not None}
    fresh = {
        index: order for index, order in good if order.external_id is None or first_with[order.external_id] == index
    }
    given = dict(zip(fresh, ids.take(len(fresh)), strict=True)) if fresh else {}
    publishers = _publishers(session, ids, owner, list(fresh.values()), now_ms)
    rows = [_row(given[index], owner, order, publishers, now_ms) for index, order in fresh.items()]
    # Written before it is asked whether they are known: mostly none is, and only the insert decides it.
    if rows and repository.insert_orders(session, rows) < len(rows):
        known = repository.known_orders(session, owner, list(first_with))
    else:
        known = {
            external_id: repository.KnownOrder(given[index], fresh[index].body_hash)
            for external_id, index in first_with.items()
        }
    return [_answer(index, order, given.get(index), known, publishers) for index, order in enumerate(submitted)]


def _publishers(
    session: Session, ids: IdAllocator, owner: str, fresh: Sequence[SubmittedOrder], now_ms: int
) -> dict[str, int]:
    names = list(dict.fromkeys(order.publisher for order in fresh if order.publisher is not None))
    return user_ids_for(session, ids, owner, names, now_ms=now_ms) if names else {}


def _answer(
    index: int,
    order: SubmittedOrder | InvalidInput,
    given_id: int | None,
    known: dict[str, repository.KnownOrder],
    publishers: dict[str, int],
) -> RecordedOrder:
    if isinstance(order, InvalidInput):
        return RecordedOrder(index, "error", error=order)
    publisher = None if order.publisher is None else publishers.get(order.publisher)
    if order.external_id is None:
        return RecordedOrder(index, "created", None, given_id, publisher, order)
    stored = known[order.external_id]
    if stored.order_id == given_id:
        return RecordedOrder(index, "created", order.external_id, given_id, publisher, order)
    same = stored.body_hash == order.body_hash
    return RecordedOrder(index, "duplicate", order.external_id, stored.order_id, None, order, same)


def _row(order_id: int, owner: str, order: SubmittedOrder, publishers: dict[str, int], now_ms: int) -> dict[str, Any]:
    return {
        "id": order_id,
        "owner": owner,
        "external_id": order.external_id,
        "version": 1,
        "title": order.title,
        "description": order.description,
        "publisher_user_id": None if order.publisher is None else publishers[order.publisher],
        "document": order.document_json(order_id),
        "body_hash": order.body_hash,
        "expires_at_ms": order.expires_at_ms,
        "created_at_ms": now_ms,
        "changed_at_ms": now_ms,
    }


def with_internal_exclusions(session: Session, owner: str, documents: Sequence[object]) -> list[object]:
    """Return the documents with the backend's user ids in ``exclude`` made internal; unknown users drop out.

    A list that is no list of ids stays as it is, for the check of the document to refuse.
    """
    wanted: dict[str, None] = {}
    for document in documents:
        for entry in _excluded(document):
            wanted[str(entry)] = None
    if not wanted:
        return list(documents)
    known = find_user_ids(session, owner, list(wanted))
    return [_translated(document, known) for document in documents]


def _excluded(document: object) -> list[Any]:
    given = document.get("exclude") if isinstance(document, dict) else None
    if not isinstance(given, list) or len(given) > 100_000:
        return []
    if any(isinstance(entry, bool) or not isinstance(entry, str | int) for entry in given):
        return []
    return given


def _translated(document: object, known: dict[str, int]) -> object:
    given = _excluded(document)
    if not given or not isinstance(document, dict):
        return document
    return {**document, "exclude": sorted({known[str(entry)] for entry in given if str(entry) in known})}
