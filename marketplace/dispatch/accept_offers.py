"""Takes acceptances. They share the lock of the dispatch, and stand in its queue in the order of their commits.

Whoever is told a place keeps it or moves forward: nobody who commits later can come before him, whatever the clocks of
the web processes say. The price is that the acceptances of one order commit one after another.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from kit.db import Session
from kit.errors import QuanwangError
from kit.ids import IdAllocator
from kit.work import NewWork, enqueue
from marketplace.dispatch import acceptance_repository, dispatch_repository, wave_repository
from marketplace.dispatch.acceptance_repository import StoredAcceptance
from marketplace.dispatch.crash_points import Reached, passing_by
from marketplace.dispatch.dispatch_repository import DispatchRow
from marketplace.dispatch.errors import (
    AcceptanceClosed,
    DispatchClosed,
    DispatchNotFound,
    NeverOffered,
    OfferExpired,
    OrderAlreadyAssigned,
    OwnOrder,
    TooManyAnswers,
)
from marketplace.dispatch.outgoing_events import announce_acceptances
from marketplace.dispatch.states import Stage
from marketplace.dispatch.submit_orders import DISPATCH_WORK
from marketplace.dispatch.views import AcceptAnswer
from marketplace.dispatch.wave_repository import StoredOffer

MAX_ANSWERS: Final = 1_000
Pair = tuple[int, int]


def accept_offer(
    session: Session,
    ids: IdAllocator,
    *,
    dispatch_id: int,
    user_id: int,
    owner: str | None = None,
    now_ms: int,
    reached: Reached = passing_by,
) -> AcceptAnswer:
    """Queue one user's yes; the same yes again is answered with its place.

    Raises DispatchNotFound, NeverOffered, OwnOrder, OfferExpired, OrderAlreadyAssigned, DispatchClosed,
    AcceptanceClosed.
    """
    answer = accept_offers(session, ids, answers=[(dispatch_id, user_id)], owner=owner, now_ms=now_ms, reached=reached)[
        0
    ]
    if answer.error is not None:
        raise answer.error
    return answer


def accept_offers(
    session: Session,
    ids: IdAllocator,
    *,
    answers: Sequence[Pair],
    owner: str | None = None,
    now_ms: int,
    reached: Reached = passing_by,
) -> list[AcceptAnswer]:
    """Queue up to 1,000 (dispatch, user) acceptances; an answer for each, in order. Raises TooManyAnswers."""
    if len(answers) > MAX_ANSWERS:
        raise TooManyAnswers(len(answers), MAX_ANSWERS)
    if not answers:
        return []
    pairs = list(dict.fromkeys(answers))
    rows = dispatch_repository.share_dispatches(session, [dispatch_id for dispatch_id, _ in pairs])
    reached("accept.dispatches_shared")
    offers = wave_repository.find_offers(session, [pair for pair in pairs if pair[0] in rows])
    refused: dict[Pair, QuanwangError] = {}
    good: list[Pair] = []
    for pair in pairs:
        error = _refusal(pair, rows.get(pair[0]), owner, offers.get(pair), now_ms)
        if error is None:
            good.append(pair)
        else:
            refused[pair] = error
    new, settled = _queue(session, ids, good, offers, now_ms)
    reached("accept.queued")
    _wake(session, ids, rows, new, now_ms)
    announced = [(rows[pair[0]], pair[1], offers[pair].tier) for pair in good if pair in new]
    announce_acceptances(session, ids, announced, now_ms)
    reached("accept.woken")
    places = acceptance_repository.positions(session, list(settled.values())) if settled else {}
    return [_answer(pair, new, settled.get(pair), places.get(pair), refused.get(pair)) for pair in answers]


def _refusal(
    pair: Pair, row: DispatchRow | None, owner: str | None, offer: StoredOffer | None, now_ms: int
) -> QuanwangError | None:
    dispatch_id, user_id = pair
    if row is None or (owner is not None and row.owner != owner):
        return DispatchNotFound(dispatch_id)
    if row.publisher_user_id == user_id:
        return OwnOrder(dispatch_id, user_id)
    if offer is None:
        return NeverOffered(dispatch_id, user_id)
    if row.state.assigned is not None:
        # The selected user's own repeated yes is answered below, not refused.
        return None if row.state.assigned.user_id == user_id else OrderAlreadyAssigned(dispatch_id)
    if row.state.final:
        return DispatchClosed(dispatch_id, row.state.stage.value)
    if now_ms >= row.state.expires_at_ms:
        return DispatchClosed(dispatch_id, Stage.EXPIRED.value)
    if now_ms >= offer.expires_at_ms:
        return OfferExpired(dispatch_id, user_id)
    return None


def _queue(
    session: Session, ids: IdAllocator, pairs: Sequence[Pair], offers: Mapping[Pair, StoredOffer], now_ms: int
) -> tuple[set[Pair], dict[Pair, StoredAcceptance]]:
    """Insert those that are new; return which were, and how every pair stands now."""
    if not pairs:
        return set(), {}
    acceptance_ids = ids.take(len(pairs))
    arrivals = acceptance_repository.take_arrivals(session, [dispatch_id for dispatch_id, _ in pairs])
    rows = {
        pair: StoredAcceptance(
            acceptance_id, *pair, offers[pair].tier, offers[pair].wave_id, "accepted", arrival, now_ms
        )
        for acceptance_id, pair, arrival in zip(acceptance_ids, pairs, arrivals, strict=True)
    }
    if acceptance_repository.insert_acceptances(session, list(rows.values())) == len(rows):
        return set(pairs), rows
    standing = acceptance_repository.read_acceptances(session, pairs)
    new = {pair for pair in pairs if standing[pair].acceptance_id == rows[pair].acceptance_id}
    for pair in pairs:
        if standing[pair].state == "withdrawn" and acceptance_repository.renew_acceptance(
            session, *pair, arrival=rows[pair].arrival, now_ms=now_ms
        ):
            new.add(pair)
    return new, acceptance_repository.read_acceptances(session, pairs)


def _wake(session: Session, ids: IdAllocator, rows: Mapping[int, DispatchRow], new: set[Pair], now_ms: int) -> None:
    """Let the machine count the queue where it has not seen one; a known queue only gets longer.

    The other acceptances of a busy order then wait for each other at the counter of arrivals alone. A wave that is due
    counts the queue anyway.
    """
    unseen = {dispatch_id for dispatch_id, _ in new if rows[dispatch_id].state.queued == 0}
    if unseen:
        # Now, but by a clock that may be ahead of the dispatcher's: never later than the timer that stands.
        due = {dispatch_id: rows[dispatch_id].due_at_ms or now_ms for dispatch_id in sorted(unseen)}
        works = [NewWork(DISPATCH_WORK, dispatch_id, min(now_ms, due_ms)) for dispatch_id, due_ms in due.items()]
        enqueue(session, ids, works, now_ms)


def _answer(
    pair: Pair, new: set[Pair], stored: StoredAcceptance | None, place: int | None, error: QuanwangError | None
) -> AcceptAnswer:
    if error is None and stored is not None and stored.state not in ("accepted", "selected"):
        error = AcceptanceClosed(*pair, stored.state)
    if error is not None or stored is None:
        sentence = None if error is None else error.sentence
        return AcceptAnswer(*pair, "error", sentence=sentence, error=error)
    return AcceptAnswer(*pair, "accepted" if pair in new else "already_accepted", place)
