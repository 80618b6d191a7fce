"""One seed: a run of so many steps under faults, then calm until everything rests, then the verdict."""

import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from kit.ids import IdAllocator
from kit.redis import GENERATION_KEY, RedisClient
from kit.work import overdue_work
from marketplace import dispatch
from marketplace.profiles import put_profile
from matching.taxonomy import Taxonomy, builtin_taxonomy
from quanwang.planted_bugs import planted
from quanwang.simulation import verdict
from quanwang.simulation.clients import CALLER, Client
from quanwang.simulation.faults import Faults
from quanwang.simulation.knowledge import Violation
from quanwang.simulation.platform import KEPT_LINES, LEASE_MS, Platform
from quanwang.simulation.scheduler import Actor, Scheduler
from quanwang.simulation.schema_repository import empty_tables
from quanwang.simulation.stores import SimulatedDatabase
from quanwang.simulation.strikes import Strikes
from quanwang.simulation.world import USERS, World

CLIENTS: Final = 4
ROLES: Final = {
    dispatch.DISPATCH_WORK: "dispatcher",
    dispatch.DELIVERY_WORK: "worker",
    dispatch.LABEL_WORK: "worker",
    dispatch.ELIGIBILITY_WORK: "dispatcher",
}
"""Who works on what."""
MOST_REST_STEPS: Final = 6_000
KEEP_MS: Final = 500
TABLES_EVERY: Final = 40
"""All invariants of the tables are checked after so many commits; the cheap ones after each."""


@dataclass(slots=True)
class SeedReport:
    """What a seed did. ``broken``: the invariant and what breaks it; None for a clean seed."""

    seed: int
    crash_at: str | None
    steps: int = 0
    broken: tuple[str, str] | None = None
    trace: tuple[str, ...] = ()
    digest: str = ""
    crashes: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)


class Bench:
    """The stores of one simulating process, used by one seed after the other."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self.scheduler = Scheduler()
        self.database = SimulatedDatabase(database_url, self.scheduler)
        self.redis_url = redis_url
        self.redis = RedisClient(redis_url)
        self.taxonomy: Taxonomy = builtin_taxonomy()

    def run(
        self,
        seed: int,
        steps: int,
        *,
        plant: str | None = None,
        crash_at: str | None = None,
        kept_lines: int | None = KEPT_LINES,
    ) -> SeedReport:
        """Run one seed in empty stores; a planted bug stays for its length. ``kept_lines`` None: the whole trace."""
        self.database.run(empty_tables)
        self.redis.execute("FLUSHALL")
        # A script that is known already is one command, another one is two.
        self.redis.execute("SCRIPT", "FLUSH")
        # The pauses after failures are drawn from the library's own generator.
        random.seed(seed)
        with planted(plant, pause=lambda _seconds: self.scheduler.pause_at("planted.pause")):
            return _SeedRun(self, seed, steps, crash_at, kept_lines).run()

    def close(self) -> None:
        """Close the connections."""
        self.database.dispose()
        self.redis.close()


class _SeedRun:
    """One run of one seed."""

    def __init__(self, bench: Bench, seed: int, steps: int, crash_at: str | None, kept_lines: int | None) -> None:
        world = World.of_seed(seed)
        self._bench = bench
        self._steps = steps
        self._draws = world.draws
        self.faults = Faults(world.draws, crash_at)
        self.platform = Platform(world, bench.scheduler, bench.database, bench.redis_url, bench.taxonomy, self.faults)
        self.platform.lines = deque(maxlen=kept_lines)
        self._report = SeedReport(seed, crash_at)
        self.actors: list[Actor] = []
        self._looked_at = 0
        self._checked_at = 0
        self._later: list[tuple[int, Callable[[], None]]] = []
        self._strikes = Strikes(self, bench.redis)

    def run(self) -> SeedReport:
        """Run the seed; a violation is in the report."""
        platform, report = self.platform, self._report
        try:
            self._prepare()
            bench = self._bench
            bench.database.faults = self.faults
            while platform.step < self._steps:
                what = self.faults.strikes()
                if what is not None:
                    self._strikes.strike(what)
                self._step()
            self._rest()
            with bench.database.read() as session:
                verdict.check_rest(session, platform.knowledge, bench.taxonomy)
                verdict.check_inboxes(session, bench.redis)
        except Violation as violation:
            report.broken = (violation.invariant, violation.details)
        finally:
            self._end()
        report.steps = platform.step
        report.trace = tuple(platform.lines)
        report.digest = platform.digest.hexdigest()
        report.crashes, report.passed = self.faults.crashes, self.faults.passed
        report.counts = self.faults.happened + self._counts()
        return report

    # --- before and after ---------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        platform = self.platform
        ids = IdAllocator(platform.database)
        with platform.database.transaction() as session:
            for policy in platform.world.policies:
                dispatch.publish_policy(session, ids, policy=policy, now_ms=platform.offset_ms)
            for number in range(USERS):
                name = f"u{number}"
                document = platform.world.profile()
                receipt = put_profile(
                    session,
                    ids,
                    caller=CALLER,
                    external_id=name,
                    document=document,
                    taxonomy=platform.taxonomy,
                    now_ms=platform.offset_ms,
                )
                platform.knowledge.users[name] = receipt.user_id
                platform.knowledge.touched[name].append([0, 0])
        for number in range(2):
            self.spawn(f"dispatcher-{number}", "dispatcher", platform.dispatcher)
            self.spawn(f"worker-{number}", "worker", platform.worker)
            self.spawn(f"keeper-{number}", "keeper", platform.keeper)
        for number in range(CLIENTS):
            self.spawn(f"client-{number}", "client", lambda actor: Client(platform, actor).run())

    def _end(self) -> None:
        """End every thread where it stands."""
        self.platform.closing = True
        self.faults.calm = True
        for actor in self.actors:
            while not actor.ended:
                self._bench.scheduler.resume(actor, die=True)
            self._bench.scheduler.bury(actor)
        self._bench.scheduler.writer = None
        self._bench.database.faults = None
        for client in self.platform.clients:
            client.close()

    def _counts(self) -> Counter[str]:
        knowledge = self.platform.knowledge
        return Counter(
            {
                "orders": len(knowledge.known),
                "waves": knowledge.waves,
                "users told": len(knowledge.told),
                "acceptances": len(knowledge.accepted),
                "selections": sum(map(len, knowledge.tokens.values())),
                "requests": knowledge.requests,
                "requests refused": knowledge.refusals,
                "requests of unknown outcome": knowledge.unknown,
                "commits": self.faults.commits,
            }
        )

    # --- steps --------------------------------------------------------------------------------------------------------

    def spawn(self, name: str, role: str, body: Callable[[Actor], None], *, rests_ms: int = 0) -> None:
        """Begin a process that rests at first."""
        actor = Actor(name, role, body)
        actor.wakes_at_ms = self.platform.elapsed_ms + rests_ms
        self.actors.append(actor)
        self._bench.scheduler.start(actor)

    def _step(self) -> None:
        """Let one actor go on, or let time pass until one can."""
        platform, scheduler = self.platform, self._bench.scheduler
        platform.step += 1
        self._do_later()
        ready = [actor for actor in self.actors if self._can_go_on(actor)]
        if not ready:
            self._let_time_pass()
            return
        actor = self._draws.choice(ready)
        platform.elapsed_ms += self._draws.randrange(0, 12)
        able = not actor.frozen and actor.role != "client" and actor is not scheduler.writer
        actor.frozen = False
        if able and self.faults.freezes(actor):
            self.faults.happened["freeze"] += 1
            self._strikes.freeze(actor)
            return
        stands = actor.point
        # A web process that waits for requests is not one that answers them: clients die inside requests only.
        mortal = actor.role != "client" or stands not in ("idle", "start")
        dies = mortal and self.faults.kills(actor)
        if dies:
            platform.tell(actor, f"DIES at {stands}")
        scheduler.resume(actor, die=dies)
        if self.faults.commits != self._looked_at:
            self._look(actor)
        if actor.ended:
            self._bury(actor, dies=dies)

    def _can_go_on(self, actor: Actor) -> bool:
        if actor.waits_for_writer and self._bench.scheduler.writer is not None:
            return False
        return actor.wakes_at_ms <= self.platform.elapsed_ms

    def _let_time_pass(self) -> None:
        platform = self.platform
        times = [actor.wakes_at_ms for actor in self.actors if actor.wakes_at_ms > platform.elapsed_ms]
        times += [at_ms for at_ms, _ in self._later if at_ms > platform.elapsed_ms]
        platform.elapsed_ms = min(times, default=platform.elapsed_ms + 1)

    def _look(self, actor: Actor) -> None:
        knowledge = self.platform.knowledge
        self._looked_at = self.faults.commits
        if actor.polls:
            return
        self._wake_workers()
        pair = self.platform.accepting.get(actor.name)
        if pair is not None:
            knowledge.arrivals[pair[0]].append(pair[1])
        with self._bench.database.read() as session:
            if actor.role in ("client", "dispatcher"):
                verdict.look(session, knowledge, waves=actor.role == "dispatcher")
            if self.faults.commits - self._checked_at >= TABLES_EVERY:
                self._checked_at = self.faults.commits
                verdict.check_tables(session)

    def _wake_workers(self) -> None:
        """Something was committed: mostly a call reaches those who wait for work; else they look by themselves."""
        if self._draws.random() < 0.2:
            return
        soon_ms = self.platform.elapsed_ms + self._draws.randrange(2, 60)
        for each in self.actors:
            if each.point == "idle" and each.role in ("dispatcher", "worker") and not each.frozen:
                each.wakes_at_ms = min(each.wakes_at_ms, soon_ms)

    def _bury(self, actor: Actor, *, dies: bool) -> None:
        self.actors.remove(actor)
        self._bench.scheduler.bury(actor)
        if actor.error is not None:
            if isinstance(actor.error, Violation):
                raise actor.error
            raise Violation(
                "nothing unexpected is raised", f"{actor.name}: {type(actor.error).__name__}: {actor.error}"
            )
        if not dies or actor.role == "echo":
            return
        body = getattr(self.platform, actor.role)
        self.spawn(actor.name, actor.role, body, rests_ms=self._draws.randrange(10, 3_000))

    def after(self, milliseconds: int, do: Callable[[], None]) -> None:
        """Do something when so much simulated time has passed."""
        self._later.append((self.platform.elapsed_ms + milliseconds, do))

    def _do_later(self) -> None:
        due = [each for each in self._later if each[0] <= self.platform.elapsed_ms]
        if due:
            self._later = [each for each in self._later if each[0] > self.platform.elapsed_ms]
            for _, do in due:
                do()

    # --- rest ---------------------------------------------------------------------------------------------------------

    def _rest(self) -> None:
        """Heal everything, and work until nothing is left to do."""
        platform = self.platform
        self.faults.calm = True
        platform.tell(None, "CALM")
        self._strikes.heal()
        until = platform.step + MOST_REST_STEPS
        while not self._rests():
            if platform.step >= until:
                raise Violation(
                    "everything comes to rest", f"not within {MOST_REST_STEPS} steps of calm: {self._standing()}"
                )
            self._step()

    def _standing(self) -> str:
        now_ms = self.platform.elapsed_ms
        return ", ".join(f"{each.name} at {each.point} for {each.wakes_at_ms - now_ms} ms" for each in self.actors)

    def _rests(self) -> bool:
        """Whether nobody does anything; when all wait for a timer, the clock goes there."""
        platform = self.platform
        busy = [a for a in self.actors if a.role in ("client", "echo") or a.point != "idle" or a.frozen]
        if busy or self._later:
            return False
        with self._bench.database.read() as session:
            first = overdue_work(session, verdict.END_OF_TIME_MS, 0, 1)
        complete = self._bench.redis.execute("EXISTS", GENERATION_KEY)
        if complete and not first:
            return True
        needed = ROLES[first[0][1]] if complete else "keeper"
        now_ms = platform.offset_ms + platform.elapsed_ms
        # An empty Redis is waited for: the claim of a keeper that died runs out.
        wait_ms = verdict.END_OF_TIME_MS - first[0][2] - now_ms if complete else KEEP_MS
        platform.elapsed_ms += max(0, wait_ms)
        chosen = self._draws.choice([actor for actor in self.actors if actor.role == needed])
        for actor in self.actors:
            actor.wakes_at_ms = platform.elapsed_ms + (0 if actor is chosen else LEASE_MS)
        return False
