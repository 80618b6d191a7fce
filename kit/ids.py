"""Ids: whole numbers from 2^40 up and below 2^53, unique in one database, growing with time within one process."""

import threading
from collections.abc import Sequence
from typing import Final

from kit.db import CommitOutcomeUnknown, Database, DatabaseUnavailable, Session, next_sequence
from kit.errors import Unavailable

FIRST_ID: Final = 1 << 40
"""Below it live the ids that come from outside."""
END_OF_IDS: Final = 1 << 53
"""Above it JavaScript and JSON readers lose digits."""
MIN_BLOCK: Final = 1_024
MAX_BLOCK: Final = 65_536
MAX_TAKE: Final = 1_000_000
COUNTER: Final = "ids"


class IdsUsedUp(Unavailable):
    """All ids below 2^53 were given out."""


class IdAllocator:
    """Gives ids out of blocks that it takes from one counter of the database; safe for threads.

    A process that ends leaves the rest of its block unused. Blocks grow from 1,024 to 65,536 with the demand.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._refill = threading.Lock()
        self._next = 0
        self._end = 0
        self._block = MIN_BLOCK

    def next_id(self) -> int:
        """Return one new id."""
        return self.take(1)[0]

    def take(self, count: int = 1) -> Sequence[int]:
        """Return ``count`` new ids, ascending (not always without gaps between them)."""
        if not 1 <= count <= MAX_TAKE:
            raise ValueError(f"IdAllocator.take: count {count} is outside 1..{MAX_TAKE}")
        taken = self._from_block(count)
        if taken is not None:
            return taken
        session = self._database.open_session
        if session is not None and self._database.dialect == "sqlite":
            # The one writer is ourselves: waiting for a transaction beside it would wait for ever. Exactly the
            # ids asked for, so that a rollback gives them back and no block outlives it.
            return self._from_counter(session, count)
        with self._refill:
            taken = self._from_block(count)
            if taken is not None:
                return taken
            return self._take_block(count, beside=session is not None)

    def _from_block(self, count: int) -> range | None:
        with self._lock:
            if self._end - self._next < count:
                return None
            first = self._next
            self._next += count
            return range(first, first + count)

    def _take_block(self, count: int, *, beside: bool) -> range:
        size = max(self._block, count)
        self._block = min(MAX_BLOCK, self._block * 2)
        if beside:
            block = self._block_beside(size)
        else:
            # Taken twice it is another block; the first one stays unused.
            block = self._database.run_idempotent(lambda session: self._from_counter(session, size))
        with self._lock:
            self._next = block.start + count
            self._end = block.stop
        return range(block.start, block.start + count)

    def _block_beside(self, size: int) -> range:
        try:
            with self._database.transaction_apart() as session:
                return self._from_counter(session, size)
        except CommitOutcomeUnknown as error:
            # Said of the transaction that is open around this one, it would be wrong: that one keeps nothing.
            raise DatabaseUnavailable(error.sentence) from error

    @staticmethod
    def _from_counter(session: Session, count: int) -> range:
        first = next_sequence(session, COUNTER, count, first=FIRST_ID)
        if first + count > END_OF_IDS:
            raise IdsUsedUp("all ids below 2^53 are used up: the installation needs a new database")
        return range(first, first + count)
