"""How fast waves reach inboxes, and how fast all inboxes are filled again after Redis was wiped.

A private Redis on a unix socket; the code that delivers and rebuilds is the product's own, so is every bound in it.
``python -m benchmarks.dispatch.inboxes --users 1000000`` prints the figures as JSON.
"""

import argparse
import json
import tempfile
import threading
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.environment import environment
from benchmarks.timing import median, now_s, summary, undisturbed
from kit.db import Database, Session
from kit.redis import EmbeddedRedis, connect
from marketplace.inbox import InboxKeeper, InboxStore
from marketplace.inbox.entries import ENTRIES_PER_USER

START_MS: Final = 1_790_000_000_000
LASTS_MS: Final = 1_800_000
CHUNKS_AT_ONCE: Final = 256
"""As many wave chunks as a worker claims at once."""
READ_EVERY_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class InboxSettings:
    """What is measured. ``full_users`` of the users hold 100 entries already, so that each new one pushes one out."""

    users: int = 1_000_000
    recipients: int = 50
    full_users: int = 5_000
    entries: int = 1_000_000
    rounds: int = 3
    seed: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.recipients <= self.users or not 0 <= self.full_users <= self.users or self.rounds < 1:
            raise ValueError(f"{self}: recipients and full_users must not exceed users, and rounds must be 1 or more")


@dataclass(frozen=True, slots=True)
class Entry:
    """What all recipients of a chunk read."""

    event_id: int
    dispatch_id: int
    title: str
    tier: str
    wave: int
    notified_at_ms: int
    expires_at_ms: int
    state: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A wave chunk as the database gives it."""

    entry: Entry
    user_ids: "array[int]"
    scores: "array[int]"


@dataclass(frozen=True, slots=True)
class Notice:
    """One offer of one user."""

    entry: Entry
    score: int


class Waves:
    """Waves in memory, in place of those in the database: what is measured is Redis and our own code."""

    def __init__(self, users: int, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._users = users
        self.chunks: list[Chunk] = []

    def add(self, user_ids: "np.ndarray[Any, np.dtype[np.int64]]") -> Chunk:
        """Commit a chunk for these users, ascending."""
        number = len(self.chunks) + 1
        at_ms = START_MS + number
        entry = Entry(number, 1 << 40 | number, f"电焊工 {number}", "full", 1, at_ms, at_ms + LASTS_MS, "open")
        scores = self._random.integers(5_000, 11_000, len(user_ids)).astype("<i4")
        chunk = Chunk(entry, array("q", user_ids.astype("<i8").tobytes()), array("i", scores.tobytes()))
        self.chunks.append(chunk)
        return chunk

    def draw(self, recipients: int) -> Chunk:
        """Commit a chunk for so many users drawn at random."""
        drawn = self._random.choice(self._users, recipients, replace=False, shuffle=False) + 1
        return self.add(np.sort(drawn))

    def iterate_wave_chunks(
        self,
        session: Session,  # noqa: ARG002  # there is no database
        since_ms: int,  # noqa: ARG002  # all waves are of the same minute
        after_event_id: int,
        limit: int,
    ) -> Sequence[Chunk]:
        """The next chunks, as the port of the inbox wants them."""
        return self.chunks[after_event_id : after_event_id + limit]

    def waves_of_user(self, *_arguments: object, **_options: object) -> Sequence[Notice]:
        """Nothing: no page is read here."""
        return []

    def labels_of(self, *_arguments: object) -> dict[int, Entry]:
        """Nothing: no page is read here."""
        return {}


def measure(settings: InboxSettings) -> dict[str, Any]:
    """Return ``inbox_entries_per_s``, ``redis_rebuild_entries_per_s`` (medians of the rounds) and what they are of."""
    with tempfile.TemporaryDirectory(prefix="qw-inbox-") as folder:
        server = EmbeddedRedis(Path(folder))
        server.start()
        client = connect(server.url, timeout_s=30)
        database = Database(f"sqlite:///{folder}/empty.sqlite3")
        try:
            store, waves = InboxStore(client), Waves(settings.users, settings.seed)
            keeper = InboxKeeper(database, store, waves, history_ms=START_MS)
            keeper.keep(START_MS)
            _fill(store, waves, settings)
            waits = ReadTimes(store, settings)
            delivered = [_deliver(store, waves, settings) for _ in range(settings.rounds)]
            reads_ms = waits.stop()
            keys = int(client.execute("DBSIZE"))
            rebuilt = [_rebuild(store, keeper) for _ in range(settings.rounds)]
            memory_bytes = int(client.execute("INFO", "memory")["used_memory"])
        finally:
            client.close()
            database.dispose()
            server.stop()
    return {
        "inbox_entries_per_s": round(median(delivered)),
        "redis_rebuild_entries_per_s": round(median(rebuilt)),
        "inbox_read_beside_ms": {name: round(value, 2) for name, value in summary(reads_ms).items()},
        "keys": keys,
        "entries_rebuilt": sum(len(chunk.user_ids) for chunk in waves.chunks),
        "redis_memory_bytes": memory_bytes,
        "rounds": {"inbox_entries_per_s": delivered, "redis_rebuild_entries_per_s": rebuilt},
        "settings": asdict(settings),
        "environment": environment(("redis", "orjson")),
    }


class ReadTimes:
    """Reads inboxes beside the deliveries, as users do, and keeps how long each read took."""

    def __init__(self, store: InboxStore, settings: InboxSettings) -> None:
        self._store, self._settings = store, settings
        self._milliseconds: list[float] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._read, name="reader")
        self._thread.start()

    def stop(self) -> list[float]:
        """Return the milliseconds of every read."""
        self._done.set()
        self._thread.join()
        return self._milliseconds

    def _read(self) -> None:
        drawn = np.random.default_rng(self._settings.seed + 1)
        while not self._done.wait(READ_EVERY_S):
            started_s = now_s()
            self._store.read_all(int(drawn.integers(1, self._settings.users + 1)))
            self._milliseconds.append((now_s() - started_s) * 1_000)


def _fill(store: InboxStore, waves: Waves, settings: InboxSettings) -> None:
    """Give every user one entry, and ``full_users`` of them all that an inbox holds."""
    for start in range(1, settings.users + 1, 8_000):
        store.deliver([waves.add(np.arange(start, min(start + 8_000, settings.users + 1)))])
    if settings.full_users:
        everyone = np.arange(1, settings.full_users + 1)
        for _ in range(ENTRIES_PER_USER):
            for start in range(0, settings.full_users, 8_000):
                store.deliver([waves.add(everyone[start : start + 8_000])])


def _deliver(store: InboxStore, waves: Waves, settings: InboxSettings) -> float:
    """Deliver new waves in batches as a worker does; return entries a second."""
    count = max(1, settings.entries // settings.recipients)
    chunks = [waves.draw(settings.recipients) for _ in range(count)]
    with undisturbed():
        started_s = now_s()
        for batch in _batches(chunks):
            told = store.deliver(batch)
            if told != sum(len(chunk.user_ids) for chunk in batch):
                raise RuntimeError("somebody was not told, or was told before")
        return count * settings.recipients / (now_s() - started_s)


def _batches(chunks: Sequence[Chunk]) -> Iterator[Sequence[Chunk]]:
    for start in range(0, len(chunks), CHUNKS_AT_ONCE):
        yield chunks[start : start + CHUNKS_AT_ONCE]


def _rebuild(store: InboxStore, keeper: InboxKeeper) -> float:
    """Wipe Redis and fill it again; return entries a second."""
    store.client.execute("FLUSHALL", "SYNC")
    with undisturbed():
        started_s = now_s()
        report = keeper.keep(START_MS)
        if report is None:
            raise RuntimeError("the rebuild did not come to its end")
        return report.entries / (now_s() - started_s)


def main() -> None:
    """Measure as the options say and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    settings = InboxSettings()
    for name, value in asdict(settings).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)
    print(json.dumps(measure(replace(settings, **vars(parser.parse_args()))), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
