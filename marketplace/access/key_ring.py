"""Authentication for the hot path: one look at the database per key and two seconds, not per request."""

import threading
from typing import Final

from kit.db import Database
from kit.errors import Unavailable
from marketplace.access import repository, secrets
from marketplace.access.authenticate import admit
from marketplace.access.caller import Caller
from marketplace.access.records import KeyRecord

DEFAULT_TTL_MS: Final = 2_000
DEFAULT_CAPACITY: Final = 4_096
STALE_LIMIT_MS: Final = 60_000
"""How long a key that was seen is trusted while the database does not answer: reads from Redis go on meanwhile."""


class KeyRing:
    """Caches key records, never decisions: expiry is judged on every call, a revocation is seen within ``ttl_ms``.

    Unknown ids are not cached, so a new key works at once; each of them costs one primary-key read.
    At most ``capacity`` keys are kept. Thread-safe.
    """

    def __init__(
        self,
        database: Database,
        *,
        ttl_ms: int = DEFAULT_TTL_MS,
        capacity: int = DEFAULT_CAPACITY,
    ) -> None:
        if ttl_ms < 0 or capacity < 1:
            raise ValueError("ttl_ms must be 0 or more, capacity 1 or more")
        self._database = database
        self._ttl_ms = ttl_ms
        self._capacity = capacity
        self._records: dict[int, tuple[int, KeyRecord]] = {}
        self._used_at_ms: dict[int, int] = {}
        self._lock = threading.Lock()

    def recognise(self, secret: str, *, now_ms: int) -> Caller | None:
        """As :meth:`authenticate`, without asking the database; None when it would have to be asked."""
        key_id = secrets.key_id_in(secret)
        if key_id is None or (record := self._fresh(key_id, now_ms)) is None:
            return None
        return self._admit(record, secret, now_ms)

    def authenticate(self, secret: str, *, now_ms: int) -> Caller:
        """Return the caller whose secret this is. Raises WrongApiKey, KeyRevoked, KeyExpired or Unavailable."""
        key_id = secrets.key_id_in(secret)
        return self._admit(self._record(key_id, now_ms) if key_id is not None else None, secret, now_ms)

    def _admit(self, record: KeyRecord | None, secret: str, now_ms: int) -> Caller:
        caller = admit(record, secrets.digest(secret), now_ms)
        with self._lock:
            self._used_at_ms[caller.key_id] = now_ms
        return caller

    def flush_last_used(self) -> int:
        """Write when each key was last used since the last flush; returns how many. Meant for a timer."""
        with self._lock:
            used, self._used_at_ms = self._used_at_ms, {}
        if used:
            self._database.run_idempotent(lambda session: repository.record_use(session, used))
        return len(used)

    def _fresh(self, key_id: int, now_ms: int) -> KeyRecord | None:
        with self._lock:
            cached = self._records.get(key_id)
        return cached[1] if cached is not None and 0 <= now_ms - cached[0] < self._ttl_ms else None

    def _record(self, key_id: int, now_ms: int) -> KeyRecord | None:
        if (fresh := self._fresh(key_id, now_ms)) is not None:
            return fresh
        with self._lock:
            cached = self._records.get(key_id)
        try:
            with self._database.read() as session:
                record = repository.find_record(session, key_id)
        except Unavailable:
            if cached is not None and 0 <= now_ms - cached[0] < STALE_LIMIT_MS:
                return cached[1]
            raise
        with self._lock:
            self._records.pop(key_id, None)
            if record is not None:
                if len(self._records) >= self._capacity:
                    # Dictionaries keep insertion order: the first is the one refreshed longest ago.
                    self._records.pop(next(iter(self._records)))
                self._records[key_id] = (now_ms, record)
        return record
