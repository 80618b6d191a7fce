"""Keeps the inboxes in Redis complete: notices that Redis was emptied or replaced, and rebuilds them from the waves.

Why nothing is lost and nothing doubled while deliveries go on: a wave is committed before it is delivered, and a
rebuild reads the waves only after its claim stands in Redis. A delivery before the claim is therefore read by the
rebuild; one after it writes beside the rebuild, and the same entry written twice is one entry. If Redis is emptied
again, the claim is gone with the rest: the rebuild notices at its next write, and no mark is set without the claim.

When a standby takes over, the rebuild brings what it lacked. But a worker may not have heard of it yet and write to the
old server for a moment. So some time later the waves of that time are written once more.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from kit.crash_points import Reached, passing_by
from kit.db import Database
from kit.logging import logger_of
from kit.redis import Generation
from marketplace.inbox import redis_scripts as scripts
from marketplace.inbox.entries import ENTRIES_PER_USER, packed_prefix
from marketplace.inbox.ports import NoticeChunk, WaveHistory
from marketplace.inbox.redis_store import (
    BROADCAST_ABOVE_USERS,
    PIPELINE_USERS,
    InboxStore,
    broadcast_call,
    parts_of,
    title_of,
)

log = logger_of(__name__)

LEASE_MS: Final = 15_000
FIRST_READ_CHUNKS: Final = 16
MAX_READ_CHUNKS: Final = 256
USERS_PER_READ: Final = 200_000
"""About as many users are held in memory, and written between two looks at the claim."""
USERS_PER_SCRIPT: Final = 500
LABELS_PER_SCRIPT: Final = 200
SETTLED_MS: Final = 20_000
"""So long after a standby took over nobody writes to the old server any more: clients wait 2 s for an answer, and
Sentinels tell a primary that comes back within some seconds that it is none."""

HISTORY_MS: Final = 45 * 24 * 3_600_000
"""How far back a rebuild reads; older entries stay readable from the database."""


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What a rebuild wrote. ``entries`` counts users told, broadcasts included."""

    generation: str
    chunks: int
    entries: int


class RebuildLost(Exception):
    """The claim is gone: Redis was emptied again, or was out of reach for longer than the lease."""


class InboxKeeper:
    """Looks after one Redis; call ``keep`` twice a second in any number of processes, one of them rebuilds."""

    def __init__(
        self, database: Database, store: InboxStore, history: WaveHistory, *, history_ms: int = HISTORY_MS
    ) -> None:
        self._database = database
        self._store = store
        self._history = history
        self._history_ms = history_ms
        client = store.client
        self._generation = Generation(client)
        self._begin = client.script(scripts.BEGIN_RESTORE)
        self._restore = client.script(scripts.RESTORE)
        self._labels = client.script(scripts.RESTORE_LABELS)
        self._finish = client.script(scripts.FINISH_RESTORE)
        self._broadcast = client.script(scripts.BROADCAST)

    def keep(self, now_ms: int, *, reached: Reached = passing_by) -> RebuildReport | None:
        """Rebuild if Redis is not complete and nobody else does; None when there was nothing to do, or it was lost.

        Raises RedisUnavailable or the database's errors; then the claim runs out and the next call starts over.
        """
        moved_ms = None
        if self._complete():
            moved_ms = self._settled(now_ms)
            if moved_ms is None:
                return None
        token = secrets.token_hex(8)
        if not self._generation.claim_rebuild(token, LEASE_MS):
            return None
        try:
            reached("rebuild.claimed")
            if moved_ms is not None:
                self._settle(token, moved_ms, reached)
                return None
            return self._rebuild(token, now_ms, reached)
        except RebuildLost:
            return None
        except BaseException:
            self._generation.abandon_rebuild(token)
            raise

    def _complete(self) -> bool:
        """Whether the mark is there and was set on this very server.

        A server that restarted from an old dump, or a standby that was promoted and lacks the last writes, carries a
        mark that is not its own: it is taken away.
        """
        if self._generation.generation() is None:
            return False
        client = self._store.client
        filled = client.execute("GET", scripts.SERVER_KEY)
        if filled is not None and filled.decode() == self._server():
            return True
        client.execute("SET", scripts.MOVED_KEY, 0)
        self._generation.clear()
        return False

    def _settled(self, now_ms: int) -> int | None:
        """When this server took over, if what the old one may still have got is to be written now; else None."""
        moved_ms = self._store.client.execute("GET", scripts.MOVED_KEY)
        return int(moved_ms) if moved_ms is not None and now_ms - int(moved_ms) > SETTLED_MS else None

    def _settle(self, token: str, moved_ms: int, reached: Reached) -> None:
        """Write the waves from around a change of the server once more, and tell who watches if some were missing."""
        _check(self._begin.run([], [token]))
        added = self._write_since(token, moved_ms - SETTLED_MS, reached).added
        self._store.client.execute("DEL", scripts.MOVED_KEY)
        self._generation.abandon_rebuild(token)
        if added:
            log.warning("entries written to a former Redis primary were missing and are here now", entries=added)
            self._store.client.execute("PUBLISH", scripts.EVENTS_CHANNEL, scripts.RESET_EVENT)

    def _server(self) -> str:
        """Return what tells this run of this server from every other one."""
        return str(self._store.client.execute("INFO", "server")["run_id"])

    def _warn_of_eviction(self) -> None:
        memory = self._store.client.execute("INFO", "memory")
        if memory.get("maxmemory_policy", "noeviction") != "noeviction" and memory.get("maxmemory"):
            log.warning(
                "Redis may throw inboxes away while they count as complete: set its maxmemory-policy to noeviction",
                where=self._store.client.where,
                policy=memory["maxmemory_policy"],
            )

    def _rebuild(self, token: str, now_ms: int, reached: Reached) -> RebuildReport:
        server = self._server()
        _check(self._begin.run([], [token]))
        reached("rebuild.begun")
        # If it follows a takeover, the time of that is now, when everything committed before is about to be read.
        self._store.client.execute("SET", scripts.MOVED_KEY, now_ms, "XX")
        since_ms = max(0, now_ms - self._history_ms)
        written = self._write_since(token, since_ms, reached)
        floor = 0
        if self._has_older(since_ms, written.first or 1 << 53):
            floor = written.first or 1 << 53
        generation = f"{now_ms}-{token}"
        _check(self._finish.run([], [token, floor, server, written.last, generation]))
        reached("rebuild.finished")
        self._warn_of_eviction()
        report = RebuildReport(generation, written.chunks, written.entries)
        log.info("inboxes in Redis are complete", generation=generation, chunks=report.chunks, entries=report.entries)
        return report

    def _write_since(self, token: str, since_ms: int, reached: Reached) -> "_Written":
        """Write all waves since a moment, while the claim is held. Raises RebuildLost."""
        written = _Written()
        limit = FIRST_READ_CHUNKS
        while True:
            with self._database.read() as session:
                batch = self._history.iterate_wave_chunks(session, since_ms, written.last, limit)
            reached("rebuild.chunks_read")
            if not self._generation.extend_rebuild(token, LEASE_MS):
                raise RebuildLost
            if not batch:
                return written
            written.first = written.first or batch[0].entry.event_id
            written.added += self._write(token, batch)
            reached("rebuild.chunks_written")
            written.last = batch[-1].entry.event_id
            written.chunks += len(batch)
            users = sum(len(chunk.user_ids) for chunk in batch)
            written.entries += users
            limit = min(MAX_READ_CHUNKS, 2 * limit) if 2 * users <= USERS_PER_READ else max(1, limit // 2)

    def _has_older(self, since_ms: int, first_event_id: int) -> bool:
        """Whether there are waves before the first one that the rebuild reads."""
        if since_ms == 0:
            return False
        with self._database.read() as session:
            oldest = self._history.iterate_wave_chunks(session, 0, 0, 1)
        return bool(oldest) and oldest[0].entry.event_id < first_event_id

    def _write(self, token: str, batch: Sequence[NoticeChunk]) -> int:
        """Write labels and entries; return how many entries were not there."""
        labels = {chunk.entry.dispatch_id: chunk.entry for chunk in batch}
        arguments: list[Any] = []
        for entry in labels.values():
            arguments += [entry.dispatch_id, title_of(entry), entry.state]
        for start in range(0, len(arguments), 3 * LABELS_PER_SCRIPT):
            _check(self._labels.run([], [token, *arguments[start : start + 3 * LABELS_PER_SCRIPT]]))
        small = [chunk for chunk in batch if len(chunk.user_ids) <= BROADCAST_ABOVE_USERS]
        added = self._write_entries(token, small)
        for chunk in batch:
            if len(chunk.user_ids) > BROADCAST_ABOVE_USERS:
                # Not fenced by the token, and needs not be: a committed wave may be written by anybody at any time.
                added += _check(self._broadcast.run(*broadcast_call(chunk)))
                self._store.fold_old_broadcasts()
        return added

    def _write_entries(self, token: str, chunks: Sequence[NoticeChunk]) -> int:
        added = 0
        calls: list[tuple[Sequence[str | bytes], Sequence[Any]]] = []
        arguments: list[Any] = [token, ENTRIES_PER_USER]
        users_in_call = users_waiting = 0
        for chunk in chunks:
            prefix = packed_prefix(chunk.entry)
            for users, scores, count in parts_of(chunk):
                arguments += [chunk.entry.event_id, prefix, users, scores]
                users_in_call += count
                users_waiting += count
                if users_in_call >= USERS_PER_SCRIPT:
                    calls.append(([], arguments))
                    arguments, users_in_call = [token, ENTRIES_PER_USER], 0
                if users_waiting >= PIPELINE_USERS:
                    added += self._send(calls)
                    calls, users_waiting = [], 0
        if users_in_call:
            calls.append(([], arguments))
        return added + self._send(calls)

    def _send(self, calls: list[tuple[Sequence[str | bytes], Sequence[Any]]]) -> int:
        return sum(_check(answer) for answer in self._restore.run_many(calls))


@dataclass(slots=True)
class _Written:
    """What was written so far: event ids of the first and last chunk (0: none), entries, and how many were new."""

    first: int = 0
    last: int = 0
    chunks: int = 0
    entries: int = 0
    added: int = 0


def _check(answer: int) -> int:
    if answer in (scripts.LOST, scripts.NOT_READY):
        raise RebuildLost
    return answer
