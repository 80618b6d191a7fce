"""Counts, beside the hot path, how often users are offered orders, and estimates how often they could have been.

Offers are counted from the committed waves. Eligibility is asked of the matcher for one in a hundred of the dispatches
that told anybody, drawn by a hash of its number: everybody of the full tier, at most 100,000.
"""

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from kit.db import Database, Session
from kit.ids import IdAllocator
from kit.work import Claimed, NewWork, complete, enqueue, hold
from marketplace.dispatch import cursors, wave_repository
from marketplace.dispatch import fairness_repository as repository
from marketplace.dispatch.fairness_repository import CountedChunk, Counts, Progress
from marketplace.dispatch.plan_waves import NOBODY
from marketplace.dispatch.ports import CandidateSource, MatchAnswer, MatchRequest
from marketplace.dispatch.views import Fairness, Page

ELIGIBILITY_WORK: Final = "eligibility"
ONE_IN: Final = 100
CHUNKS_AT_ONCE: Final = 1_000
MAX_ELIGIBLE: Final = 100_000


def count_offers(database: Database, ids: IdAllocator, *, now_ms: int, one_in: int = ONE_IN) -> int:
    """Count the offers of all waves that were committed since the last time; return how many offers that were.

    May run in several processes at once and be broken off at any moment: every chunk is counted once.
    """
    offers = 0
    while True:
        with database.read() as session:
            progress = repository.read_progress(session)
            chunks = repository.chunks_after(session, progress.wave_id, CHUNKS_AT_ONCE)
        added = database.run(lambda session: _count(session, ids, progress, chunks, now_ms, one_in))  # noqa: B023
        offers += added
        if len(chunks) < CHUNKS_AT_ONCE:
            return offers


def _count(
    session: Session, ids: IdAllocator, seen: Progress, chunks: Sequence[CountedChunk], now_ms: int, one_in: int
) -> int:
    locked = repository.lock_progress(session)
    if locked.wave_id != seen.wave_id:
        return 0
    counts: Counter[int] = Counter()
    for chunk in chunks:
        counts.update(chunk.user_ids)
    if counts:
        repository.add_offers(session, counts)
    drawn = [chunk.dispatch_id for chunk in chunks if chunk.opens and is_sampled(chunk.dispatch_id, one_in)]
    if drawn:
        enqueue(session, ids, [NewWork(ELIGIBILITY_WORK, dispatch_id, now_ms) for dispatch_id in drawn], now_ms)
    last = chunks[-1].wave_id if chunks else locked.wave_id
    repository.save_progress(session, Progress(last, locked.sampled_orders, now_ms))
    return counts.total()


def is_sampled(dispatch_id: int, one_in: int = ONE_IN) -> bool:
    """Say whether a dispatch is among those whose whole full tier is looked at."""
    return int.from_bytes(blake2b(dispatch_id.to_bytes(8, "little"), digest_size=8).digest(), "little") % one_in == 0


def sample_eligibility(database: Database, source: CandidateSource, claims: Sequence[Claimed]) -> None:
    """Count who satisfies the claimed dispatches in full, told or not. Raises Unavailable when matching is paused."""
    dispatch_ids = [claimed.subject_id for claimed in claims]
    with database.read() as session:
        frozen = wave_repository.frozen_queries(session, repository.versions_of(session, dispatch_ids))
    requests = [
        MatchRequest(
            dispatch_id=each.dispatch_id,
            order_json=None,
            query_json=each.query_json,
            exclude=NOBODY,
            limit=MAX_ELIGIBLE,
            with_partial=False,
            partial_floor=0,
        )
        for each in frozen.values()
    ]
    answers = source.match(requests) if requests else []
    found = dict(zip(frozen, answers, strict=True))

    def note(session: Session) -> None:
        progress = repository.lock_progress(session)
        mine = hold(session, claims)
        counts: Counter[int] = Counter()
        sampled = 0
        for claimed in mine:
            answer = found.get(claimed.subject_id)
            if isinstance(answer, MatchAnswer):
                counts.update(answer.full.user_ids)
                sampled += 1
        if counts:
            repository.add_eligible(session, counts)
        if sampled:
            sum_of = progress.sampled_orders + sampled
            repository.save_progress(session, Progress(progress.wave_id, sum_of, progress.counted_at_ms))
        complete(session, mine)

    database.run(note)


def fairness_of(session: Session, *, user_id: int) -> Fairness:
    """Return how it went for one user so far."""
    counts = repository.counts_of(session, [user_id])[user_id]
    return _view(user_id, counts, repository.read_progress(session))


def list_fairness(session: Session, *, cursor: str | None = None, limit: int = 100) -> Page[Fairness]:
    """Return how it went for everybody who was ever offered anything, by number. Raises InvalidInput."""
    size = min(cursors.page_size(limit), 900)
    after = cursors.decode("fairness", cursor, 1)
    users = repository.offered_users(session, 0 if after is None else after[0], size + 1)
    progress = repository.read_progress(session)
    counts = repository.counts_of(session, users[:size])
    more = cursors.encode("fairness", users[size - 1]) if len(users) > size else None
    return Page(tuple(_view(user_id, counts[user_id], progress) for user_id in users[:size]), more)


def _view(user_id: int, counts: Counts, progress: Progress) -> Fairness:
    return Fairness(
        user_id=user_id,
        offered=counts.offered,
        won=counts.won,
        eligible_estimate=counts.eligible * ONE_IN if progress.sampled_orders else None,
        sampled_orders=progress.sampled_orders,
        counted_at_ms=progress.counted_at_ms or None,
    )
