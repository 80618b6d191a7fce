"""The loop of a worker: claim, hand to the handler, isolate what fails, wait for more."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from kit.clock import Clock, elapsed_s
from kit.db import Database
from kit.errors import QuanwangError, Unavailable
from kit.logging import logger_of
from kit.work.queue import MAX_CLAIM, Claimed, claim, extend, fail, release
from kit.work.tables import LOST
from kit.work.wake import Wake

Handler = Callable[[list[Claimed]], None]
"""Works on claims of one kind; opens its own transaction, and there holds and ends the claims."""

POLL_S: Final = 0.25
RELEASE_PAUSE_MS: Final = 500
MAX_CALLS_A_BATCH: Final = 64

log = logger_of(__name__)


@dataclass(frozen=True, slots=True)
class HandlerOptions:
    """How one kind of work is taken. ``max_run_ms`` bounds how long a lease is extended while a handler runs."""

    limit: int = MAX_CLAIM
    lease_ms: int = 30_000
    max_run_ms: int = 300_000
    max_attempts: int = 8

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_CLAIM:
            raise ValueError(f"HandlerOptions.limit {self.limit} is outside 1..{MAX_CLAIM}")
        if not 100 <= self.lease_ms <= self.max_run_ms:
            raise ValueError(f"HandlerOptions.lease_ms {self.lease_ms} is outside 100..max_run_ms {self.max_run_ms}")
        if self.max_attempts < 1:
            raise ValueError(f"HandlerOptions.max_attempts {self.max_attempts} is below 1")


class LoopObserver(Protocol):
    """Is told what the loop did, for metrics; must be quick and must not raise."""

    def claimed(self, kind: str, count: int, oldest_wait_ms: int) -> None:
        """``count`` rows were claimed; the one longest due had waited ``oldest_wait_ms``."""
        ...

    def handled(self, kind: str, count: int, seconds: float) -> None:
        """A handler call returned."""
        ...

    def failed(self, kind: str, count: int, dead: int) -> None:
        """``count`` claims failed for good in this run, ``dead`` of them became dead letters."""
        ...

    def paused(self, kind: str, sentence: str) -> None:
        """Something that the handler needs is away; its claims were given back."""
        ...


class SilentObserver:
    """Observes nothing."""

    def claimed(self, kind: str, count: int, oldest_wait_ms: int) -> None:
        """Ignore."""

    def handled(self, kind: str, count: int, seconds: float) -> None:
        """Ignore."""

    def failed(self, kind: str, count: int, dead: int) -> None:
        """Ignore."""

    def paused(self, kind: str, sentence: str) -> None:
        """Ignore."""


class WorkLoop:
    """Works on the kinds of its handlers until stopped; one thread calls run_forever or step.

    A handler that raises Unavailable pauses its kind without blaming the work. Any other exception is narrowed down by
    halving the batch until the poison work is alone; that one fails (backoff, then dead letter), the rest goes on.
    Leases are extended from a second thread while a handler runs, so a frozen process loses them and a slow one not.
    """

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        wake: Wake,
        clock: Clock,
        *,
        options: Mapping[str, HandlerOptions] | None = None,
        observer: LoopObserver | None = None,
        poll_s: float = POLL_S,
    ) -> None:
        self._database = database
        self._handlers = dict(handlers)
        self._wake = wake
        self._clock = clock
        self._options = {kind: (options or {}).get(kind, HandlerOptions()) for kind in self._handlers}
        self._observer = observer or SilentObserver()
        self._poll_s = poll_s
        self._stopping = threading.Event()
        self._paused_until_ms: dict[str, int] = {}

    def run_forever(self) -> None:
        """Work until :meth:`stop`; a database that is away is waited for.

        Looked at are the kinds that had work just now and those that were announced; all of them every ``poll_s``,
        because time makes work due as well and an announcement may be lost.
        """
        wanted, looked_at_s = frozenset(self._handlers), elapsed_s()
        while not self._stopping.is_set():
            if elapsed_s() - looked_at_s >= self._poll_s:
                wanted, looked_at_s = frozenset(self._handlers), elapsed_s()
            try:
                busy = self._look(wanted)
            except Unavailable as error:
                log.warning("work paused", sentence=error.sentence)
                self._stopping.wait(max(self._poll_s, 0.5))
                continue
            if not self._stopping.is_set():
                left_s = 0.0 if busy else max(0.0, self._poll_s - (elapsed_s() - looked_at_s))
                wanted = busy | self._wake.wait(self._handlers, left_s)

    def stop(self) -> None:
        """Ask the loop to end; what is in a handler is finished first. Safe from any thread or signal handler."""
        self._stopping.set()
        self._wake.interrupt()

    def step(self) -> int:
        """Claim one batch of each kind and work on it; return how many rows were claimed."""
        return sum(self._step_kind(kind) for kind in self._handlers if not self._stopping.is_set())

    def _look(self, wanted: frozenset[str]) -> frozenset[str]:
        """As :meth:`step` for some kinds; return those of which there was work."""
        kinds = [kind for kind in self._handlers if kind in wanted]
        return frozenset(kind for kind in kinds if not self._stopping.is_set() and self._step_kind(kind))

    def _step_kind(self, kind: str) -> int:
        now_ms = self._clock()
        # A pause that is longer than pauses are was begun before the clock was set back: it is over.
        if 0 < self._paused_until_ms.get(kind, 0) - now_ms <= RELEASE_PAUSE_MS:
            return 0
        options = self._options[kind]
        claims = self._database.run(lambda session: claim(session, [kind], options.limit, now_ms, options.lease_ms))
        if not claims:
            return 0
        self._observer.claimed(kind, len(claims), now_ms - min(claimed.due_at_ms for claimed in claims))
        hopeless = [claimed for claimed in claims if claimed.failures >= options.max_attempts]
        self._fail(kind, hopeless, LOST)
        trusted, suspects, others = by_suspicion([c for c in claims if c not in hopeless], options.limit)
        if others:
            # Given back before the suspects run: who only shared the claim must not be blamed for a crash.
            self._database.run(lambda session: release(session, others, now_ms))
        with self._heartbeat([*trusted, *suspects], options):
            for batch in (trusted, suspects):
                if batch:
                    self._handle(kind, batch)
        return len(claims)

    def _handle(self, kind: str, batch: list[Claimed]) -> None:
        """Call the handler; narrow down by halving when it raises."""
        todo = [batch]
        calls = 0
        while todo:
            part = todo.pop()
            calls += 1
            started_s = elapsed_s()
            try:
                self._handlers[kind](part)
            except Unavailable as error:
                self._give_back(kind, [*part, *(claimed for rest in todo for claimed in rest)], error)
                return
            except Exception as error:  # noqa: BLE001  # whatever a handler raises must not end the loop
                if len(part) == 1 or calls >= MAX_CALLS_A_BATCH:
                    log.error("work failed", exception=error, kind=kind, subjects=[c.subject_id for c in part[:10]])
                    self._fail(kind, part, _sentence(error))
                else:
                    middle = len(part) // 2
                    todo += [part[middle:], part[:middle]]
                continue
            self._observer.handled(kind, len(part), elapsed_s() - started_s)

    def _give_back(self, kind: str, claims: list[Claimed], error: Unavailable) -> None:
        log.warning("work paused", kind=kind, sentence=error.sentence)
        self._observer.paused(kind, error.sentence)
        due_at_ms = self._clock() + RELEASE_PAUSE_MS
        self._paused_until_ms[kind] = due_at_ms
        # When the database itself is away the leases run out by themselves.
        with contextlib.suppress(Unavailable):
            self._database.run(lambda session: release(session, claims, due_at_ms))

    def _fail(self, kind: str, claims: list[Claimed], sentence: str) -> None:
        if not claims:
            return
        max_attempts = self._options[kind].max_attempts
        dead = self._database.run(lambda session: fail(session, claims, sentence, self._clock(), max_attempts))
        self._observer.failed(kind, len(claims), dead)

    def _extend(self, claims: list[Claimed], now_ms: int, lease_ms: int) -> None:
        self._database.run(lambda session: extend(session, claims, now_ms, lease_ms))

    @contextlib.contextmanager
    def _heartbeat(self, claims: list[Claimed], options: HandlerOptions) -> Iterator[None]:
        """Extend the leases every third of their length until the block ends or ``max_run_ms`` is over."""
        done = threading.Event()
        started_ms = self._clock()

        def beat() -> None:
            while not done.wait(options.lease_ms / 3000):
                now_ms = self._clock()
                if now_ms - started_ms > options.max_run_ms:
                    log.error("work runs too long, its lease is not extended any more", kind=claims[0].kind)
                    return
                with contextlib.suppress(Unavailable):
                    self._extend(claims, now_ms, options.lease_ms)

        thread = threading.Thread(target=beat, name="work-heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def by_suspicion(claims: Sequence[Claimed], limit: int) -> tuple[list[Claimed], list[Claimed], list[Claimed]]:
    """Cut claims into those to work on together, a small company of suspects, and those to give back.

    Work that kills its process leaves no exception to narrow down. So what was lost by a worker comes apart from the
    rest, in company of an eighth of ``limit`` after its first loss, then a 64th, then alone; the innocent get away.
    """
    trusted = [claimed for claimed in claims if not claimed.lost]
    lost = sorted((claimed for claimed in claims if claimed.lost), key=lambda claimed: claimed.failures)
    if not lost:
        return trusted, [], []
    least = lost[0].failures
    size = max(1, limit >> (3 * min(least, 10)))
    suspects = [claimed for claimed in lost if claimed.failures == least][:size]
    return trusted, suspects, lost[len(suspects) :]


def _sentence(error: Exception) -> str:
    return error.sentence if isinstance(error, QuanwangError) else f"{type(error).__name__}: {error}"
