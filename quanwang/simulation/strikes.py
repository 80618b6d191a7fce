"""What happens to the whole installation: freezes, losses, clocks that jump, switches, deliveries that come twice."""

import random
from collections.abc import Callable
from typing import Protocol

from kit.db import Session
from kit.errors import Unavailable
from kit.redis import RedisClient
from marketplace.dispatch.history_repository import read_chunks
from marketplace.settings import Switch, read_switches, set_switch
from quanwang.simulation.candidates import SHARDS
from quanwang.simulation.faults import HOUR_MS, Faults
from quanwang.simulation.platform import LEASE_MS, Platform
from quanwang.simulation.scheduler import Actor


class Run(Protocol):
    """The run that is struck."""

    platform: Platform
    faults: Faults
    actors: list[Actor]

    def after(self, milliseconds: int, do: Callable[[], None]) -> None:
        """Do something when so much time has passed."""
        ...

    def spawn(self, name: str, role: str, body: Callable[[Actor], None], *, rests_ms: int = 0) -> None:
        """Begin a process."""
        ...


class Strikes:
    """Strikes one run; everything heals after a while, or by ``heal``."""

    def __init__(self, run: Run, redis: RedisClient) -> None:
        self._run, self._redis = run, redis
        self._platform, self._faults = run.platform, run.faults
        self._draws: random.Random = run.platform.world.draws
        self._clocks_ahead_ms = 0
        self._duplicates = 0

    def strike(self, what: str) -> None:
        """Let it happen; ``what`` is one of faults.STRIKES."""
        named = what.replace("_", " ")
        self._platform.tell(None, named.upper())
        self._faults.happened[named] += 1
        getattr(self, f"_{what}")()

    def freeze(self, actor: Actor) -> None:
        """Stop a process where it stands, mostly for longer than its lease."""
        actor.frozen = True
        actor.wakes_at_ms = self._platform.elapsed_ms + self._draws.randrange(LEASE_MS // 2, 3 * LEASE_MS)
        self._platform.tell(actor, f"is frozen at {actor.point}")

    def heal(self) -> None:
        """End everything that would end by itself later."""
        self._faults.redis_away = self._faults.shard_is_lost = False
        for actor in self._run.actors:
            actor.clock_skew_ms = 0
        for switch in (Switch.DISPATCH, Switch.DELIVERIES):
            self._set_switch(switch, paused=False)

    def _freeze(self) -> None:
        """Stop some process; not while it writes: others would only wait."""
        writer = self._platform.scheduler.writer
        able = [each for each in self._run.actors if each is not writer and each.role != "client"]
        able = [each for each in able if each.point not in ("idle", "start")]
        if able:
            self.freeze(self._draws.choice(able))

    def _wipe_redis(self) -> None:
        self._redis.execute("FLUSHALL")

    def _redis_away(self) -> None:
        self._faults.redis_away = True

        def back() -> None:
            self._faults.redis_away = False

        self._run.after(self._draws.randrange(200, 4_000), back)

    def _lose_shard(self) -> None:
        """What one shard holds is missing from answers; shorter than it takes to call its work a dead letter."""
        self._faults.shard_is_lost = True
        self._faults.lost_shard = self._draws.randrange(SHARDS)

        def back() -> None:
            self._faults.shard_is_lost = False

        self._run.after(self._draws.randrange(500, 3_000), back)

    def _clock_jump(self) -> None:
        """One process lives an hour earlier or later for a while."""
        self._platform.clocks_jumped = True
        actor = self._draws.choice(self._run.actors)
        actor.clock_skew_ms = self._draws.choice((-HOUR_MS, HOUR_MS, -1_500, 1_500))

        def back() -> None:
            actor.clock_skew_ms = 0

        self._run.after(self._draws.randrange(500, 8_000), back)

    def _all_clocks_jump(self) -> None:
        """The machine's clock is set; the second time it is set back."""
        self._platform.clocks_jumped = True
        jump_ms = -self._clocks_ahead_ms or self._draws.choice((-HOUR_MS, HOUR_MS))
        self._clocks_ahead_ms += jump_ms
        self._platform.offset_ms += jump_ms

    def _switch(self) -> None:
        switch = self._draws.choice((Switch.DISPATCH, Switch.DELIVERIES))
        self._set_switch(switch, paused=True)
        self._run.after(self._draws.randrange(300, 5_000), lambda: self._set_switch(switch, paused=False))

    def _set_switch(self, switch: Switch, *, paused: bool) -> None:
        if self._platform.scheduler.writer is not None:
            self._run.after(50, lambda: self._set_switch(switch, paused=paused))
            return
        now_ms = self._platform.offset_ms + self._platform.elapsed_ms

        def write(session: Session) -> None:
            if read_switches(session).paused(switch) != paused:
                set_switch(session, switch=switch, paused=paused, set_by="simulation", reason="drill", now_ms=now_ms)

        self._platform.database.run(write)

    def _late_duplicate(self) -> None:
        """A delivery that was done comes once more, long after it."""
        delivered = sorted(self._platform.knowledge.delivered)
        if not delivered:
            return
        chosen = [self._draws.choice(delivered)]

        def deliver_again(actor: Actor) -> None:
            store = self._platform.new_inbox_store()
            with self._platform.database.read() as session:
                chunks = read_chunks(session, chosen)
            self._platform.sleep(actor, self._draws.randrange(0, 3_000), "delivery.chunks_read")
            try:
                store.deliver(chunks)
            except Unavailable:
                self._platform.tell(actor, "the duplicate was not taken")

        self._duplicates += 1
        self._run.spawn(f"echo-{self._duplicates}", "echo", deliver_again)
