"""Replays one dispatch as it was recorded, or plans its candidates under another policy."""

from kit.db import Session
from kit.errors import Conflict, InvalidInput
from marketplace.dispatch import dispatch_repository
from marketplace.dispatch.errors import UnknownPolicy
from marketplace.dispatch.policies import POLICIES, Policy
from marketplace.dispatch.record_repository import read_record
from marketplace.dispatch.replan import replan
from marketplace.dispatch.replay import replay
from marketplace.dispatch.replay_views import Replan, Replay
from marketplace.dispatch.suppression_repository import suppression_counts


class PassedOverNotReplayed(Conflict):
    """Who was passed over is recorded; at which place among the candidates, and what a catch-up left, is not."""

    def __init__(self, dispatch_id: int) -> None:
        super().__init__(
            f"Dispatch {dispatch_id} passed users over to spare their attention and cannot be replayed; its"
            " suppressions say who was passed over and why."
        )


def replay_dispatch(session: Session, *, dispatch_id: int, owner: str | None = None) -> Replay:
    """Run the machine again on the recorded match results; every wave must come out byte for byte.

    Raises DispatchNotFound, TooMuchToReplay, PassedOverNotReplayed.
    """
    record = read_record(session, dispatch_id=dispatch_id, owner=owner)
    if suppression_counts(session, dispatch_id):
        raise PassedOverNotReplayed(dispatch_id)
    return replay(record)


def replan_dispatch(
    session: Session, *, dispatch_id: int, with_policy: str | Policy, owner: str | None = None, now_ms: int
) -> Replan:
    """Plan the recorded candidates under another policy, given whole or as ``name`` or ``name:version``.

    Raises DispatchNotFound, TooMuchToReplay, UnknownPolicy, InvalidInput.
    """
    record = read_record(session, dispatch_id=dispatch_id, owner=owner)
    if isinstance(with_policy, Policy):
        return replan(record, with_policy, None, now_ms=now_ms)
    policy, version = find_policy(session, with_policy)
    return replan(record, policy, version, now_ms=now_ms)


def find_policy(session: Session, reference: str) -> tuple[Policy, int | None]:
    """Return the policy, and its version, that ``name`` (the newest), ``name:version`` or ``name@version`` means.

    A built-in policy that no dispatch used yet has none. Raises UnknownPolicy, InvalidInput.
    """
    name, colon, version_text = reference.replace("@", ":").partition(":")
    if colon:
        if not (version_text.isascii() and version_text.isdecimal() and len(version_text) <= 9):
            raise InvalidInput("with_policy", reference, "must be a policy's name, or name:version with a number")
        stored = dispatch_repository.policy_version(session, name, int(version_text))
    else:
        stored = dispatch_repository.newest_policies(session, [name]).get(name)
        if stored is None and name in POLICIES:
            return POLICIES[name], None
    if stored is None:
        known = {*POLICIES, *dispatch_repository.newest_policies(session)}
        raise UnknownPolicy(reference, sorted(known))
    return stored.policy, stored.version
