"""Makes policies into rows: a policy that differs from its newest version becomes the next version."""

from collections.abc import Collection
from typing import Final

from kit.db import Session
from kit.errors import Conflict, NotFound, Unavailable
from kit.ids import IdAllocator
from marketplace.dispatch import dispatch_repository as repository
from marketplace.dispatch.dispatch_repository import StoredPolicy
from marketplace.dispatch.errors import UnknownPolicy, UnknownPolicyVersion
from marketplace.dispatch.policies import POLICIES, Policy
from marketplace.dispatch.views import PolicyView

MAX_VERSIONS: Final = 30_000
SHOWN_VERSIONS: Final = 1_000
VERSION_MARK: Final = ":"


class PolicyContended(Unavailable):
    """Others published the same policy at the same moment; the next try sees theirs."""


class PolicyNotFound(NotFound):
    """No such policy, or no such version of it."""

    def __init__(self, reference: str) -> None:
        super().__init__(f"There is no policy {reference[:80]}; list the policies to see which there are.")


class NoVersionsLeft(Conflict):
    """The policy was changed so often that its versions are used up."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Policy {name} has {MAX_VERSIONS:,} versions, which is the most; publish under another name.")


def publish_policy(session: Session, ids: IdAllocator, *, policy: Policy, now_ms: int) -> StoredPolicy:
    """Return the stored version of ``policy``, writing a new version when the newest one differs.

    Raises NoVersionsLeft, PolicyContended.
    """
    for _ in range(3):
        newest = repository.newest_policies(session, [policy.name]).get(policy.name)
        if newest is not None and newest.policy == policy:
            return newest
        version = 1 if newest is None else newest.version + 1
        if version > MAX_VERSIONS:
            raise NoVersionsLeft(policy.name)
        policy_id = ids.next_id()
        if repository.insert_policy(session, policy_id, version, policy, now_ms):
            return StoredPolicy(policy_id, version, policy, now_ms, is_new=True)
    raise PolicyContended(f"policy {policy.name} is being changed by others: try again", 1)


def policies_named(
    session: Session, ids: IdAllocator, references: Collection[str], now_ms: int
) -> dict[str, StoredPolicy | UnknownPolicy]:
    """Return the policy behind each reference: a name for the newest version, or name:version.

    Built-in ones become rows when they are first used.
    """
    named = {reference: reference.partition(VERSION_MARK) for reference in sorted(references)}
    newest = repository.newest_policies(session, sorted({name for name, _, _ in named.values()}))
    found: dict[str, StoredPolicy | UnknownPolicy] = {}
    for reference, (name, mark, version) in named.items():
        if name not in newest and name in POLICIES:
            newest[name] = publish_policy(session, ids, policy=POLICIES[name], now_ms=now_ms)
        if name not in newest:
            known = {*POLICIES, *repository.newest_policies(session)}
            found[reference] = UnknownPolicy(reference, sorted(known))
        elif mark:
            found[reference] = _version(session, reference, version, newest[name])
        else:
            found[reference] = newest[name]
    return found


def _version(session: Session, reference: str, version: str, newest: StoredPolicy) -> StoredPolicy | UnknownPolicy:
    number = int(version) if version.isascii() and version.isdigit() and len(version) <= 5 else 0
    if number == newest.version:
        return newest
    stored = None
    if 1 <= number < newest.version:
        stored = repository.policy_version(session, newest.policy.name, number)
    return UnknownPolicyVersion(reference, newest.version) if stored is None else stored


def list_policies(session: Session) -> list[PolicyView]:
    """Return the policies that an order can name, by name, each in its newest version."""
    views = {name: PolicyView(policy, None, None) for name, policy in POLICIES.items()}
    views.update({name: _view(stored) for name, stored in repository.newest_policies(session).items()})
    return [views[name] for name in sorted(views)]


def get_policy(session: Session, *, name: str, version: int | None = None) -> PolicyView:
    """Return a policy, in its newest version if none is given. Raises PolicyNotFound."""
    if version is not None:
        stored = repository.policy_version(session, name, version) if version <= MAX_VERSIONS else None
        if stored is None:
            raise PolicyNotFound(f"{name}{VERSION_MARK}{version}")
        return _view(stored)
    newest = repository.newest_policies(session, [name]).get(name)
    if newest is not None:
        return _view(newest)
    if name in POLICIES:
        return PolicyView(POLICIES[name], None, None)
    raise PolicyNotFound(name)


def list_policy_versions(session: Session, *, name: str) -> list[PolicyView]:
    """Return the newest 1,000 versions of a policy, the newest first. Raises PolicyNotFound."""
    stored = repository.policy_versions(session, name, SHOWN_VERSIONS)
    return [_view(each) for each in stored] or [get_policy(session, name=name)]


def _view(stored: StoredPolicy) -> PolicyView:
    return PolicyView(stored.policy, stored.version, stored.created_at_ms)
