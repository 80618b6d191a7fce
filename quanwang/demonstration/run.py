"""Runs the demonstration on an installation: loads people, submits orders, lets people accept and publishers select.

Everything goes through the platform's own use cases, in batches; nothing here knows how the platform does it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from kit.clock import now_ms
from kit.db import Database
from kit.errors import QuanwangError, Unavailable
from kit.ids import IdAllocator
from kit.work import Wake
from marketplace import dispatch
from marketplace.access import Caller
from marketplace.profiles import load_profiles
from matching.taxonomy import Taxonomy
from quanwang.demonstration.display import Display
from quanwang.demonstration.orders import OrderDraw
from quanwang.demonstration.people import Interest, Temper, choose_acceptors, takes_part, temper_of
from quanwang.demonstration.profiles import ProfileDraw

SUBMIT_BATCH = 1_000
ACT_BATCH = 200
CHUNKS_A_LOOK = 500
LOOK_PERIOD_S = 0.2
COUNT_PERIOD_S = 0.8
GIVE_UP_AFTER_S = 120.0
"""Nothing moved for so long: something is broken, and waiting on does not help."""

T = TypeVar("T")


class DemonstrationRefused(QuanwangError):
    """The platform refused something that the demonstration made; a bug in one of the two."""


class DemonstrationStuck(Unavailable):
    """No dispatch came on for a long time."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What the demonstration acts on, and as whom."""

    database: Database
    ids: IdAllocator
    taxonomy: Taxonomy
    wake: Wake
    caller: Caller
    heed: Callable[[], None]
    """Called between batches; raises when somebody asked to stop."""


@dataclass
class Outcome:
    """What became of a batch of orders. ``notified_*`` count (order, user) pairs of committed waves."""

    orders: int = 0
    orders_with_full: int = 0
    notified_full: int = 0
    notified_partial: int = 0
    accepted: int = 0
    assigned: int = 0
    assigned_full: int = 0
    waves: int = 0
    states: dict[str, int] = field(default_factory=dict)


def add_profiles(installation: Installation, display: Display, *, seed: int, first: int, count: int) -> None:
    """Load the drawn people numbered first .. first + count - 1; those who are there already do not change."""
    draw = ProfileDraw(seed)
    with display.stage("Drawing people and storing their profiles", count) as advance:
        answers = load_profiles(
            installation.database,
            installation.ids,
            source=installation.caller.owner,
            profiles=draw.documents(first, count),
            taxonomy=installation.taxonomy,
            clock=now_ms,
        )
        for batch in _batches(answers, 500):
            for answer in batch:
                if answer.status != "ok":
                    raise DemonstrationRefused(f"profile {answer.id} was refused: {answer.sentence}")
            advance(len(batch))
            installation.heed()


def submit(installation: Installation, display: Display, *, seed: int, batch: int, count: int) -> dict[int, str]:
    """Submit ``count`` orders; returns dispatch id -> external id."""
    submitted: dict[int, str] = {}
    documents = OrderDraw(seed, batch, installation.taxonomy).documents(count)
    with display.stage("Submitting orders with real titles", count) as advance:
        for part in _batches(documents, SUBMIT_BATCH):
            answers = installation.database.run_idempotent(
                lambda session, part=part: dispatch.submit_orders(  # type: ignore[misc]
                    session,
                    installation.ids,
                    caller=installation.caller,
                    documents=part,
                    taxonomy=installation.taxonomy,
                    now_ms=now_ms(),
                )
            )
            installation.wake.notify([dispatch.DISPATCH_WORK])
            for document, answer in zip(part, answers, strict=True):
                if answer.dispatch_id is None:
                    raise DemonstrationRefused(f"order {document['id']} was refused: {answer.sentence}")
                submitted[answer.dispatch_id] = str(document["id"])
            advance(len(part))
            installation.heed()
    return submitted


class Scene:
    """The people of one batch of orders: reads committed waves and answers them, until every dispatch has ended."""

    def __init__(self, installation: Installation, *, seed: int, submitted: dict[int, str], since_ms: int) -> None:
        self._installation = installation
        self._seed = seed
        self._external_ids = submitted
        self._open = set(submitted)
        self._since_ms = since_ms
        self._after_event_id = 0
        self._with_full: set[int] = set()
        self._answered: set[int] = set()
        self._tier_of_choice: dict[int, str] = {}
        self.outcome = Outcome(orders=len(submitted))

    def play(self, display: Display) -> None:
        """Act until every dispatch is assigned or has ended. Raises DemonstrationStuck."""
        moved_s = count_at_s = time.monotonic()
        with display.stage("Matching, notifying, accepting, selecting", len(self._open)) as advance:
            while self._open:
                self._installation.heed()
                answered = self._answer_new_waves()
                ended = 0
                if time.monotonic() >= count_at_s:
                    ended = self._count_ended()
                    count_at_s = time.monotonic() + COUNT_PERIOD_S
                if answered or ended:
                    moved_s = time.monotonic()
                    advance(ended)
                elif time.monotonic() - moved_s > GIVE_UP_AFTER_S:
                    raise DemonstrationStuck(
                        f"{len(self._open)} orders have not moved for {GIVE_UP_AFTER_S:.0f} s: the logs say why"
                    )
                else:
                    time.sleep(LOOK_PERIOD_S)
        self.outcome.orders_with_full = len(self._with_full)

    def _answer_new_waves(self) -> int:
        """Read the waves committed since the last look and let those who want to accept them; returns their number."""
        with self._installation.database.read() as session:
            chunks = dispatch.iterate_wave_chunks(session, self._since_ms, self._after_event_id, CHUNKS_A_LOOK)
        answers: list[tuple[int, int]] = []
        tiers: dict[int, str] = {}
        for chunk in chunks:
            entry = chunk.entry
            self._after_event_id = max(self._after_event_id, entry.event_id)
            external_id = self._external_ids.get(entry.dispatch_id)
            if external_id is None:
                continue
            self._count(entry.dispatch_id, entry.tier, len(chunk.user_ids))
            temper = temper_of(self._seed, external_id)
            if entry.dispatch_id in self._answered or not self._accepts(temper, entry.dispatch_id, entry.tier):
                continue
            self._answered.add(entry.dispatch_id)
            tiers[entry.dispatch_id] = entry.tier
            chosen = choose_acceptors(self._seed, external_id, chunk.user_ids, temper.acceptors)
            answers += [(entry.dispatch_id, user_id) for user_id in chosen]
        for part in _batches(answers, ACT_BATCH):
            self._accept_and_select(part, tiers)
        return len(chunks)

    def _accepts(self, temper: Temper, dispatch_id: int, tier: str) -> bool:
        return takes_part(temper, tier, full_was_empty=dispatch_id not in self._with_full)

    def _count(self, dispatch_id: int, tier: str, users: int) -> None:
        self.outcome.waves += 1
        if tier == "full":
            self._with_full.add(dispatch_id)
            self.outcome.notified_full += users
        else:
            self.outcome.notified_partial += users

    def _accept_and_select(self, answers: Sequence[tuple[int, int]], tiers: dict[int, str]) -> None:
        place = self._installation
        accepted = place.database.run(
            lambda session: dispatch.accept_offers(session, place.ids, answers=answers, now_ms=now_ms())
        )
        first: dict[int, int] = {}
        for (dispatch_id, user_id), answer in zip(answers, accepted, strict=True):
            if answer.status == "accepted":
                self.outcome.accepted += 1
                first.setdefault(dispatch_id, user_id)
        chosen = {dispatch_id: user for dispatch_id, user in first.items() if dispatch_id not in self._tier_of_choice}
        if not chosen:
            return
        answers_of_publishers = place.database.run_idempotent(
            lambda session: dispatch.select_acceptors(
                session,
                place.ids,
                choices=list(chosen.items()),
                owner=place.caller.owner,
                actor="demonstration publisher",
                now_ms=now_ms(),
            )
        )
        for choice in answers_of_publishers:
            if choice.status != "assigned":
                raise DemonstrationRefused(
                    f"the choice for dispatch {choice.dispatch_id} was refused: {choice.sentence}"
                )
            tier = tiers[choice.dispatch_id]
            self._tier_of_choice[choice.dispatch_id] = tier
            self.outcome.assigned += 1
            self.outcome.assigned_full += tier == "full"
        place.wake.notify([dispatch.DISPATCH_WORK, dispatch.LABEL_WORK])

    def _count_ended(self) -> int:
        """Take the dispatches that are assigned or over out of the open ones; returns how many."""
        with self._installation.database.read() as session:
            labels = dispatch.labels_of(session, sorted(self._open))
        ended = {dispatch_id for dispatch_id, label in labels.items() if label.state != "open"}
        self._open -= ended
        for dispatch_id in ended:
            state = labels[dispatch_id].state
            self.outcome.states[state] = self.outcome.states.get(state, 0) + 1
        return len(ended)


def _batches(items: Sequence[T] | Iterator[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part


__all__ = ["DemonstrationRefused", "Installation", "Interest", "Outcome", "Scene", "add_profiles", "submit"]
