"""Takes approved orders in: order, dispatch and work row in one transaction, an answer for each."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from kit.db import Session
from kit.errors import InvalidInput
from kit.ids import IdAllocator
from kit.work import NewWork, enqueue
from marketplace.access import Caller
from marketplace.dispatch import dispatch_repository as repository
from marketplace.dispatch.crash_points import Reached, passing_by
from marketplace.dispatch.dispatch_repository import DispatchRow, StoredPolicy
from marketplace.dispatch.errors import UnknownPolicy
from marketplace.dispatch.machine import open_dispatch
from marketplace.dispatch.publish_policy import policies_named
from marketplace.dispatch.views import SubmitAnswer
from marketplace.orders import RecordedOrder, SubmittedOrder, read_orders, record_orders, with_internal_exclusions
from matching.taxonomy import Taxonomy

DISPATCH_WORK: Final = "dispatch"
DEFAULT_POLICY: Final = "default"


def submit_orders(
    session: Session,
    ids: IdAllocator,
    *,
    caller: Caller,
    documents: Sequence[object],
    taxonomy: Taxonomy,
    policy: str | None = None,
    now_ms: int,
    reached: Reached = passing_by,
) -> list[SubmitAnswer]:
    """Keep up to 1,000 approved orders and open a dispatch for each good one; answer for all, in order.

    A document holds the key information of matching plus ``id`` (the backend's own, optional), ``title``,
    ``description``, ``publisher``, ``policy``, ``expires_at_ms``, ``confirmed_reach``. A bad one gets a sentence and
    stops nobody else; an external id that was used before answers with the dispatch that it has.
    ``policy`` is for documents that name none. Raises TooManyOrders.
    """
    checked = read_orders(with_internal_exclusions(session, caller.owner, documents), taxonomy)
    names = {order.policy or policy or DEFAULT_POLICY for order in checked if isinstance(order, SubmittedOrder)}
    policies = policies_named(session, ids, names, now_ms) if names else {}
    submitted = [_fitting(order, policies, policy or DEFAULT_POLICY, now_ms) for order in checked]
    recorded = record_orders(session, ids, owner=caller.owner, submitted=submitted, now_ms=now_ms)
    reached("submit.orders_recorded")
    created = [each for each in recorded if each.status == "created"]
    dispatch_ids = dict(zip((each.index for each in created), ids.take(len(created)) if created else (), strict=True))
    rows = [
        _row(each, dispatch_ids[each.index], caller.owner, policies, policy or DEFAULT_POLICY, now_ms)
        for each in created
    ]
    if rows:
        repository.insert_dispatches(session, rows)
        reached("submit.dispatches_opened")
        enqueue(session, ids, [NewWork(DISPATCH_WORK, row.dispatch_id, now_ms) for row in rows], now_ms)
        reached("submit.work_enqueued")
    opened = {row.order_id: row.dispatch_id for row in rows}
    before = [each.order_id for each in recorded if each.status == "duplicate" and each.order_id not in opened]
    known = repository.dispatches_of_orders(session, sorted({order_id for order_id in before if order_id is not None}))
    return [_answer(each, {**known, **opened}) for each in recorded]


def _fitting(
    order: SubmittedOrder | InvalidInput,
    policies: dict[str, StoredPolicy | UnknownPolicy],
    fallback: str,
    now_ms: int,
) -> SubmittedOrder | InvalidInput:
    """Check what depends on the policy and on the time."""
    if isinstance(order, InvalidInput):
        return order
    stored = policies[order.policy or fallback]
    if isinstance(stored, UnknownPolicy):
        return stored
    if stored.policy.needs_reach_confirmation and order.confirmed_reach is None:
        return InvalidInput(
            "confirmed_reach",
            None,
            f"is needed by policy {stored.policy.name}; say how many users may be told at once.",
            show_value=False,
        )
    if order.expires_at_ms is not None and order.expires_at_ms <= now_ms:
        return InvalidInput("expires_at_ms", order.expires_at_ms, "is over already; it must lie in the future.")
    return order


def _row(
    recorded: RecordedOrder,
    dispatch_id: int,
    owner: str,
    policies: dict[str, StoredPolicy | UnknownPolicy],
    fallback: str,
    now_ms: int,
) -> DispatchRow:
    order = recorded.order
    if order is None or recorded.order_id is None:
        raise ValueError("a created order carries its document and its id")
    stored = policies[order.policy or fallback]
    if isinstance(stored, UnknownPolicy):
        raise stored
    state = open_dispatch(stored.policy, now_ms=now_ms, expires_at_ms=order.expires_at_ms)
    return DispatchRow(
        dispatch_id=dispatch_id,
        order_id=recorded.order_id,
        owner=owner,
        publisher_user_id=recorded.publisher_user_id,
        policy_id=stored.policy_id,
        version=1,
        state=state if order.confirmed_reach is None else replace(state, confirmed_reach=order.confirmed_reach),
        due_at_ms=now_ms,
        created_at_ms=now_ms,
        changed_at_ms=now_ms,
    )


def _answer(recorded: RecordedOrder, dispatch_ids: dict[int, int]) -> SubmitAnswer:
    if recorded.status == "error" or recorded.order_id is None:
        refusal = "the order was refused" if recorded.error is None else recorded.error.sentence
        return SubmitAnswer(recorded.index, "error", sentence=refusal, error=recorded.error)
    sentence: str | None = None
    if recorded.status == "duplicate" and not recorded.same_content:
        sentence = (
            f"order {recorded.external_id} was submitted before with other content, which stays in force; give the"
            " changed order another id"
        )
    dispatch_id = dispatch_ids.get(recorded.order_id)
    return SubmitAnswer(recorded.index, recorded.status, dispatch_id, recorded.order_id, recorded.external_id, sentence)
