"""The real database and the real Redis, with a pause at every door and faults behind it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from kit.db import CommitOutcomeUnknown, Database, LockConflict, Session
from kit.redis import RedisClient, RedisUnavailable
from kit.redis.client import Argument
from kit.redis.generation import REBUILD_KEY
from quanwang.simulation.scheduler import Died, Scheduler

T = TypeVar("T")


class StoreFaults(Protocol):
    """Decides what goes wrong at a door of a store."""

    def at_begin(self) -> bool:
        """Whether this transaction meets a lock conflict."""
        ...

    def at_commit(self) -> str:
        """``kept``; ``unknown_kept`` or ``unknown_lost``: the connection breaks during the commit."""
        ...

    def at_redis(self) -> str:
        """``answered``; ``away``: nothing arrives; ``unheard``: it is done and the answer is lost."""
        ...

    def committed(self) -> None:
        """Is told of every commit that was kept."""
        ...


class SimulatedDatabase(Database):
    """A database whose transactions begin and end at pauses; one writes at a time, as the scheduler decides."""

    def __init__(self, url: str, scheduler: Scheduler) -> None:
        super().__init__(url, pool_size=12)
        self._scheduler = scheduler
        self.faults: StoreFaults | None = None

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """As the real one; before it begins others may have their turn, after its commit as well."""
        if self._scheduler.current is None or self.faults is None:
            with super().transaction() as session:
                yield session
            return
        self._scheduler.take_writer()
        try:
            if self.faults.at_begin():
                raise LockConflict("a simulated conflict: the same transaction may succeed when tried again")
            with super().transaction() as session:
                yield session
        finally:
            self._scheduler.give_writer()
        self._scheduler.pause_at("transaction.ended")

    @contextmanager
    def read(self) -> Iterator[Session]:
        """As the real one; before it begins others may have their turn."""
        self._scheduler.pause_at("reading.begins")
        with super().read() as session:
            yield session

    def _commit(self, connection: Session) -> None:
        faults = self.faults
        beside = connection is not self.open_session  # a block of ids
        if self._scheduler.current is None or faults is None or beside:
            super()._commit(connection)
            return
        outcome = faults.at_commit()
        if outcome == "unknown_lost":
            connection.rollback()
        else:
            super()._commit(connection)
            faults.committed()
        if outcome != "kept":
            raise CommitOutcomeUnknown("a simulated break of the connection during the commit: it may have been kept")


class ClaimClock(Protocol):
    """Lets the claim of a rebuild run out on simulated time; Redis itself lives in real time."""

    def claim_taken(self) -> None:
        """Is told that somebody tries to take the claim, or extends it."""
        ...

    def claim_is_over(self) -> bool:
        """Whether the claim that was taken last has run out."""
        ...


class SimulatedRedis(RedisClient):
    """A client whose commands go out after a pause, and may be lost."""

    def __init__(self, url: str, scheduler: Scheduler, faults: StoreFaults, clock: ClaimClock) -> None:
        super().__init__(url, max_connections=4)
        self._scheduler = scheduler
        self._faults = faults
        self._clock = clock

    def execute(self, *command: Argument, attempts: int | None = None) -> Any:
        """As the real one; a claim of a rebuild that ran out on simulated time is taken away first."""
        if command[:2] == ("SET", REBUILD_KEY) and self._clock.claim_is_over():
            self._redis.execute_command("DEL", REBUILD_KEY)
        answer = super().execute(*command, attempts=attempts)
        if REBUILD_KEY in command[1:4] and isinstance(command[-1], int) and answer:
            self._clock.claim_taken()
        return answer

    def _try(self, send: Callable[[], T], attempts: int | None) -> T:
        self._scheduler.pause_at("redis")
        actor = self._scheduler.current
        if actor is not None and actor.dead:
            raise Died("redis")
        fate = "answered" if actor is None else self._faults.at_redis()
        if fate == "away":
            raise RedisUnavailable("a simulated outage of Redis; the database is used meanwhile", 1)
        answer = super()._try(send, attempts)
        if fate == "unheard":
            raise RedisUnavailable("a simulated loss of an answer of Redis", 1)
        return answer
