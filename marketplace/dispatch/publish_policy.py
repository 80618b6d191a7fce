"""Makes policies into rows: a policy that differs from its newest version becomes the next version."""

from kit.db import Session
from kit.errors import Unavailable
from kit.ids import IdAllocator
from marketplace.dispatch import dispatch_repository as repository
from marketplace.dispatch.dispatch_repository import StoredPolicy
from marketplace.dispatch.errors import UnknownPolicy
from marketplace.dispatch.policies import POLICIES, Policy


class PolicyContended(Unavailable):
    """Others published the same policy at the same moment; the next try sees theirs."""


def publish_policy(session: Session, ids: IdAllocator, *, policy: Policy, now_ms: int) -> StoredPolicy:
    """Return the stored version of ``policy``, writing a new version when the newest one differs."""
    for _ in range(3):
        newest = repository.newest_policies(session, [policy.name]).get(policy.name)
        if newest is not None and newest.policy == policy:
            return newest
        version = 1 if newest is None else newest.version + 1
        policy_id = ids.next_id()
        if repository.insert_policy(session, policy_id, version, policy, now_ms):
            return StoredPolicy(policy_id, version, policy)
    raise PolicyContended(f"policy {policy.name} is being changed by others: try again", 1)


def policies_named(
    session: Session, ids: IdAllocator, names: set[str], now_ms: int
) -> dict[str, StoredPolicy | UnknownPolicy]:
    """Return the newest version of each named policy; built-in ones become rows when they are first used."""
    stored = repository.newest_policies(session, sorted(names))
    found: dict[str, StoredPolicy | UnknownPolicy] = {}
    for name in sorted(names):
        if name in stored:
            found[name] = stored[name]
        elif name in POLICIES:
            found[name] = publish_policy(session, ids, policy=POLICIES[name], now_ms=now_ms)
        else:
            known = {*POLICIES, *repository.newest_policies(session)}
            found[name] = UnknownPolicy(name, sorted(known))
    return found


def list_policies(session: Session) -> dict[str, Policy]:
    """Return the policies that an order can name, by name, in their newest version."""
    stored = {name: each.policy for name, each in repository.newest_policies(session).items()}
    return {**POLICIES, **stored}
