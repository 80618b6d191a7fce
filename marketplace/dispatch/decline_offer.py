"""Takes a user's no."""

from kit.db import Session
from marketplace.dispatch import acceptance_repository, dispatch_repository, wave_repository
from marketplace.dispatch.errors import AlreadyAccepted, DispatchNotFound, NeverOffered


def decline_offer(
    session: Session,
    *,
    dispatch_id: int,
    user_id: int,
    owner: str | None = None,
    reason: str | None = None,
    now_ms: int,
) -> None:
    """Keep the no of a user who was told; the same no again changes nothing, and a later yes is still welcome.

    Raises DispatchNotFound, NeverOffered, AlreadyAccepted.
    """
    row = dispatch_repository.share_dispatches(session, [dispatch_id]).get(dispatch_id)
    if row is None or (owner is not None and row.owner != owner):
        raise DispatchNotFound(dispatch_id)
    pair = (dispatch_id, user_id)
    if pair not in wave_repository.find_offers(session, [pair]):
        raise NeverOffered(dispatch_id, user_id)
    accepted = acceptance_repository.read_acceptances(session, [pair]).get(pair)
    if accepted is not None and accepted.state in ("accepted", "selected"):
        raise AlreadyAccepted(dispatch_id, user_id)
    acceptance_repository.insert_decline(session, dispatch_id, user_id, reason, now_ms)
