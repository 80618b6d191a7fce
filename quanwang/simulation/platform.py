"""The platform of one run: its stores, its clock, its processes, and the trace of what they did."""

import hashlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from kit.errors import Unavailable
from kit.ids import IdAllocator
from kit.work import Claimed, Handler, HandlerOptions, Wake, WorkLoop
from marketplace import dispatch
from marketplace.inbox import InboxKeeper, InboxStore
from marketplace.inbox.redis_rebuild import LEASE_MS as REBUILD_LEASE_MS
from marketplace.settings import read_switches
from matching.taxonomy import Taxonomy
from quanwang.simulation.candidates import NaiveCandidates
from quanwang.simulation.faults import Faults
from quanwang.simulation.knowledge import Knowledge, Violation
from quanwang.simulation.scheduler import Actor, Scheduler
from quanwang.simulation.stores import SimulatedDatabase, SimulatedRedis
from quanwang.simulation.world import FIRST_MS, WORDS, World

LEASE_MS: Final = 6_000
KEPT_LINES: Final = 60
SAMPLED_ONE_IN: Final = 4
POLL_MS: Final = (300, 2_500)


class SwitchedOff(Unavailable):
    """Somebody switched this part off."""


@dataclass(slots=True)
class Platform:
    """Everything that the processes of one run share. ``elapsed_ms`` never goes back; the clocks of processes may."""

    world: World
    scheduler: Scheduler
    database: SimulatedDatabase
    redis_url: str
    taxonomy: Taxonomy
    faults: Faults
    knowledge: Knowledge = field(default_factory=Knowledge)
    step: int = 0
    elapsed_ms: int = 0
    offset_ms: int = FIRST_MS
    closing: bool = False
    accepting: dict[str, tuple[int, int]] = field(default_factory=dict)
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    words: tuple[str, ...] = WORDS
    clients: list[SimulatedRedis] = field(default_factory=list)
    claim_until_ms: int = 0
    clocks_jumped: bool = False
    working: dict[int, tuple[Actor, Claimed]] = field(default_factory=dict)

    def wall_ms(self, actor: Actor) -> int:
        """What the clock of a process shows."""
        return self.offset_ms + self.elapsed_ms + actor.clock_skew_ms

    def sleep(self, actor: Actor, milliseconds: int, point: str = "idle") -> None:
        """Let an actor rest; others have their turn."""
        actor.wakes_at_ms = self.elapsed_ms + milliseconds
        self.scheduler.pause_at(point)

    def tell(self, actor: Actor | None, what: str) -> None:
        """Add a line to the trace."""
        line = f"{self.step:>6}  {self.elapsed_ms / 1000:>9.3f} s  {'-' if actor is None else actor.name:<12}  {what}"
        self.lines.append(line)
        self.digest.update(line.encode() + b"\n")

    def new_inbox_store(self) -> InboxStore:
        """Connect to Redis as a process that just began."""
        client = SimulatedRedis(self.redis_url, self.scheduler, self.faults, self)
        self.clients.append(client)
        return InboxStore(client)

    def claim_taken(self) -> None:
        """Somebody has the claim of a rebuild from now on for the length of its lease."""
        self.claim_until_ms = self.elapsed_ms + REBUILD_LEASE_MS

    def claim_is_over(self) -> bool:
        """Whether the claim of a rebuild ran out on simulated time."""
        return self.elapsed_ms >= self.claim_until_ms

    # --- processes ----------------------------------------------------------------------------------------------------

    def dispatcher(self, actor: Actor) -> None:
        """A dispatcher: claims due dispatches, matches, commits waves."""
        ids = IdAllocator(self.database)
        source = NaiveCandidates(self.database, self.taxonomy, self.faults, self.scheduler.pause_at)
        attention = dispatch.Attention()

        def handle(claims: list[Claimed]) -> None:
            with self.database.read() as session:
                if read_switches(session).dispatch_paused:
                    raise SwitchedOff("dispatch is switched off by the simulation")
            dispatch.run_due_dispatches(
                self.database,
                ids,
                source,
                claims,
                now_ms=self.wall_ms(actor),
                attention=attention,
                reached=self.scheduler.pause_at,
            )
            self.tell(actor, f"dispatched {_subjects(claims)}")

        def sample(claims: list[Claimed]) -> None:
            dispatch.sample_eligibility(self.database, source, claims)
            self.tell(actor, f"sampled {_subjects(claims)}")

        self._work(actor, {dispatch.DISPATCH_WORK: handle, dispatch.ELIGIBILITY_WORK: sample})

    def worker(self, actor: Actor) -> None:
        """A worker: delivers waves, shows labels."""
        store = self.new_inbox_store()

        def deliver(claims: list[Claimed]) -> None:
            with self.database.read() as session:
                if read_switches(session).deliveries_paused:
                    raise SwitchedOff("deliveries are switched off by the simulation")
            dispatch.deliver_waves(
                self.database, store, claims, now_ms=self.wall_ms(actor), reached=self.scheduler.pause_at
            )
            self.knowledge.delivered.update(claimed.subject_id for claimed in claims)
            self.tell(actor, f"delivered waves {_subjects(claims)}")

        def show(claims: list[Claimed]) -> None:
            dispatch.show_labels(self.database, store, claims, reached=self.scheduler.pause_at)
            self.tell(actor, f"labelled {_subjects(claims)}")

        self._work(actor, {dispatch.DELIVERY_WORK: deliver, dispatch.LABEL_WORK: show})

    def keeper(self, actor: Actor) -> None:
        """A worker's chores: an empty Redis is rebuilt, offers are counted."""
        ids = IdAllocator(self.database)
        keeper = InboxKeeper(self.database, self.new_inbox_store(), history=dispatch)
        while True:
            try:
                report = keeper.keep(self.wall_ms(actor), reached=self.scheduler.pause_at)
                if report is not None:
                    self.tell(actor, f"rebuilt inboxes: {report.chunks} chunks, {report.entries} entries")
                dispatch.count_offers(self.database, ids, now_ms=self.wall_ms(actor), one_in=SAMPLED_ONE_IN)
            except Unavailable as error:
                self.tell(actor, f"a chore waits: {type(error).__name__}")
            self.sleep(actor, self.world.draws.randrange(*POLL_MS))

    def _work(self, actor: Actor, handlers: dict[str, Handler]) -> None:
        loop = SimulatedLoop(self, actor, handlers)
        while True:
            try:
                worked = loop.step()
            except Unavailable as error:
                self.tell(actor, f"work paused: {type(error).__name__}")
                worked = 0
            self.sleep(actor, 0 if worked else self.world.draws.randrange(*POLL_MS))


class SimulatedLoop(WorkLoop):
    """The real loop, whose leases are extended on simulated time: by whoever is resumed, so never while frozen."""

    def __init__(self, platform: Platform, actor: Actor, handlers: dict[str, Handler]) -> None:
        options = {kind: HandlerOptions(lease_ms=LEASE_MS) for kind in handlers}
        super().__init__(platform.database, handlers, Wake(None), lambda: platform.wall_ms(actor), options=options)
        self._platform, self._actor = platform, actor

    def _step_kind(self, kind: str) -> int:
        self._actor.polls = True
        try:
            return super()._step_kind(kind)
        finally:
            self._actor.polls = False

    def _handle(self, kind: str, batch: list[Claimed]) -> None:
        self._actor.polls = False
        working = self._platform.working
        for claimed in batch:
            self._check_alone(claimed, working.get(claimed.id))
            working[claimed.id] = (self._actor, claimed)
        super()._handle(kind, batch)
        self._forget(batch)

    def _fail(self, kind: str, claims: list[Claimed], sentence: str) -> None:
        self._forget(claims)
        super()._fail(kind, claims, sentence)

    def _check_alone(self, claimed: Claimed, before: tuple[Actor, Claimed] | None) -> None:
        """Nobody takes work from somebody whose lease is not over, as long as no clock ever jumped."""
        if before is None or before[0] is self._actor or before[0].ended or self._platform.clocks_jumped:
            return
        taken = claimed.attempt == before[1].attempt + 1 and claimed.failures > before[1].failures
        if taken and claimed.lease_until_ms - LEASE_MS < before[1].lease_until_ms:
            raise Violation(
                "two workers never have the same work",
                f"{claimed.kind} {claimed.subject_id} was taken from {before[0].name} within its lease",
            )

    def _forget(self, claims: list[Claimed]) -> None:
        for claimed in claims:
            known = self._platform.working.get(claimed.id)
            if known is not None and known[1] is claimed:
                del self._platform.working[claimed.id]

    @contextmanager
    def _heartbeat(self, claims: list[Claimed], options: HandlerOptions) -> Iterator[None]:
        platform, actor = self._platform, self._actor
        last_ms = platform.elapsed_ms
        beating = False

        def beat() -> None:
            nonlocal last_ms, beating
            late = platform.elapsed_ms - last_ms >= options.lease_ms // 3
            if beating or not late or platform.database.open_session is not None:
                return
            # After a freeze the handler may go on before the heartbeat does.
            if platform.world.draws.random() < 0.5:
                return
            last_ms, beating = platform.elapsed_ms, True
            try:
                self._extend(claims, platform.wall_ms(actor), options.lease_ms)
            except Unavailable:
                platform.tell(actor, "a heartbeat failed")
            finally:
                beating = False

        actor.on_resume = beat
        try:
            yield
        finally:
            actor.on_resume = None


def _subjects(claims: list[Claimed]) -> str:
    return ", ".join(str(claimed.subject_id) for claimed in claims[:6]) + (" ..." if len(claims) > 6 else "")
