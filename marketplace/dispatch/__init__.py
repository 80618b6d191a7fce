"""Dispatch: from an approved order to a receiver.

A pure machine (machine.py) decides; one handler of background work wakes it, asks a CandidateSource, commits waves.
"""

from marketplace.dispatch.accept_offers import MAX_ANSWERS, accept_offer, accept_offers
from marketplace.dispatch.apply_decisions import LABEL_WORK
from marketplace.dispatch.attention import Attention
from marketplace.dispatch.cancel_dispatch import cancel_dispatch
from marketplace.dispatch.count_fairness import (
    ELIGIBILITY_WORK,
    count_offers,
    fairness_of,
    list_fairness,
    sample_eligibility,
)
from marketplace.dispatch.decline_offer import decline_offer
from marketplace.dispatch.deliver_waves import deliver_waves, show_labels
from marketplace.dispatch.funnel_repository import funnel, timeline
from marketplace.dispatch.history_repository import UserNotice, iterate_wave_chunks, labels_of, waves_of_user
from marketplace.dispatch.invariants import broken_invariants
from marketplace.dispatch.list_repository import (
    count_by_state,
    get_dispatch,
    list_dispatches,
    require_dispatch,
    unmatchable_orders,
)
from marketplace.dispatch.notify_users import USER_NOTICE_WORK, WAVE_NOTICE_WORK, notify_users, notify_waves
from marketplace.dispatch.offer_repository import answers_of_user, list_offers, list_waves, notification_of
from marketplace.dispatch.policies import DEFAULT, POLICIES, WHOLE_TIER, Policy, demonstration_policy
from marketplace.dispatch.publish_policy import get_policy, list_policies, list_policy_versions, publish_policy
from marketplace.dispatch.replay_dispatch import replan_dispatch, replay_dispatch
from marketplace.dispatch.revise_order import revise_order
from marketplace.dispatch.run_due_dispatches import DELIVERY_WORK, run_due_dispatches
from marketplace.dispatch.select_acceptor import confirm_assignment, fail_assignment, select_acceptor
from marketplace.dispatch.select_acceptors import select_acceptors
from marketplace.dispatch.submit_orders import DISPATCH_WORK, submit_orders
from marketplace.dispatch.suppression_repository import suppression_counts, suppressions_of
from marketplace.dispatch.withdraw_acceptance import withdraw_acceptance

__all__ = [
    "DEFAULT",
    "DELIVERY_WORK",
    "DISPATCH_WORK",
    "ELIGIBILITY_WORK",
    "LABEL_WORK",
    "MAX_ANSWERS",
    "POLICIES",
    "USER_NOTICE_WORK",
    "WAVE_NOTICE_WORK",
    "WHOLE_TIER",
    "Attention",
    "Policy",
    "UserNotice",
    "accept_offer",
    "accept_offers",
    "answers_of_user",
    "broken_invariants",
    "cancel_dispatch",
    "confirm_assignment",
    "count_by_state",
    "count_offers",
    "decline_offer",
    "deliver_waves",
    "demonstration_policy",
    "fail_assignment",
    "fairness_of",
    "funnel",
    "get_dispatch",
    "get_policy",
    "iterate_wave_chunks",
    "labels_of",
    "list_dispatches",
    "list_fairness",
    "list_offers",
    "list_policies",
    "list_policy_versions",
    "list_waves",
    "notification_of",
    "notify_users",
    "notify_waves",
    "publish_policy",
    "replan_dispatch",
    "replay_dispatch",
    "require_dispatch",
    "revise_order",
    "run_due_dispatches",
    "sample_eligibility",
    "select_acceptor",
    "select_acceptors",
    "show_labels",
    "submit_orders",
    "suppression_counts",
    "suppressions_of",
    "timeline",
    "unmatchable_orders",
    "waves_of_user",
    "withdraw_acceptance",
]
